// Package jws reads JSON Web Signatures (RFC 7515) and the public keys that check them (RFC 7517), and takes one form of
// each only.
//
//	keys, err := jws.ParseSet(jwks)
//	token, err := jws.Parse(raw, 8<<10)
//	key := keys[token.KeyID]
//	good := key != nil && key.Signed(token)
//
// A token has the compact form, canonical base64url, and a header with alg, kid, perhaps typ, and nothing else: jku, jwk,
// x5u, crit, b64, zip and whatever comes after them have no place to stand. The algorithm is that of the key, ES256,
// EdDSA (Ed25519) or RS256; the header must name the same one (RFC 8725 §3.1). All that can be refused without a key is
// refused before one is touched, within the bound that the caller gives.
//
// Not here: what a token says, when it ends, whom it is for; package verify judges that. No secret keys, no encryption.
package jws

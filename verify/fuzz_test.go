package verify_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/cloakroom-auth/cloakroom/verify"
	"github.com/cloakroom-auth/cloakroom/verify/internal/jws"
)

var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.RS256}

// FuzzVerify holds our reader of tokens to go-jose: whatever we take, it takes too, and reads the same in it. raw is
// tried as it is; header and payload are tried with a good signature, so that the fuzzer gets past it.
func FuzzVerify(f *testing.F) {
	signers := []*signer{newSigner("k1", "ES256"), newSigner("k2", "EdDSA"), newSigner("k3", "RS256")}
	keys := parseKeys(f, signers...)
	for _, s := range signers {
		f.Add(s.token(noon, nil), s.header("at+jwt"), string(encode(claims(noon, nil))), noon.Unix())
	}
	for _, c := range hostile(signers[0]) {
		if len(c.raw) < 4000 {
			f.Add(c.raw, ` {"typ":"at+jwt","kid":"k2","alg":"EdDSA"}`, `{"iss":"https:\/\/auth.example.com","aud":["`+service+`"],"sub":"\u0061","exp":1,"iat":0}`, int64(0))
		}
	}
	f.Fuzz(func(t *testing.T, raw, header, payload string, at int64) {
		now := time.Unix(at%1e12, 0)
		for _, raw := range []string{raw, signers[1].sign(header, payload)} {
			c, verr := keys.Verify(raw, rules(), now)
			opened, oerr := keys.Open(raw, verify.AccessToken)
			switch {
			case verr == nil && oerr != nil:
				t.Fatalf("verified, not opened: %v: %q", oerr, raw)
			case verr != nil && !errors.Is(verr, verify.ErrInvalid), oerr != nil && !errors.Is(oerr, verify.ErrInvalid):
				t.Fatalf("no certain no: %v, %v", verr, oerr)
			case oerr == nil:
				agrees(t, signers, raw, opened)
			}
			if verr == nil {
				agreesOnClaims(t, raw, c)
			}
		}
	})
}

func agrees(t *testing.T, signers []*signer, raw string, payload []byte) {
	t.Helper()
	token, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		t.Fatalf("go-jose does not parse %q: %v", raw, err)
	}
	header := token.Signatures[0].Protected
	n := slices.IndexFunc(signers, func(s *signer) bool { return s.kid == header.KeyID })
	if n < 0 || signers[n].alg != header.Algorithm || header.ExtraHeaders[jose.HeaderType] != verify.AccessToken {
		t.Fatalf("go-jose reads another header in %q: %+v", raw, header)
	}
	theirs, err := token.Verify(signers[n].private.Public())
	if err != nil || string(theirs) != string(payload) {
		t.Fatalf("go-jose reads %q (%v) where we read %q", theirs, err, payload)
	}
}

func agreesOnClaims(t *testing.T, raw string, c *verify.Claims) {
	t.Helper()
	token, err := jwt.ParseSigned(raw, algorithms)
	if err != nil {
		t.Fatal(err)
	}
	var theirs jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&theirs); err != nil { // the signature is checked above
		t.Fatalf("go-jose does not read the claims of %q: %v", raw, err)
	}
	if theirs.Issuer != c.Issuer || theirs.Subject != c.Subject || theirs.ID != c.ID || !slices.Equal([]string(theirs.Audience), c.Audience) ||
		!theirs.Expiry.Time().Equal(c.ExpiresAt) || !theirs.IssuedAt.Time().Equal(c.IssuedAt) {
		t.Fatalf("go-jose reads %+v where we read %+v", theirs, c)
	}
}

// FuzzParseKeys: each key that we take, go-jose finds under the same kid, public, valid and for the same algorithm.
func FuzzParseKeys(f *testing.F) {
	f.Add(jwks(newSigner("k1", "ES256"), newSigner("k2", "EdDSA"), newSigner("k3", "RS256")))
	f.Add([]byte(`{"keys":[{},` + string(encode(newSigner("k1", "EdDSA").jwk())) + `]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA","kid":"x","alg":"HS256"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"k","x":"AA","y":"AA"}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		set, err := jws.ParseSet(doc)
		if err != nil {
			return
		}
		theirs := josesKeys(t, doc)
		for kid, key := range set {
			found := theirs.Key(kid)
			// A key for another use may have the kid of one of ours: we pass it over, go-jose lists it.
			n := slices.IndexFunc(found, func(k jose.JSONWebKey) bool { return k.Algorithm == key.Algorithm })
			if n < 0 || !found[n].Valid() || !found[n].IsPublic() || key.ID != kid {
				t.Fatalf("go-jose has %+v under %q in %q", found, kid, doc)
			}
		}
	})
}

// josesKeys are the keys that go-jose reads, one by one and without members that we pass over: it refuses a set for an
// entry that neither of us could use, and a key for a certificate that we do not look at.
func josesKeys(t *testing.T, doc []byte) (set jose.JSONWebKeySet) {
	t.Helper()
	var top map[string]json.RawMessage
	var entries []map[string]json.RawMessage
	err := json.Unmarshal(doc, &top)
	if err == nil {
		err = json.Unmarshal(top["keys"], &entries)
	}
	if err != nil {
		t.Fatalf("encoding/json does not read %q: %v", doc, err)
	}
	for _, entry := range entries {
		maps.DeleteFunc(entry, func(name string, _ json.RawMessage) bool {
			return !slices.Contains([]string{"kty", "kid", "alg", "crv", "x", "y", "n", "e"}, name)
		})
		var key jose.JSONWebKey
		if json.Unmarshal(encode(entry), &key) == nil {
			set.Keys = append(set.Keys, key)
		}
	}
	return set
}

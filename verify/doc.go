// Package verify is for microservices: it checks the signed tokens of a Cloakroom issuer without asking anybody, and
// still refuses them within a second of the log-out. It needs the standard library only, and nothing else of Cloakroom.
//
// # Use
//
//	var tokens = &verify.Verifier{
//		Issuer:       "https://auth.example.com",
//		Audience:     "https://orders.example.com",
//		ClientID:     "orders",
//		ClientSecret: verify.Secret(os.Getenv("ORDERS_SECRET")),
//	}
//
//	mux.Handle("GET /orders", tokens.Middleware(orders))
//	mux.Handle("DELETE /orders/{id}", tokens.Require(verify.Role("clerk"))(remove))
//	defer tokens.Close()
//
//	func orders(w http.ResponseWriter, r *http.Request) {
//		who, _ := verify.FromContext(r.Context())
//		fmt.Fprintln(w, "orders of", who.Subject)
//	}
//
// Verifier.Check says all that is wrong with the literal; call it when the program starts. Where there is no HTTP
// request, Verifier.Verify takes the token itself. Keys.Verify does so without network or state: the keys, the rules and
// the time are its arguments.
//
// # How a token is judged
//
// It is an RFC 9068 access token: typ at+jwt, signed with ES256, EdDSA or RS256 by a key of the issuer's JWK set, which
// serves that algorithm alone. Issuer and audience must be ours, and it is over when now ≥ exp + Leeway (30 seconds
// unless said otherwise, the same in the server). A token once verified is remembered by its hash until it ends, so the
// signature is paid for once; its end, its key and the revocations are looked at each time.
//
// errors.Is(err, ErrInvalid) is a certain no (401). ErrUnavailable means that nobody can know (503): never sign a user
// out for it.
//
// # What the bound on a log-out means
//
// The verifier follows the issuer's feed of revocations in the background. As long as the feed speaks, a log-out is
// known here as fast as the network carries it. When it is silent for longer than Staleness (1 second), whatever the
// reason, every token is ErrUnavailable: so no token is accepted later than Staleness after its log-out, a cut network
// included. The price is that the service depends on the issuer being up. InsecureAcceptSilence gives up the bound for
// that independence; InsecureSkipRevocations does not even listen, and tokens then live until they expire.
//
// Keys are read again when the issuer's Cache-Control says so, at the latest after 5 minutes, and at once when the feed
// begins to be signed with another key. A withdrawn key is refused from then on. While the issuer is silent the last
// good set is used, at most for KeysStaleness (1 hour). A key that nobody knows makes the set be read at most once a
// minute, however many tokens name one. In between such tokens are refused as certainly bad, because an issuer lists
// its keys before it signs with them, and because a stranger must not be able to make this service answer 503.
//
// # What it refuses
//
// Every other algorithm, "none" first; every header but alg, kid and typ (so jku, jwk, x5u, x5c, crit, b64, zip); JWE;
// the JSON serialisations; base64 that is not canonical; members that stand twice or differ only in case; text that is
// not UTF-8; numbers that are not whole; nesting over 16 levels, more than 64 claims, and more than 8 KiB: all before a
// key is touched. RSA keys under 2048 bits. A second Authorization header. A bad bearer token beside a good cookie. Two
// different good cookies. A cookie sent by another site to change something (CSRF). Redirects. Plain http to a host
// that is not this machine.
//
// # What is not here
//
// Making tokens, refreshing them, opaque tokens (ask the issuer's introspection endpoint), encrypted tokens, discovery,
// more than one issuer in one Verifier, permissions beyond roles and scopes. Role and Scope see what the token says: a
// role taken away counts from the next token on, unless the issuer also ends the tokens of that user.
package verify

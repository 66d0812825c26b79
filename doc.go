// Package cloakroom gives the users of a Go program one session on the server and any number of tickets for it: an
// HttpOnly cookie in a browser, a bearer token in a mobile app. Hand in your cloak, keep the ticket. When the session
// ends, every ticket is dead.
//
//	Method    →  Session       →  Token      →  Carrier
//	password     who, when,       opaque        cookie
//	             by what, until                 bearer
//
// Any method opens the same session; any carrier carries its token. Only this package knows all four.
//
// # Use
//
//	store, err := sqlite.Open("app.db")
//	auth, err := cloakroom.New(cloakroom.Config{
//		Store:   store,
//		Methods: []cloakroom.Method{password.Method{}},
//	})
//
//	mux := http.NewServeMux()
//	mux.Handle("/auth/", api.New(auth))
//	mux.Handle("GET /me", auth.Protect(me))
//	mux.Handle("POST /transfer", auth.Protect(transfer, cloakroom.MFA, cloakroom.MaxAge(10*time.Minute)))
//	mux.Handle("/admin/", auth.Require(cloakroom.Role("admin"))(adminMux))
//	http.ListenAndServe("127.0.0.1:8080", mux)
//
//	func me(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
//		fmt.Fprintln(w, "hello,", s.User.Name)
//	}
//
// A protected handler is a Go type of its own, so a forgotten guard does not compile. The ResponseWriter is never
// wrapped: streaming, hijacking and WebSockets work as without a guard.
//
// # How a request travels
//
// A guard finds the one credential of the request (a Bearer header decides alone; otherwise the cookie), checks the
// token's tag without asking anybody, holds a cookie to the CSRF rule, asks the Ledger for the session and the
// Directory for its user (or its own memory, while the feed of revocations has told nothing of either), and checks what
// the handler requires. It answers 401 only for what is certainly dead and 503
// when it cannot know; then no session ends and no cookie is cleared. Read auth.go, session.go and guard.go for this;
// store.go is the contract of everything that is kept.
//
// # Signing in and out
//
// Package api serves sign-up, sign-in, the list of one's sessions and sign-out as JSON. Programs that speak otherwise
// call SignUp, SignIn, Continue, Admit and SignOut themselves. Begin opens a guest session for whoever has none, Key
// keeps typed data in it, and a later sign-in takes the data along. Every change of privilege changes the token.
//
// # Signed tokens
//
// A sign-in may ask for a short-lived signed access token (RFC 9068) and a refresh token in place of the opaque one, and
// any session gives a signed token for a service by Issue. They are tickets like the others: guards look the session up
// for them too. Services check them with package verify and follow the Feed, so that a log-out counts there as well.
// TokenPolicy says what they are like; keys.go makes, replaces and withdraws their keys.
//
// # Accounts
//
// What a sign-in takes is decided in one place, from what was proven so far: a password, a passkey, a mailed code, and a second
// factor for whoever has one (SignIn, Ask, SendCode, Continue). StepUp proves a session anew, for guards that ask for MFA,
// MaxAge or Sensitive. With a Mailer an account can prove its e-mail, change it, and be recovered (VerifyEmail,
// RequestEmailChange, ForgotPassword), and its owner is told of what changes, with a way to undo it (Disown). APIKeys are for programs: a
// key passes only guards that ask for one of its scopes.
//
// # Several nodes
//
// Any number of Auths may share a store: a file for processes of one machine, PostgreSQL for several, and Valkey for the
// sessions beside it (Config.Ledger). What one of them ends is dead on it before the call returns, and on the others as soon
// as they hear the feed: within milliseconds as a rule, within Config.Staleness in any case.
//
// # What it refuses
//
// It takes no token from a URL or a form, adopts no session id it has not made, falls back from a bad credential to no
// other, and starts with no configuration that a browser would reject. Passwords, tokens and secrets do not print.
//
// # What is not here
//
// An OAuth provider, a client of social sign-ins (see SignInExternal for the app's own) and hosted pages have their places in
// docs/design.md and come one by one. Authorisation beyond roles and scopes is the app's.
package cloakroom

package cloakroom_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// A program that hands out signed tokens. Its BaseURL is the issuer, under which services find the keys.
func issuing() *cloakroom.Auth {
	auth, err := cloakroom.New(cloakroom.Config{Store: memory.New(), BaseURL: "https://app.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	return auth
}

// signedInByApp is an app of somebody who has just signed in.
func signedInByApp(auth *cloakroom.Auth) *cloakroom.Grant {
	user, err := auth.Users().Create(context.Background(), cloakroom.NewUser{Email: "ana@example.com", Name: "Ana", Roles: []string{"editor"}})
	if err != nil {
		log.Fatal(err)
	}
	grant, err := auth.Admit(httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil), user.ID, cloakroom.Admission{
		Method: "invitation",
		Terms:  cloakroom.Terms{Delivery: cloakroom.DeliverBearer, Token: cloakroom.Signed},
	})
	if err != nil {
		log.Fatal(err)
	}
	return grant
}

// An endpoint that exchanges refresh tokens. Sent twice, as after a lost answer, one token gives the same successor.
func ExampleAuth_Refresh() {
	auth := issuing()
	refresh := func(w http.ResponseWriter, r *http.Request) {
		grant, err := auth.Refresh(w, r, r.FormValue("refresh_token"))
		if err != nil {
			auth.Fail(w, r, err)
			return
		}
		fmt.Fprint(w, grant.Tokens.Refresh.Reveal())
	}

	first := signedInByApp(auth).Tokens.Refresh.Reveal()
	var answers []string
	for range 2 {
		w := httptest.NewRecorder()
		refresh(w, httptest.NewRequest("POST", "/auth/refresh?refresh_token="+first, nil))
		answers = append(answers, w.Body.String())
	}
	fmt.Println(answers[0] != first, answers[0] == answers[1])
	// Output: true true
}

// A page with a cookie calls a service: it asks for a token with the service's name in it, and the service checks that
// with the public keys alone.
func ExampleAuth_Issue() {
	auth := issuing()
	session := signedInByApp(auth).Session // in a handler, from a guard

	tokens, err := auth.Issue(context.Background(), session, "orders")
	if err != nil {
		log.Fatal(err)
	}

	document, _, err := auth.JWKS(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	keys, err := verify.ParseKeys(document)
	if err != nil {
		log.Fatal(err)
	}
	rules := verify.Rules{Type: verify.AccessToken, Issuer: "https://app.example.com", Audience: "orders"}
	claims, err := keys.Verify(tokens.Access.Reveal(), rules, time.Now())
	fmt.Println(claims.Subject == session.User.ID, claims.Roles, err)

	rules.Audience = "billing"
	_, err = keys.Verify(tokens.Access.Reveal(), rules, time.Now())
	fmt.Println(err)
	// Output:
	// true [editor] <nil>
	// token refused: for somebody else
}

// The next key is published before it signs, so a rotation disturbs nobody.
func ExampleKeys_Rotate() {
	auth := issuing()
	ctx := context.Background()
	if _, _, err := auth.JWKS(ctx); err != nil { // makes the first keys
		log.Fatal(err)
	}
	at, err := auth.Keys().Rotate(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(time.Until(at) > cloakroom.KeyCache)
	keys, err := auth.Keys().List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, k := range keys {
		fmt.Println(k.Algorithm, k.State(time.Now()), k.State(at))
	}
	// Output:
	// true
	// ES256 active retiring
	// ES256 next active
}

// A service asks what a token is worth at this moment.
func ExampleAuth_Introspect() {
	auth := issuing()
	grant := signedInByApp(auth)
	token := grant.Tokens.Access.Reveal()
	for range 2 {
		worth, err := auth.Introspect(context.Background(), token)
		fmt.Println(worth.Active, worth.Roles, err)
		if err := auth.Sessions().RevokeAll(context.Background(), grant.Session.User.ID); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// true [editor] <nil>
	// false [] <nil>
}

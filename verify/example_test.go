package verify_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify"
)

// A service lets in who brings a good token, and learns of a log-out by itself.
func ExampleVerifier_Middleware() {
	issuer := newIssuer() // stands for the cloakroom server
	address := httptest.NewServer(issuer)
	defer address.Close()

	tokens := &verify.Verifier{
		Issuer:       "https://auth.example.com",
		Audience:     "https://orders.example.com",
		ClientID:     clientID,
		ClientSecret: secret,
		// The service reaches the issuer at an inner address.
		KeysURL: address.URL + "/.well-known/jwks.json",
		FeedURL: address.URL + "/auth/revocations",
	}
	defer func() { _ = tokens.Close() }()

	orders := tokens.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := verify.FromContext(r.Context())
		_, _ = fmt.Fprint(w, "orders of ", who.Subject)
	}))

	token := issuer.token(time.Now(), nil)
	call := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/orders", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		orders.ServeHTTP(w, r)
		return w
	}
	fmt.Println(call().Body)

	issuer.revoke(overSession("ses_1", time.Now().Add(time.Hour)))
	for begun := time.Now(); call().Code == http.StatusOK && time.Since(begun) < 10*time.Second; { // a few milliseconds
	}
	fmt.Println(call().Header().Get("WWW-Authenticate"))
	// Output:
	// orders of usr_ana
	// Bearer error="invalid_token"
}

// A route may ask for more than a user.
func ExampleVerifier_Require() {
	tokens := &verify.Verifier{Issuer: "https://auth.example.com", Audience: "https://orders.example.com", ClientID: "orders"}
	mux := http.NewServeMux()
	clerks := tokens.Require(verify.Role("clerk"), verify.MaxAge(10*time.Minute))
	mux.Handle("DELETE /orders/{id}", clerks(http.NotFoundHandler()))

	fmt.Println(tokens.Check())
	// Output:
	// verifier misconfigured: ClientID or ClientSecret is empty; the feed of revocations asks for them, and without it a log-out is not heard of (InsecureSkipRevocations)
}

// Where there is no request, a token is checked by itself.
func ExampleVerifier_Verify() {
	issuer := newIssuer()
	tokens := &verify.Verifier{
		Issuer: "https://auth.example.com", Audience: "https://orders.example.com",
		ClientID: clientID, ClientSecret: secret, Client: &http.Client{Transport: issuer},
	}
	defer func() { _ = tokens.Close() }()

	raw := issuer.token(time.Now(), object{"tenant": "acme"})
	who, err := tokens.Verify(context.Background(), raw)
	switch {
	case errors.Is(err, verify.ErrUnavailable):
		fmt.Println("ask again later") // nobody is signed out
	case err != nil:
		fmt.Println("sign in again")
	default:
		var tenant string
		_, _ = who.Decode("tenant", &tenant)
		fmt.Println(who.Subject, who.HasScope("read"), tenant)
	}
	// Output: usr_ana true acme
}

// Keys check a token without network, state or clock.
func ExampleKeys_Verify() {
	issuer := newIssuer()
	keys, err := verify.ParseKeys(jwks(issuer.signer))
	if err != nil {
		panic(err)
	}
	now := time.Now()
	raw := issuer.token(now, nil)
	rules := verify.Rules{Type: verify.AccessToken, Issuer: "https://auth.example.com", Audience: "https://orders.example.com"}

	who, err := keys.Verify(raw, rules, now)
	fmt.Println(who.Subject, err)

	_, err = keys.Verify(raw, rules, now.Add(10*time.Minute+verify.DefaultLeeway))
	fmt.Println(errors.Is(err, verify.ErrInvalid), err)
	// Output:
	// usr_ana <nil>
	// true token refused: expired
}

package main

import (
	"encoding/json"
	"net/http"

	"github.com/cloakroom-auth/cloakroom/verify"
)

// ordersName is the audience of tokens for this service.
const ordersName = "https://orders.example"

// orders is a service that has no accounts, no sessions and no database of the app. It reads the app's public keys once and
// follows its revocations; whether a token is good it finds out by itself.
type orders struct{ tokens *verify.Verifier }

func newOrders(issuer string, secret verify.Secret, transport http.RoundTripper) (*orders, error) {
	tokens := &verify.Verifier{
		Issuer:       issuer,
		Audience:     ordersName,
		ClientID:     "orders",
		ClientSecret: secret,
		Client:       &http.Client{Transport: transport},
	}
	return &orders{tokens}, tokens.Check()
}

func (o *orders) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /orders", o.tokens.Middleware(http.HandlerFunc(o.list)))
	mux.Handle("DELETE /orders", o.tokens.Require(verify.Role("clerk"))(http.HandlerFunc(o.clear)))
	return mux
}

func (o *orders) list(w http.ResponseWriter, r *http.Request) {
	who, _ := verify.FromContext(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"user": who.Subject, "orders": []string{"one cloak, black"}})
}

func (o *orders) clear(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

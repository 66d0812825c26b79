package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/method/password"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// app is where people have accounts and sessions.
type app struct {
	store *memory.Store
	auth  *cloakroom.Auth
}

// newApp makes the app. The issuer is its address: under it services find its keys and what it revoked, if they are among
// its clients.
func newApp(issuer string, clients ...cloakroom.Client) (*app, error) {
	store := memory.New()
	auth, err := cloakroom.New(cloakroom.Config{
		Store:   store,
		Methods: []cloakroom.Method{password.Method{}},
		BaseURL: issuer,
		Clients: clients,
	})
	if err != nil {
		return nil, err
	}
	return &app{store, auth}, nil
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	json := api.New(a.auth)
	mux.Handle("/auth/", json)
	mux.Handle("GET /.well-known/jwks.json", json)
	return mux
}

func (a *app) close() error {
	return errors.Join(a.auth.Close(context.Background()), a.store.Shutdown())
}

// newSecret is what the service proves itself by when it reads what was revoked. In life: cloakroom introspection add orders.
func newSecret() verify.Secret { return verify.Secret(rand.Text()) }

func clientOf(secret verify.Secret) cloakroom.Client {
	return cloakroom.Client{ID: "orders", SecretHash: sha256.Sum256([]byte(secret))}
}

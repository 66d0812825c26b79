package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// orders is a service that people call with signed tokens: the audience of them, and the client that follows the feed.
const orders = "orders"

// issuer is an Auth that signs tokens, and its API on a loopback address, where a Verifier reads keys and revocations.
type issuer struct {
	auth   *cloakroom.Auth
	url    string
	secret verify.Secret // of orders
	server *http.Server
}

// newIssuer makes an issuer with this store. Its tokens live longer than any run.
func newIssuer(store cloakroom.Store) (*issuer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &issuer{url: "http://" + listener.Addr().String(), secret: newSecret()}
	i.auth, err = cloakroom.New(cloakroom.Config{
		Store: store, BaseURL: i.url, Clients: []cloakroom.Client{clientOf(i.secret)},
		Token: cloakroom.TokenPolicy{Audience: orders, AccessTTL: time.Hour},
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	i.server = &http.Server{Handler: api.New(i.auth)}
	go func() { _ = i.server.Serve(listener) }() // until close
	return i, nil
}

func (i *issuer) close() error {
	return errors.Join(i.server.Close(), i.auth.Close(context.Background()))
}

func (i *issuer) verifier() *verify.Verifier { return verifierOf(i.url, i.secret) }

// verifierOf is the Verifier of orders, as it comes.
func verifierOf(issuer string, secret verify.Secret) *verify.Verifier {
	return &verify.Verifier{Issuer: issuer, Audience: orders, ClientID: orders, ClientSecret: secret}
}

func newSecret() verify.Secret { return verify.Secret(rand.Text()) }

func clientOf(secret verify.Secret) cloakroom.Client {
	return cloakroom.Client{ID: orders, SecretHash: sha256.Sum256([]byte(secret))}
}

// bearers makes n users with a session in the signed form each. Its tokens are in the grants.
func bearers(auth *cloakroom.Auth, n int) ([]*cloakroom.Grant, error) {
	terms := cloakroom.Terms{Delivery: cloakroom.DeliverBearer, Token: cloakroom.Signed}
	return each(n, func(i int) (*cloakroom.Grant, error) {
		user, err := auth.Users().Create(context.Background(), cloakroom.NewUser{Email: fmt.Sprintf("bearer%d@example.com", i), Name: userName})
		if err != nil {
			return nil, err
		}
		request := httptest.NewRequest("POST", "http://127.0.0.1/", nil)
		request.Header.Set("User-Agent", agent)
		return auth.Admit(httptest.NewRecorder(), request, user.ID, cloakroom.Admission{Method: "password", Terms: terms})
	})
}

// each calls f for 0 to n-1, many at once, and returns what it gave in this order.
func each[T any](n int, f func(i int) (T, error)) ([]T, error) {
	all := make([]T, n)
	var next atomic.Int64
	_, _, err := inParallel(64, func() (more bool, err error) {
		i := int(next.Add(1) - 1)
		if i >= n {
			return false, nil
		}
		all[i], err = f(i)
		return true, err
	}, math.MaxInt64)
	return all, err
}

package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/method/password"
	"github.com/cloakroom-auth/cloakroom/store/postgres"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

// desk is a node that is an app: it embeds Cloakroom on the stores of the servers. It does what the API of the server
// does not offer, administration and session data, and it has a clock that can be set.
type desk struct {
	name, url string
	clock     atomic.Int64 // how much it is wrong, in nanoseconds

	auth   *cloakroom.Auth
	store  *postgres.Store
	ledger *valkey.Ledger // nil: the store keeps sessions, too
	server *http.Server
}

// places are where the nodes keep things.
type places struct {
	database string // postgres://…
	sessions string // valkey://…; empty: in the database
	secret   string // in hexadecimal
}

func openDesk(ctx context.Context, name string, at places) (d *desk, err error) {
	d = &desk{name: name}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if d.store, err = postgres.Open(ctx, at.database); err != nil {
		return d, err
	}
	secret, err := hex.DecodeString(at.secret)
	if err != nil {
		return d, err
	}
	config := cloakroom.Config{
		Store: d.store, Secrets: []cloakroom.Secret{secret}, Methods: []cloakroom.Method{password.Method{}},
		BaseURL: "http://127.0.0.1:8400", Now: d.now,
		Limits: cloakroom.Limits{InsecureNoLogin: true, InsecureNoSignup: true, InsecureNoGuest: true},
	}
	if at.sessions != "" {
		if d.ledger, err = valkey.Open(ctx, at.sessions); err != nil {
			return d, err
		}
		config.Ledger = d.ledger
	}
	if d.auth, err = cloakroom.New(config); err != nil {
		return d, err
	}
	return d, d.listen()
}

func (d *desk) now() time.Time { return time.Now().Add(time.Duration(d.clock.Load())) }

// jump sets the clock wrong by so much.
func (d *desk) jump(by time.Duration) { d.clock.Store(int64(by)) }

func (d *desk) listen() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.url, d.server = "http://"+l.Addr().String(), &http.Server{Handler: d.routes()}
	go func() { _ = d.server.Serve(l) }()
	return nil
}

// routes are the API and the desk's own, which ask nobody for permission: clients here play the administrator, too.
func (d *desk) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/auth/", api.New(d.auth))
	mux.Handle("PUT /desk/users/{email}/ban", d.does(func(r *http.Request, u *cloakroom.User) error {
		return d.auth.Users().Ban(r.Context(), u.ID)
	}))
	mux.Handle("PUT /desk/users/{email}/roles", d.does(func(r *http.Request, u *cloakroom.User) error {
		var roles []string
		err := json.NewDecoder(r.Body).Decode(&roles)
		if err == nil {
			_, err = d.auth.Users().SetRoles(r.Context(), u.ID, roles...)
		}
		return err
	}))
	mux.Handle("PUT /desk/users/{email}/password", d.does(func(r *http.Request, u *cloakroom.User) error {
		var secret string
		err := json.NewDecoder(r.Body).Decode(&secret)
		if err == nil {
			err = d.auth.Users().SetSecret(r.Context(), u.ID, "", secret)
		}
		return err
	}))
	mux.Handle("PUT /desk/data", d.auth.Protect(d.setData))
	mux.Handle("GET /desk/data", d.auth.Protect(d.data))
	return mux
}

// does makes a handler of what is done to a user.
func (d *desk) does(what func(*http.Request, *cloakroom.User) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := d.auth.Users().ByEmail(r.Context(), r.PathValue("email"))
		if err == nil {
			err = what(r, u)
		}
		d.answer(w, r, err)
	})
}

func (d *desk) answer(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		d.auth.Fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// note is the data that a session has here.
var note = cloakroom.NewKey[string]("note")

func (d *desk) setData(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	var value string
	err := json.NewDecoder(r.Body).Decode(&value)
	if err == nil {
		err = note.Set(r.Context(), s, value)
	}
	d.answer(w, r, err)
}

func (d *desk) data(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	value, _, err := note.Get(r.Context(), s)
	if err != nil {
		d.auth.Fail(w, r, err)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"data": value})
}

// close ends whatever of it was begun.
func (d *desk) close() error {
	var errs []error
	if d.server != nil {
		errs = append(errs, d.server.Close())
	}
	if d.auth != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		errs = append(errs, d.auth.Close(ctx))
	}
	if d.ledger != nil {
		errs = append(errs, d.ledger.Shutdown())
	}
	if d.store != nil {
		errs = append(errs, d.store.Shutdown())
	}
	return errors.Join(errs...)
}

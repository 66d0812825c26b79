package main

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/graph-gophers/graphql-go"
)

// settings are what the flags say, and what tests replace.
type settings struct {
	store       cloakroom.Store
	methods     []cloakroom.Method
	carts       carts // nil: in memory
	delivery    cloakroom.Delivery
	header      string
	merge       string
	beginOnRead bool
	origins     []string
	onEvent     func(context.Context, cloakroom.Event) // nil: failures are logged
}

// shop is the application. The root of all resolvers, too: see resolve.go.
type shop struct {
	auth        *cloakroom.Auth
	schema      *graphql.Schema
	carts       carts
	merge       mergePolicy
	beginOnRead bool
}

// guestCart is where a session keeps the cart of somebody who has not signed in.
var guestCart = cloakroom.NewKey[Cart]("cart")

//go:embed schema.graphql
var schemaText string

func open(in settings) (*shop, error) {
	s := &shop{carts: in.carts, beginOnRead: in.beginOnRead}
	if s.carts == nil {
		s.carts = &memoryCarts{}
	}
	var known bool
	if s.merge, known = mergePolicies[in.merge]; !known {
		return nil, fmt.Errorf("-merge %q is none of union, use-guest, use-existing, guest-if-empty", in.merge)
	}
	config := cloakroom.Config{
		Store:     in.store,
		Methods:   in.methods,
		Origins:   in.origins,
		Delivery:  cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{in.delivery}},
		OnUpgrade: func(ctx context.Context, _, user *cloakroom.Session) error { return s.claim(ctx, user) },
		OnEvent:   in.onEvent,
	}
	if in.delivery == cloakroom.DeliverBoth { // who sends a bearer token gets bearer tokens, and no cookie
		config.Delivery.Allow = append(config.Delivery.Allow, cloakroom.DeliverCookie, cloakroom.DeliverBearer)
		config.Delivery.Default = cloakroom.DeliverBoth
	}
	if in.delivery != cloakroom.DeliverCookie {
		config.Bearer.ResponseHeader = in.header
	}
	if config.OnEvent == nil {
		config.OnEvent = logFailure
	}
	var err error
	if s.schema, err = parseSchema(s); err != nil {
		return nil, err
	}
	s.auth, err = cloakroom.New(config)
	return s, err
}

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /graphql", s.auth.Optional(s.execute))
	return s.auth.CORS(mux)
}

// claim merges the guest cart that a user's session has from before the sign-in into the cart of the user. If that
// fails both stay as they are, and it is tried again the next time somebody asks for the cart. A cart that was merged
// already is not merged twice, so that it does no harm to be interrupted between the two steps.
func (s *shop) claim(ctx context.Context, user *cloakroom.Session) error {
	guest, found, err := guestCart.Get(ctx, user)
	if err != nil || !found {
		return err
	}
	_, err = s.carts.change(ctx, user.User.ID, func(existing Cart) Cart {
		if existing.has(guest.ID) {
			return existing
		}
		return s.merge(existing, guest).with(guest.ID)
	})
	if err != nil {
		return err
	}
	return guestCart.Delete(ctx, user)
}

// logFailure logs what an operator should look at. Events hold no secrets.
func logFailure(_ context.Context, e cloakroom.Event) {
	if e.Err != nil {
		slog.Warn(string(e.Type), "reason", e.Reason, "user", e.UserID, "session", e.SessionID, "err", e.Err)
	}
}

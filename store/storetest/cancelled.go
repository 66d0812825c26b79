package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cloakroom-auth/cloakroom"
)

func cancelled(run runner) {
	run("a write whose context is done returns its error and changes nothing", cancelledWrites)
}

// A write is one call of a verb that changes something.
type write struct {
	verb string
	do   func(context.Context) error
}

// writes returns a call of every writing verb that changes something in the house.
func (w *world) writes(h *house) []write {
	s, open := h.sessions[1], h.tickets[0]
	renewed := s
	renewed.Token = w.token(s.Token.Bucket)
	return append(w.directoryWrites(h), []write{
		{"Open", func(ctx context.Context) error {
			_, err := w.store.Open(ctx, cloakroom.Opening{Session: h.unopened(), Replace: &s.Token, Limit: 1, Now: w.now, RevokedUntil: w.told()})
			return err
		}},
		{"Touch", func(ctx context.Context) error {
			return w.store.Touch(ctx, []cloakroom.Touch{{Token: s.Token, SeenAt: w.now.Add(day)}})
		}},
		{"Renew", func(ctx context.Context) error { return w.store.Renew(ctx, s.Token, renewed, w.now.Add(grace)) }},
		{"Rotate", func(ctx context.Context) error {
			next := w.chain(1)
			return w.store.Rotate(ctx, s.Refresh[1].Current, next, cloakroom.Touch{Token: s.Token, SeenAt: w.now.Add(day)})
		}},
		{"Close", func(ctx context.Context) error {
			_, err := w.store.Close(ctx, s.Ref(), w.told())
			return err
		}},
		{"CloseUser", func(ctx context.Context) error {
			_, err := w.store.CloseUser(ctx, s.Token.Bucket, s.UserID, "", w.told())
			return err
		}},
		{"SetDatum", func(ctx context.Context) error {
			return w.store.SetDatum(ctx, s.Ref(), cloakroom.Datum{Key: "cart", Value: []byte("x"), Revision: 1}, 100)
		}},
		{"Count", func(ctx context.Context) error {
			_, err := w.store.Count(ctx, h.counters[0], 1, time.Hour, w.now)
			return err
		}},
		{"Put", func(ctx context.Context) error { return w.store.Put(ctx, h.unput()) }},
		{"Take", func(ctx context.Context) error {
			_, err := w.store.Take(ctx, open.Kind, open.ID, w.now)
			return err
		}},
		{"Swap", func(ctx context.Context) error {
			t := open
			t.Payload = []byte("swapped")
			return w.store.Swap(ctx, t, w.now)
		}},
		{"Sweep", func(ctx context.Context) error {
			_, err := w.store.Sweep(ctx, cloakroom.Sweep{Now: w.now.Add(365 * day), SessionsBefore: w.now.Add(365 * day), Max: 100})
			return err
		}},
	}...)
}

func (w *world) directoryWrites(h *house) []write {
	u := h.users[0]
	return []write{
		{"CreateUser", func(ctx context.Context) error { return w.store.CreateUser(ctx, h.newcomer()) }},
		{"UpdateUser", func(ctx context.Context) error {
			changed := u
			changed.Name = "changed"
			return w.store.UpdateUser(ctx, cloakroom.UserChange{User: changed})
		}},
		{"UpdateUser of a new epoch", func(ctx context.Context) error {
			changed := u
			changed.Epoch++
			return w.store.UpdateUser(ctx, cloakroom.UserChange{User: changed, RevokedUntil: w.told()})
		}},
		{"SwapKeySet", func(ctx context.Context) error { return w.store.SwapKeySet(ctx, w.keySet("other")) }},
		{"Revoke", func(ctx context.Context) error { return w.store.Revoke(ctx, w.over("ses_any")) }},
		{"SwapCredential", func(ctx context.Context) error {
			return w.store.SwapCredential(ctx, w.credential(u, "password", "", "swapped"))
		}},
		{"DeleteUser", func(ctx context.Context) error { return w.store.DeleteUser(ctx, u.ID, "", w.told()) }},
	}
}

func cancelledWrites(w *world) {
	h := w.furnish()
	done, cancel := context.WithCancel(w.Context())
	cancel()
	before := w.look(h)
	for _, write := range w.writes(h) {
		if err := write.do(done); !errors.Is(err, context.Canceled) {
			w.Fatalf("%s with a context that is done: got %v, want its error", write.verb, err)
		}
		same(w, w.look(h), before, "when it returns an error nothing has changed: "+write.verb)
	}
	for i, write := range w.writes(h) {
		other := newWorld(w.T, w.open)
		h := other.furnish()
		before := other.look(h)
		other.ok(other.writes(h)[i].do(w.Context()), write.verb)
		if cmp.Equal(before, other.look(h), cmpopts.EquateEmpty()) {
			w.Fatalf("%s would have changed nothing anyway", write.verb)
		}
	}
}

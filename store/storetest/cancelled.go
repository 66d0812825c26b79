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
	one, end := []cloakroom.EventRecord{w.event(s.UserID)}, w.telling(w.event(s.UserID))
	return append(w.directoryWrites(h), []write{
		{"Open", func(ctx context.Context) error {
			_, err := w.store.Open(ctx, cloakroom.Opening{
				Session: h.unopened(), Replace: &s.Token, Limit: 1, Now: w.now, Events: one, Replaced: end, Evicted: end,
			})
			return err
		}},
		{"Touch", func(ctx context.Context) error {
			return w.store.Touch(ctx, []cloakroom.Touch{{Token: s.Token, SeenAt: w.now.Add(day)}})
		}},
		{"Renew", func(ctx context.Context) error {
			return w.store.Renew(ctx, cloakroom.Renewal{
				Old: s.Token, Session: renewed, MovedUntil: w.now.Add(grace), RevokedUntil: w.told(), Events: one,
			})
		}},
		{"Rotate", func(ctx context.Context) error {
			next := w.chain(1)
			return w.store.Rotate(ctx, s.Refresh[1].Current, next, cloakroom.Touch{Token: s.Token, SeenAt: w.now.Add(day)})
		}},
		{"Close", func(ctx context.Context) error {
			_, err := w.store.Close(ctx, s.Ref(), end)
			return err
		}},
		{"CloseUser", func(ctx context.Context) error {
			_, err := w.store.CloseUser(ctx, s.Token.Bucket, s.UserID, "", end)
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
	u, one := h.users[0], []cloakroom.EventRecord{w.carrying(w.parcel())}
	return append(w.keyWrites(h, one), []write{
		{"CreateUser", func(ctx context.Context) error {
			return w.store.CreateUser(ctx, cloakroom.UserChange{User: h.newcomer(), Events: one})
		}},
		{"UpdateUser", func(ctx context.Context) error {
			changed := u
			changed.Name = "changed"
			return w.store.UpdateUser(ctx, cloakroom.UserChange{User: changed, Events: one})
		}},
		{"UpdateUser of a new epoch", func(ctx context.Context) error {
			changed := u
			changed.Epoch++
			return w.store.UpdateUser(ctx, cloakroom.UserChange{User: changed, RevokedUntil: w.told()})
		}},
		{"SwapKeySet", func(ctx context.Context) error { return w.store.SwapKeySet(ctx, w.keySet("other"), one...) }},
		{"Append to the feed", func(ctx context.Context) error { return w.store.Append(ctx, w.over("ses_any"), nil) }},
		{"Append to the events", func(ctx context.Context) error { return w.store.Append(ctx, nil, one) }},
		{"ClaimEvents", func(ctx context.Context) error {
			_, err := w.store.ClaimEvents(ctx, realm, w.now, w.now.Add(grace), 10)
			return err
		}},
		{"EventsDelivered", func(ctx context.Context) error { return w.store.EventsDelivered(ctx, h.events) }},
		{"Prune", func(ctx context.Context) error {
			_, err := w.store.Prune(ctx, cloakroom.Prune{Now: w.now.Add(365 * day), EventsBefore: w.now.Add(365 * day), Max: 100})
			return err
		}},
		{"SwapCredential", func(ctx context.Context) error {
			return w.store.SwapCredential(ctx, w.credential(u, "password", "", "swapped"))
		}},
		{"UpdateUser that forgets", func(ctx context.Context) error {
			return w.store.UpdateUser(ctx, forget(u, cloakroom.CredentialKey{Method: "password"}))
		}},
		{"ClaimParcels", func(ctx context.Context) error {
			q := cloakroom.ParcelQuery{Realm: realm, Kind: mail, Now: w.now.Add(time.Minute), LeasedUntil: w.now.Add(time.Hour), Max: 10}
			_, err := w.store.ClaimParcels(ctx, q)
			return err
		}},
		{"SettleParcels", func(ctx context.Context) error {
			return w.store.SettleParcels(ctx, []cloakroom.Parcel{{ID: h.parcels[0].ID}})
		}},
		{"SettleParcels for later, with an event", func(ctx context.Context) error {
			return w.store.SettleParcels(ctx, []cloakroom.Parcel{{ID: h.parcels[0].ID, DueAt: w.now.Add(day)}}, one...)
		}},
		{"DeleteUser", func(ctx context.Context) error { return w.store.DeleteUser(ctx, u.ID, "", w.telling(one[0])) }},
	}...)
}

func (w *world) keyWrites(h *house, one []cloakroom.EventRecord) []write {
	fresh, used := w.apiKey("usr_ana"), h.keys[0]
	fresh.Revision, used.LastUsedAt = 0, w.now
	return []write{
		{"SwapAPIKeys of a new one", func(ctx context.Context) error {
			return w.store.SwapAPIKeys(ctx, []cloakroom.APIKeyRecord{fresh}, one...)
		}},
		{"SwapAPIKeys", func(ctx context.Context) error { return w.store.SwapAPIKeys(ctx, []cloakroom.APIKeyRecord{used}) }},
		{"DeleteAPIKey", func(ctx context.Context) error {
			_, err := w.store.DeleteAPIKey(ctx, realm, used.ID, one...)
			return err
		}},
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

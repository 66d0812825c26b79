package server

import (
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// ordered has a command require a reset of ana's password, as the command line does: by a configuration that names a folder alone.
func ordered(t *testing.T, cfg config.Config) {
	t.Helper()
	command, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	u, err := command.Auth.Users().ByEmail(t.Context(), "ana@example.com")
	if err == nil {
		err = command.Auth.Users().RequireReset(t.Context(), u.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestMailThatACommandOrders(t *testing.T) {
	t.Run("is sent by the server that runs", func(t *testing.T) {
		cfg := settings(t)
		h := runningAs(t, cfg, config.Development, quick)
		h.do("POST", "/auth/signup", ana)
		ordered(t, cfg)
		if m := h.mail("reset_password"); m.To != "ana@example.com" {
			t.Errorf("got %+v", m)
		}
	})
	t.Run("is sent by the server that starts later", func(t *testing.T) {
		cfg := settings(t)
		before := runningAs(t, cfg, config.Development, quick)
		before.do("POST", "/auth/signup", ana)
		if err := before.stop(); err != nil {
			t.Fatal(err)
		}
		ordered(t, cfg)
		runningAs(t, cfg, config.Development, quick).mail("reset_password")
	})
}

func TestServerWithoutMailDropsWhatNobodyHasSentForDays(t *testing.T) {
	cfg, now := settings(t), time.Now()
	s, _ := built(t, cfg, config.Production)
	e := cloakroom.EventRecord{Type: cloakroom.ResetRequired, At: now, Data: []byte("{}")}
	leave := func(kind string, due time.Time) {
		e.Parcels = append(e.Parcels, cloakroom.Parcel{Kind: kind, DueAt: due, Data: []byte("{}")})
	}
	for range 2*droppedAtOnce + 1 {
		leave("mail", now.Add(-unsentFor-time.Hour))
	}
	leave("mail", now.Add(time.Hour-unsentFor)) // another node may have mail
	leave("webhook crm", now.Add(-2*unsentFor))
	if err := s.engine.stores.store.Append(t.Context(), nil, []cloakroom.EventRecord{e}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	after, _ := built(t, cfg, config.Production)
	for kind, want := range map[string]int{"mail": 1, "webhook crm": 1} {
		q := cloakroom.ParcelQuery{Kind: kind, Now: now, LeasedUntil: now.Add(time.Minute), Max: 1000}
		if left, err := after.engine.stores.store.ClaimParcels(t.Context(), q); err != nil || len(left) != want {
			t.Errorf("%d of kind %s are left, want %d: %v", len(left), kind, want, err)
		}
	}
}

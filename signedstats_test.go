package cloakroom_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestSignedStats(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{BaseURL: "https://app.example.com"})
	s, err := room.Auth.Authenticate(room.ByCookie(httptest.NewRequest("GET", "https://app.example.com/", nil), room.User("ana@example.com")))
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := room.Auth.Issue(t.Context(), s, "")
	if err != nil {
		t.Fatal(err)
	}
	show := func(token string) {
		r := httptest.NewRequest("GET", "https://app.example.com/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		_, _ = room.Auth.Authenticate(r)
	}
	good := tokens.Access.Reveal()
	show(good)
	show("eyJhbGciOiJub25lIn0.e30.")
	room.Clock.Advance(time.Hour)
	show(good)
	show(good)

	got := room.Auth.SignedStats()
	if got.Made != 1 {
		t.Errorf("%d made, want 1", got.Made)
	}
	for reason, n := range got.Refused {
		if want := map[string]uint64{"malformed": 1, "expired": 2}[reason]; n != want {
			t.Errorf("%s: %d refused, want %d", reason, n, want)
		}
	}
	if len(got.Refused) == 0 {
		t.Error("no reasons at all")
	}
}

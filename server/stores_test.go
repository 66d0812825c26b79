package server

import (
	"testing"

	"github.com/cloakroom-auth/cloakroom/server/config"
	"github.com/cloakroom-auth/cloakroom/store/postgres"
)

func TestPostgresOf(t *testing.T) {
	for _, s := range []config.Store{
		{URL: "postgres://db/x"},
		{URL: "postgres://db/x", PollOnly: true},
		{URL: "postgres://db/x", Distributed: true},
	} {
		want := postgres.Config{DSN: string(s.URL), PollOnly: s.PollOnly, Distributed: s.Distributed}
		if got := postgresOf(config.Config{Store: s}); got != want {
			t.Errorf("%+v: %+v", s, got)
		}
	}
}

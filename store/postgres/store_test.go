package postgres

import (
	"os"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/storetest"
)

// distributedDSN is the variable of the environment that names a distributed relative of PostgreSQL, such as Citus: a
// database in which schemas may be made. Where it is set, the whole suite runs there too.
const distributedDSN = "CLOAKROOM_TEST_DISTRIBUTED_DSN"

// TestContract runs the suite directly, through PgBouncer in transaction mode, with what is left out for the relatives of
// PostgreSQL, and on such a relative where there is one.
func TestContract(t *testing.T) {
	server := startPostgres(t, fast...)
	bouncer := startBouncer(t, server)
	var here, there worlds
	contract(t, "PostgreSQL", &here, Config{DSN: server.DSN("")})
	contract(t, "PgBouncer", &here, Config{DSN: bouncer.DSN("")})
	contract(t, "Distributed", &here, Config{DSN: server.DSN(""), Distributed: true})
	if dsn := os.Getenv(distributedDSN); dsn != "" {
		contract(t, "relative", &there, Config{DSN: dsn, Distributed: true})
	}
}

func contract(t *testing.T, name string, w *worlds, c Config) {
	c.StatementTimeout, c.LockTimeout = time.Minute, time.Minute // the machine may have other things to do
	t.Run(name, func(t *testing.T) {
		k := kind{Config: c, worlds: w, stores: map[string]*Store{}}
		defer k.end(t)
		storetest.Test(t, func(t testing.TB, previous cloakroom.Store) cloakroom.Store {
			before, _ := previous.(*Store)
			return k.open(t, before)
		})
	})
}

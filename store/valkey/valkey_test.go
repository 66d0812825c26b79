package valkey_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/storetest"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func TestServer(t *testing.T) {
	hold(t, valkey.Config{Addresses: []string{testbed.ValkeyAddr(t)}, ClientCache: -1})
}

func TestCluster(t *testing.T) { hold(t, valkey.Config{Addresses: testbed.ValkeyClusterAddrs(t)}) }

// pair is a store whose sessions live in Valkey, under a prefix of their own.
type pair struct {
	cloakroom.Store // which keeps from callers what the feed has told dead
	users           *memory.Store
	ledger          *valkey.Ledger
	config          valkey.Config
}

// Session is what the Ledger itself says: the tests must see what it has kept, dead or not.
func (p pair) Session(ctx context.Context, t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, error) {
	return p.ledger.Session(ctx, t, now)
}

// SessionsOf is what the Ledger itself says.
func (p pair) SessionsOf(ctx context.Context, bucket uint16, userID, before string, limit int) ([]cloakroom.SessionRecord, error) {
	return p.ledger.SessionsOf(ctx, bucket, userID, before, limit)
}

// hold holds pairs of a Directory in memory and a Ledger with this Config to the contract.
func hold(t *testing.T, c valkey.Config) {
	var worlds atomic.Int64
	storetest.Test(t, func(t testing.TB, previous cloakroom.Store) cloakroom.Store {
		p := pair{config: c, users: memory.New()}
		if previous != nil {
			p = previous.(pair)
			if err := p.ledger.Shutdown(); err != nil {
				t.Fatal(err)
			}
		} else {
			p.config.Prefix = fmt.Sprintf("test%d:", worlds.Add(1))
		}
		p.ledger = opened(t, p.config)
		p.Store = cloakroom.Together(p.users, p.ledger)
		return p
	})
}

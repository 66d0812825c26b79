package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/storetest"
)

func TestContract(t *testing.T) {
	paths := map[cloakroom.Store]string{}
	storetest.Test(t, func(t testing.TB, previous cloakroom.Store) cloakroom.Store {
		path := filepath.Join(t.TempDir(), "test.db")
		if previous != nil {
			path = paths[previous]
			if err := previous.(*Store).Shutdown(); err != nil {
				t.Fatal(err)
			}
		}
		store := openStore(t, Config{Path: path})
		paths[store] = path
		return store
	})
}

// openStore opens a store that ends with the test.
func openStore(t testing.TB, c Config) *Store {
	t.Helper()
	if c.Path == "" {
		c.Path = filepath.Join(t.TempDir(), "test.db")
	}
	store, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return store
}

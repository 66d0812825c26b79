package valkey

import (
	"maps"
	"strings"
	"testing"
)

func TestServerFits(t *testing.T) {
	good := map[string]string{"redis_version": "7.0.15", "role": "master", "redis_mode": "standalone", "maxmemory_policy": "noeviction"}
	for name, c := range map[string]struct {
		key, value string
		words      string // of the error, none if it fits
	}{
		"Redis 7":              {"redis_version", "7.0.15", ""},
		"Redis 8":              {"redis_version", "8.2.1", ""},
		"Valkey":               {"redis_version", "7.2.4", ""},
		"Redis 6":              {"redis_version", "6.2.14", "version 6.2.14"},
		"something else":       {"redis_version", "", "does not say its version"},
		"a replica":            {"role", "slave", "is a replica"},
		"it evicts":            {"maxmemory_policy", "allkeys-lru", "allkeys-lru"},
		"it evicts with a TTL": {"maxmemory_policy", "volatile-ttl", "volatile-ttl"},
	} {
		s := server{info: maps.Clone(good)}
		s.info[c.key] = c.value
		if err := s.fit(false); (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	good["role"], good["redis_mode"] = "slave", "cluster"
	if err := (server{info: good}).fit(false); err != nil {
		t.Errorf("a replica of a cluster: %v", err)
	}
}

package server

import (
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestCacheFigures(t *testing.T) {
	m := newMetrics()
	m.registry.MustRegister(cacheFigures{func() cloakroom.CacheStats {
		return cloakroom.CacheStats{
			Hits: 1, Misses: 2, Unheard: 3, Entries: 4, Bytes: 5, Silence: 6 * time.Second, LagSum: 1500 * time.Millisecond,
			Lags: []cloakroom.LagCount{{UpTo: time.Millisecond, N: 2}, {UpTo: time.Second, N: 0}, {UpTo: time.Minute, N: 1}},
		}
	}})
	wants(t, ask(m.handler(), "GET", "/metrics").Body.String(), map[string]float64{
		`cloakroom_session_cache_hits_total`:                  1,
		`cloakroom_session_cache_misses_total`:                2,
		`cloakroom_session_cache_unheard_total`:               3,
		`cloakroom_session_cache_entries`:                     4,
		`cloakroom_session_cache_bytes`:                       5,
		`cloakroom_feed_silence_seconds`:                      6,
		`cloakroom_revocation_lag_seconds_bucket{le="0.001"}`: 2,
		`cloakroom_revocation_lag_seconds_bucket{le="1"}`:     2,
		`cloakroom_revocation_lag_seconds_bucket{le="60"}`:    3,
		`cloakroom_revocation_lag_seconds_bucket{le="+Inf"}`:  3,
		`cloakroom_revocation_lag_seconds_count`:              3,
		`cloakroom_revocation_lag_seconds_sum`:                1.5,
	})
}

func TestNoCache(t *testing.T) {
	cfg := settings(t)
	cfg.Cache.Size = 0
	h := running(t, cfg, quick)
	bearer := h.signUp("bea")
	for range 3 {
		if status := h.me(bearer); status != 200 {
			t.Fatal(status)
		}
	}
	wants(t, h.metrics(), map[string]float64{
		`cloakroom_session_cache_hits_total`: 0, `cloakroom_session_cache_bytes`: 0, `cloakroom_session_lookups_total{result="hit"}`: 3,
	})
}

package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cloakroom-auth/cloakroom"
)

// cacheFigures are the engine's own counts of what it remembers, and of how it hears what has ended.
type cacheFigures struct{ stats func() cloakroom.CacheStats }

var (
	cacheHitsDesc = prometheus.NewDesc("cloakroom_session_cache_hits_total",
		"Sessions answered from memory.", nil, nil)
	cacheMissesDesc = prometheus.NewDesc("cloakroom_session_cache_misses_total",
		"Sessions asked of the store because they were not remembered, or something was told of them since.", nil, nil)
	cacheUnheardDesc = prometheus.NewDesc("cloakroom_session_cache_unheard_total",
		"Sessions asked of the store because the feed of revocations had not been heard within revocation.staleness.", nil, nil)
	cacheBytesDesc = prometheus.NewDesc("cloakroom_session_cache_bytes",
		"About how much memory the remembered sessions take.", nil, nil)
	cacheEntriesDesc = prometheus.NewDesc("cloakroom_session_cache_entries",
		"About how many sessions are remembered.", nil, nil)
	feedSilenceDesc = prometheus.NewDesc("cloakroom_feed_silence_seconds",
		"How long ago this node heard the feed of revocations to its end. It grows while nobody asks for a session, too.", nil, nil)
	revocationLagDesc = prometheus.NewDesc("cloakroom_revocation_lag_seconds",
		"Time from the writing of a revocation to its hearing on this node, by the clocks of both.", nil, nil)
)

// Describe implements prometheus.Collector.
func (cacheFigures) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		cacheHitsDesc, cacheMissesDesc, cacheUnheardDesc, cacheBytesDesc, cacheEntriesDesc, feedSilenceDesc, revocationLagDesc,
	} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (f cacheFigures) Collect(figures chan<- prometheus.Metric) {
	s := f.stats()
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) {
		figures <- prometheus.MustNewConstMetric(d, kind, v)
	}
	tell(cacheHitsDesc, prometheus.CounterValue, float64(s.Hits))
	tell(cacheMissesDesc, prometheus.CounterValue, float64(s.Misses))
	tell(cacheUnheardDesc, prometheus.CounterValue, float64(s.Unheard))
	tell(cacheBytesDesc, prometheus.GaugeValue, float64(s.Bytes))
	tell(cacheEntriesDesc, prometheus.GaugeValue, float64(s.Entries))
	tell(feedSilenceDesc, prometheus.GaugeValue, s.Silence.Seconds())
	figures <- lagHistogram(s)
}

// lagHistogram is the lags as Prometheus counts them: each bucket with all that is less.
func lagHistogram(s cloakroom.CacheStats) prometheus.Metric {
	buckets, total := map[float64]uint64{}, uint64(0)
	for _, lag := range s.Lags {
		total += lag.N
		buckets[lag.UpTo.Seconds()] = total
	}
	return prometheus.MustNewConstHistogram(revocationLagDesc, total, s.LagSum.Seconds(), buckets)
}

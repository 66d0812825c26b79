package server

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cloakroom-auth/cloakroom"
)

// signs reports whether signed tokens are made and taken.
func (s *Server) signs() bool { return slices.Contains(s.config.Token.Allow, "signed") }

// beginKeys makes the signing keys if there are none, so that they are there before anybody asks for the first token; of
// servers that start at once, one makes them.
func (s *Server) beginKeys() error {
	if !s.signs() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.times.stop)
	defer cancel()
	_, _, err := s.engine.Auth.JWKS(ctx)
	return err
}

// resealing is for how long the keys are asked for after a change of the secrets: longer than the engine believes what it
// has read before.
const resealing = 3 * time.Second

// resealKeys brings the signing keys under the secret that signs now, before the one that they are sealed under falls off
// the list. The engine does that whenever it reads the keys; but perhaps nobody needs them for long.
func (s *Server) resealKeys(ctx context.Context) {
	if !s.signs() || time.Now().After(s.resealUntil) {
		return
	}
	if _, _, err := s.engine.Auth.JWKS(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("the signing keys are not sealed under the new secret yet", "error", err, "mend", "rotate no secret again before this succeeds")
	}
}

// keyGauges shows the signing keys as they are when somebody looks. Keys that are out of reach show nothing.
type keyGauges struct {
	list func(context.Context) ([]cloakroom.SigningKey, error)
	now  func() time.Time
}

var (
	keysDesc   = prometheus.NewDesc("cloakroom_signing_keys", "Signing keys by state.", []string{"state"}, nil)
	keyAgeDesc = prometheus.NewDesc("cloakroom_signing_key_age_seconds", "For how long the key that signs has been signing.", nil, nil)
	keyStates  = []cloakroom.KeyState{cloakroom.KeyNext, cloakroom.KeyActive, cloakroom.KeyRetiring, cloakroom.KeyWithdrawn}
)

// Describe implements prometheus.Collector.
func (keyGauges) Describe(descs chan<- *prometheus.Desc) {
	descs <- keysDesc
	descs <- keyAgeDesc
}

// Collect implements prometheus.Collector.
func (g keyGauges) Collect(figures chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	keys, err := g.list(ctx)
	if err != nil {
		return
	}
	now, counts := g.now(), map[cloakroom.KeyState]int{}
	for _, k := range keys {
		state := k.State(now)
		if counts[state]++; state == cloakroom.KeyActive {
			figures <- prometheus.MustNewConstMetric(keyAgeDesc, prometheus.GaugeValue, now.Sub(k.ActiveAt).Seconds())
		}
	}
	for _, state := range keyStates {
		figures <- prometheus.MustNewConstMetric(keysDesc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}

// signedFigures are the engine's own counts of signed tokens.
type signedFigures struct{ stats func() cloakroom.SignedStats }

var (
	madeDesc    = prometheus.NewDesc("cloakroom_signed_tokens_total", "Signed access tokens made.", nil, nil)
	refusedDesc = prometheus.NewDesc("cloakroom_signed_tokens_refused_total", "Signed tokens that were shown and not good, by reason.", []string{"reason"}, nil)
)

// Describe implements prometheus.Collector.
func (signedFigures) Describe(descs chan<- *prometheus.Desc) {
	descs <- madeDesc
	descs <- refusedDesc
}

// Collect implements prometheus.Collector.
func (f signedFigures) Collect(figures chan<- prometheus.Metric) {
	stats := f.stats()
	figures <- prometheus.MustNewConstMetric(madeDesc, prometheus.CounterValue, float64(stats.Made))
	for reason, n := range stats.Refused {
		figures <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(n), reason)
	}
}

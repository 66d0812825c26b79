package cloakroom

import (
	"sync/atomic"

	"github.com/cloakroom-auth/cloakroom/verify"
)

// SignedStats is what has become of signed tokens since New, for metrics.
type SignedStats struct {
	Made uint64
	// Refused are those that somebody showed and that were not good, by the reasons of verify.Reasons; all are there.
	Refused map[string]uint64
}

// SignedStats returns the counters.
func (a *Auth) SignedStats() SignedStats {
	s := SignedStats{Made: a.signed.made.Load(), Refused: map[string]uint64{}}
	for reason, n := range a.signed.refused {
		s.Refused[reason] = n.Load()
	}
	return s
}

// signedCounts counts what SignedStats tells. A good token costs the hot path nothing here.
type signedCounts struct {
	made    atomic.Uint64
	refused map[string]*atomic.Uint64 // never written to after New
}

func newSignedCounts() *signedCounts {
	c := &signedCounts{refused: map[string]*atomic.Uint64{}}
	for _, reason := range verify.Reasons() {
		c.refused[reason] = &atomic.Uint64{}
	}
	return c
}

func (c *signedCounts) refuse(err error) {
	if n := c.refused[verify.Reason(err)]; n != nil {
		n.Add(1)
	}
}

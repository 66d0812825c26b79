package verify

import (
	"errors"
	"sync/atomic"
	"time"
)

// Stats is what a Verifier has done since its first use, and how it stands, for metrics and health checks.
type Stats struct {
	Verified   uint64            // tokens accepted
	Remembered uint64            // tokens whose signature had been checked before, accepted or not
	Refused    map[string]uint64 // tokens not accepted, by reason; all reasons are there, and no others ever

	KeyReadings uint64 // tries to read the issuer's key set
	KeysError   error  // of the last one
	FeedAnswers uint64 // good answers of the feed
	FeedMisses  uint64 // requests to the feed without a good answer
	FeedError   error  // of the last one, until there is a good answer
	// FeedLag is how long ago the feed was last known to its end; over Staleness, no token is accepted. Less than
	// zero: it was never, or it is not followed.
	FeedLag time.Duration

	Tokens      int // remembered now
	Revocations int // known now
}

// Stats returns the counters. It starts nothing.
func (v *Verifier) Stats() Stats {
	s := Stats{Refused: map[string]uint64{}, FeedLag: -1}
	e := v.engine.Load()
	if e == nil {
		return s
	}
	s.Verified, s.Remembered = e.counts.verified.Load(), e.counts.remembered.Load()
	for i := range reasons {
		s.Refused[reasons[i].name] = e.counts.refused[i].Load()
	}
	s.KeyReadings, s.KeysError = e.keys.readings()
	s.Tokens = e.memory.len()
	if f := e.feed; f != nil {
		f.count(&s)
	}
	return s
}

func (f *feed) count(s *Stats) {
	s.FeedAnswers, s.FeedMisses, s.Revocations = f.answers.Load(), f.misses.Load(), f.revoked.len()
	if failure := f.failure.Load(); failure != nil {
		s.FeedError = *failure
	}
	if lag := f.silence(); lag < forever {
		s.FeedLag = lag
	}
}

// reasons are the names of refusals, in the order in which they are looked for.
var reasons = [...]struct {
	err  error
	name string
}{
	{ErrExpired, "expired"},
	{ErrRevoked, "revoked"},
	{ErrUnavailable, "unavailable"},
	{ErrMalformed, "malformed"},
	{ErrType, "type"},
	{ErrIssuer, "issuer"},
	{ErrAudience, "audience"},
	{ErrEarly, "early"},
	{ErrUnknownKey, "unknown_key"},
	{ErrSignature, "signature"},
}

// Reason names why a token was refused, by the names of Stats.Refused. It is empty for nil and for what says nothing of a
// token.
func Reason(err error) string {
	for i := range reasons {
		if err != nil && errors.Is(err, reasons[i].err) {
			return reasons[i].name
		}
	}
	return ""
}

// Reasons are all that Reason can say but the empty one.
func Reasons() (names []string) {
	for i := range reasons {
		names = append(names, reasons[i].name)
	}
	return names
}

type counters struct {
	verified, remembered atomic.Uint64
	refused              [len(reasons)]atomic.Uint64
}

func (c *counters) note(err error) {
	if err == nil {
		c.verified.Add(1)
		return
	}
	for i := range reasons {
		if errors.Is(err, reasons[i].err) {
			c.refused[i].Add(1)
			return
		}
	}
}

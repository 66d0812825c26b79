package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// setupEvery is how long a setup link is good, and so how often there is one while nobody is administrator.
const setupEvery = 24 * time.Hour

// setupCounter counts the links that servers on this database have told.
var setupCounter = sha256.Sum256([]byte("cloakroom server\x00setup link"))

// setupLink is the address by which the first administrator makes an account. It is empty when there is one, and when this
// server or another has told such a link within a day: of servers that start at once, one tells it. It is a secret.
func (s *Server) setupLink(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, s.times.ready)
	defer cancel()
	now := time.Now().UTC()
	first, err := s.engine.setupTurn(ctx, 1, now)
	if err != nil || !first {
		s.noSetupLink(err)
		return ""
	}
	token, err := s.engine.Auth.SetupToken(ctx)
	if errors.Is(err, cloakroom.ErrForbidden) { // there is an administrator
		return ""
	}
	if err != nil {
		_, _ = s.engine.setupTurn(context.WithoutCancel(ctx), -1, now) // or nobody would have one for a day
		s.noSetupLink(err)
		return ""
	}
	return s.config.Issuer() + "/auth/setup?token=" + token.Reveal()
}

func (s *Server) noSetupLink(err error) {
	if err != nil {
		s.log.Warn("no setup link", "error", err, "mend", "cloakroom user add EMAIL --role admin")
	}
}

// setupTurn adds to the count of setup links, and reports whether this is the first of its day.
func (e *Engine) setupTurn(ctx context.Context, n int, now time.Time) (first bool, err error) {
	var ledger cloakroom.Ledger = e.stores.store
	if e.stores.ledger != nil {
		ledger = e.stores.ledger
	}
	tally, err := ledger.Count(ctx, setupCounter, n, setupEvery, now)
	return err == nil && tally.N == 1, err
}

package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

// Rotate implements cloakroom.Ledger. What tells ErrMoved from ErrNotFound is use.SeenAt.
func (s *Store) Rotate(ctx context.Context, current [32]byte, next cloakroom.RefreshChain, use cloakroom.Touch) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	rotated := s.tokens[use.Token]
	if rotated == nil {
		return fmt.Errorf("rotate: %w", s.missing(use.Token, use.SeenAt))
	}
	chains := rotated.record.Refresh
	i := slices.IndexFunc(chains, func(c cloakroom.RefreshChain) bool { return c.Current == current })
	if i < 0 {
		return fmt.Errorf("rotate session %s: %w", rotated.record.ID, cloakroom.ErrConflict)
	}
	chains[i] = keptChain(next)
	rotated.touch(use)
	return nil
}

// keptChains is the chains as the store keeps them.
func keptChains(chains []cloakroom.RefreshChain) []cloakroom.RefreshChain {
	kept := slices.Clone(chains)
	for i := range kept {
		kept[i] = keptChain(kept[i])
	}
	return kept
}

func keptChain(c cloakroom.RefreshChain) cloakroom.RefreshChain {
	c.Past = clonePast(c.Past)
	for i := range c.Past {
		c.Past[i].At = micro(c.Past[i].At)
	}
	return c
}

// cloneChains allocates nothing for a session of the opaque form.
func cloneChains(chains []cloakroom.RefreshChain) []cloakroom.RefreshChain {
	chains = slices.Clone(chains)
	for i := range chains {
		chains[i].Past = clonePast(chains[i].Past)
	}
	return chains
}

func clonePast(past []cloakroom.Rotated) []cloakroom.Rotated {
	past = slices.Clone(past)
	for i := range past {
		past[i].Sealed = bytes.Clone(past[i].Sealed)
	}
	return past
}

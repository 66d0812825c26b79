package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// Rotate implements cloakroom.Ledger. What tells ErrMoved from ErrNotFound is use.SeenAt.
func (s *Store) Rotate(ctx context.Context, current [32]byte, next cloakroom.RefreshChain, use cloakroom.Touch) error {
	err := s.write(ctx, func(t *tx) error { return t.rotate(current, next, use) })
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	return nil
}

func (t *tx) rotate(current [32]byte, next cloakroom.RefreshChain, use cloakroom.Touch) error {
	chains, err := t.lockChains(use)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(chains, func(have cloakroom.RefreshChain) bool { return have.Current == current })
	if i < 0 {
		return cloakroom.ErrConflict
	}
	chains[i] = next
	refresh, err := packChains(chains)
	if err != nil {
		return err
	}
	t.queue(`UPDATE sessions SET refresh = $6, `+touched+` WHERE bucket = $1 AND token = $2`, append(touchArgs(use), refresh)...)
	return nil
}

// lockChains reads the chains of a session that nobody else changes until the transaction ends.
func (t *tx) lockChains(use cloakroom.Touch) (chains []cloakroom.RefreshChain, err error) {
	var there, moved bool
	t.ask(func(row pgx.CollectableRow) error {
		there = true
		stored, err := scalar[[]byte](row)
		if err == nil {
			chains, err = unpackChains(stored)
		}
		return err
	}, `SELECT refresh FROM sessions WHERE bucket = $1 AND token = $2 FOR UPDATE`, use.Token.Bucket, use.Token.Hash[:])
	t.find(&moved, movedToken, use.Token.Bucket, use.Token.Hash[:], use.SeenAt.UnixMicro())
	err = t.send()
	switch {
	case err != nil:
	case !there && moved:
		err = cloakroom.ErrMoved
	case !there:
		err = cloakroom.ErrNotFound
	}
	return chains, err
}

// Bounds of what a session keeps, see cloakroom.SessionRecord and cloakroom.RefreshChain.
const (
	maxChains = 2
	maxPast   = 32
	maxSealed = 256
)

// storedChain is a cloakroom.RefreshChain as it is stored. Times are microseconds as everywhere.
type storedChain struct {
	Current []byte          `json:"current"`
	Past    []storedRotated `json:"past,omitempty"`
}

type storedRotated struct {
	Token  []byte `json:"token"`
	Sealed []byte `json:"sealed"`
	At     int64  `json:"at"`
}

// packChains writes chains; none is NULL.
func packChains(chains []cloakroom.RefreshChain) (*string, error) {
	if len(chains) == 0 {
		return nil, nil
	}
	if len(chains) > maxChains {
		return nil, fmt.Errorf("a session keeps %d refresh chains at most, not %d", maxChains, len(chains))
	}
	stored := make([]storedChain, len(chains))
	for i, c := range chains {
		if len(c.Past) > maxPast {
			return nil, fmt.Errorf("a refresh chain has %d past tokens at most, not %d", maxPast, len(c.Past))
		}
		stored[i].Current = c.Current[:]
		for _, p := range c.Past {
			if len(p.Sealed) > maxSealed {
				return nil, fmt.Errorf("a sealed successor has %d bytes at most, not %d", maxSealed, len(p.Sealed))
			}
			stored[i].Past = append(stored[i].Past, storedRotated{p.Token[:], p.Sealed, p.At.UnixMicro()})
		}
	}
	text, err := json.Marshal(stored)
	packed := string(text)
	return &packed, err
}

// unpackChains reads what packChains wrote and refuses all else. NULL costs nothing: it is what most sessions have.
func unpackChains(text []byte) ([]cloakroom.RefreshChain, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var stored []storedChain
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, fmt.Errorf("stored refresh chains: %w", err)
	}
	chains := make([]cloakroom.RefreshChain, len(stored))
	for i, c := range stored {
		if err := (*hash)(&chains[i].Current).ScanBytes(c.Current); err != nil {
			return nil, fmt.Errorf("stored refresh chains: %w", err)
		}
		for _, p := range c.Past {
			past := cloakroom.Rotated{Sealed: p.Sealed, At: time.UnixMicro(p.At).UTC()}
			if err := (*hash)(&past.Token).ScanBytes(p.Token); err != nil {
				return nil, fmt.Errorf("stored refresh chains: %w", err)
			}
			chains[i].Past = append(chains[i].Past, past)
		}
	}
	return chains, nil
}

package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// Rotate implements cloakroom.Ledger. What tells ErrMoved from ErrNotFound is use.SeenAt.
func (s *Store) Rotate(ctx context.Context, current [32]byte, next cloakroom.RefreshChain, use cloakroom.Touch) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error { return rotate(c, current, next, use) })
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	return nil
}

func rotate(c *sqlite.Conn, current [32]byte, next cloakroom.RefreshChain, use cloakroom.Touch) error {
	var chains []cloakroom.RefreshChain
	var broken error
	found, err := one(c, `SELECT refresh FROM sessions WHERE key = ?1 AND tail = ?2`,
		func(s *sqlite.Stmt) { chains, broken = chainsOf(s, 0) }, key(use.Token), tail(&use.Token))
	switch {
	case err != nil || broken != nil:
		return errors.Join(err, broken)
	case !found:
		return missing(c, use.Token, use.SeenAt)
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
	_, err = exec(c, `UPDATE sessions SET refresh = ?6, `+touched+` WHERE key = ?1 AND tail = ?2`,
		key(use.Token), tail(&use.Token), use.SeenAt, use.ExpiresAt, use.IssuedAt, refresh)
	return err
}

// Bounds of what a session keeps, see cloakroom.SessionRecord and cloakroom.RefreshChain.
const (
	maxChains = 2
	maxPast   = 32
	maxSealed = 256
)

// chainsForm is the first byte of chains as they are stored: how many there are and then each. A chain is the current
// hash, how many are past, and each of those: hash, time, the length of what is sealed and that. Numbers are big-endian.
const chainsForm = 1

var errChains = errors.New("refresh chains of a form that this program does not know")

// packChains writes chains; none is nothing, which is stored as NULL.
func packChains(chains []cloakroom.RefreshChain) ([]byte, error) {
	if len(chains) == 0 {
		return nil, nil
	}
	if len(chains) > maxChains {
		return nil, fmt.Errorf("a session keeps %d refresh chains at most, not %d", maxChains, len(chains))
	}
	b := []byte{chainsForm, byte(len(chains))}
	for _, c := range chains {
		if len(c.Past) > maxPast {
			return nil, fmt.Errorf("a refresh chain has %d past tokens at most, not %d", maxPast, len(c.Past))
		}
		b = append(append(b, c.Current[:]...), byte(len(c.Past)))
		for _, p := range c.Past {
			if len(p.Sealed) > maxSealed {
				return nil, fmt.Errorf("a sealed successor has %d bytes at most, not %d", maxSealed, len(p.Sealed))
			}
			b = append(b, p.Token[:]...)
			b = binary.BigEndian.AppendUint64(b, uint64(p.At.UnixMicro()))
			b = binary.BigEndian.AppendUint16(b, uint16(len(p.Sealed)))
			b = append(b, p.Sealed...)
		}
	}
	return b, nil
}

// chainsOf reads a column that packChains made. NULL costs nothing: it is what most sessions have.
func chainsOf(s *sqlite.Stmt, col int) ([]cloakroom.RefreshChain, error) {
	if s.ColumnType(col) == sqlite.TypeNull {
		return nil, nil
	}
	return unpackChains(blob(s, col))
}

// unpackChains reads what packChains wrote and refuses all else. What it returns shares the bytes.
func unpackChains(b []byte) ([]cloakroom.RefreshChain, error) {
	r := reader{rest: b}
	form, n := r.byte(), r.byte()
	if form != chainsForm || n == 0 || n > maxChains {
		return nil, errChains
	}
	chains := make([]cloakroom.RefreshChain, n)
	for i := range chains {
		chains[i] = r.chain()
	}
	if r.broken || len(r.rest) > 0 {
		return nil, errChains
	}
	return chains, nil
}

// reader takes one thing after the other from the front of rest. Once something was missing or too much, it is broken
// and everything that follows is zero.
type reader struct {
	rest   []byte
	broken bool
}

func (r *reader) chain() (c cloakroom.RefreshChain) {
	copy(c.Current[:], r.take(len(c.Current)))
	n := int(r.byte())
	if n == 0 || n > maxPast || r.broken {
		r.broken = r.broken || n > maxPast
		return c
	}
	c.Past = make([]cloakroom.Rotated, n)
	for i := range c.Past {
		c.Past[i] = r.rotated()
	}
	return c
}

func (r *reader) rotated() (p cloakroom.Rotated) {
	copy(p.Token[:], r.take(len(p.Token)))
	if at := r.take(8); at != nil {
		p.At = time.UnixMicro(int64(binary.BigEndian.Uint64(at))).UTC()
	}
	if length := r.take(2); length != nil {
		n := int(binary.BigEndian.Uint16(length))
		r.broken = r.broken || n > maxSealed
		p.Sealed = r.take(n)
	}
	return p
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// take returns the next n bytes, nil if there are less.
func (r *reader) take(n int) []byte {
	if r.broken || len(r.rest) < n {
		r.broken = true
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

package valkey

import (
	"context"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

// Rotate implements cloakroom.Ledger. What tells ErrMoved from ErrNotFound is use.SeenAt.
func (l *Ledger) Rotate(ctx context.Context, current [32]byte, next cloakroom.RefreshChain, use cloakroom.Touch) error {
	if err := l.rotate(ctx, current, next, use); err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	return nil
}

func (l *Ledger) rotate(ctx context.Context, current [32]byte, next cloakroom.RefreshChain, use cloakroom.Touch) error {
	chain, err := packChain(next)
	if err != nil {
		return err
	}
	args := append([]string{encoded(use.Token.Hash), string(current[:]), chain}, times(use.SeenAt, use.ExpiresAt, use.IssuedAt)...)
	answer, err := l.keep(ctx, call{rotateScript, use.Token.Bucket, []string{l.tokenKey(use.Token)}, args})
	if err != nil {
		return err
	}
	done, what, err := pair(answer)
	switch {
	case err != nil:
		return err
	case done == 0:
		return fmt.Errorf("session %s: %w", what, cloakroom.ErrConflict)
	case done < 0 && what != "":
		_, err := unpack(what, use.Token, use.SeenAt)
		return err
	case done < 0:
		return cloakroom.ErrNotFound
	}
	return nil
}

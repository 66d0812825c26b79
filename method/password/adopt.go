package password

import (
	"context"
	"errors"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/legacyhash"
)

var _ cloakroom.Adopter = Method{}

// Adopt returns the data of a credential for a hash that another system has kept, see the package comment: a slow one
// as it is, a fast one hashed once more with argon2id, which takes a turn in the Pool. Data of a credential of this
// package, as an export has it, is adopted with its history. What cannot be read, or costs more than anybody means,
// is FieldErrors of the field "password_hash" with the code "unknown_hash"; no room to hash is
// *cloakroom.UnavailableError.
//
// Nothing is known of the password, so no rule but those for signing in is asked.
func (m Method) Adopt(ctx context.Context, hash string) ([]byte, error) {
	lines := strings.Split(hash, "\n")
	if len(lines) > 1+maxHistory {
		return nil, unknownHash()
	}
	for i, line := range lines {
		kept, err := m.adopt(ctx, line)
		if err != nil {
			return nil, err
		}
		lines[i] = kept
	}
	return data{hash: lines[0], past: lines[1:]}.bytes(), nil
}

func (m Method) adopt(ctx context.Context, hash string) (string, error) {
	if _, err := read(hash, ""); err == nil {
		return hash, nil
	}
	fast, err := legacyhash.ParseFast(hash)
	if errors.Is(err, legacyhash.ErrUnknown) {
		return "", unknownHash()
	}
	phc, err := m.pool().Hash(ctx, fast.Sum())
	if err != nil {
		return "", unavailable(err)
	}
	return fast.Wrapped(phc), nil
}

func unknownHash() error {
	return cloakroom.FieldErrors{{
		Field: "password_hash", Code: "unknown_hash", Message: "is of no kind that can be read here, is damaged or costs too much",
	}}
}

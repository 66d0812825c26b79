package password

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/internal/legacyhash"
)

// Prove holds the password against the hash on file. What cannot be a password at all is FieldErrors, before any work;
// no room to hash, or a ctx that ends in the queue, is *cloakroom.UnavailableError; everything else that is not right
// is cloakroom.ErrInvalidCredentials.
func (m Method) Prove(ctx context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
	if bad := malformed(c.Secret); bad != nil {
		return cloakroom.Proof{}, bad
	}
	secret := norm.NFC.Bytes([]byte(c.Secret))
	if c.User == nil || len(c.Credentials) == 0 {
		return cloakroom.Proof{}, m.burn(ctx, secret)
	}
	cred := c.Credentials[0]
	stored, hash, err := open(cred.Data, c.Secret)
	if err != nil {
		refused := m.burn(ctx, secret)
		if errors.Is(refused, cloakroom.ErrInvalidCredentials) {
			refused = fmt.Errorf("%w: stored hash of user %s: %w", refused, c.User.ID, err)
		}
		return cloakroom.Proof{}, refused
	}
	verdict, err := m.pool().Verify(ctx, hash, secret)
	switch {
	case err != nil:
		return cloakroom.Proof{}, unavailable(err)
	case !verdict.OK:
		return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
	case verdict.Fresh != "":
		stored.hash = verdict.Fresh
		cred.Data = stored.bytes()
		return cloakroom.Proof{Credential: &cred}, nil
	}
	return cloakroom.Proof{}, nil
}

// malformed refuses what was never let in, in time that depends on nothing but the secret.
func malformed(secret string) error {
	switch {
	case secret == "":
		return refuse("password_required", "is missing")
	case len(secret) > maxLength:
		return refuse("password_too_long", "must be at most 1,024 bytes")
	case !utf8.ValidString(secret):
		return refuse("invalid_password", "must be valid UTF-8")
	case strings.ContainsRune(secret, 0):
		return refuse("invalid_password", "must not have the character U+0000")
	}
	return nil
}

func refuse(code, message string) cloakroom.FieldErrors {
	return cloakroom.FieldErrors{{Field: field, Code: code, Message: message}}
}

// open finds the hash in force among the data on file.
func open(b []byte, secret string) (stored data, hash argon.Verifier, err error) {
	if stored, err = parseData(b); err != nil {
		return data{}, nil, err
	}
	hash, err = read(stored.hash, secret)
	return stored, hash, err
}

// read finds out what kind of hash a line is. Its errors do not quote it.
func read(line, secret string) (argon.Verifier, error) {
	if strings.HasPrefix(line, argon.Prefix) {
		return argon.Parse(line)
	}
	h, err := legacyhash.Parse(line)
	if err != nil {
		return nil, err
	}
	return foreign{Hash: h, sent: []byte(secret)}, nil
}

// foreign is a hash of a system that may have hashed what was sent as it came, or in NFC as we do.
type foreign struct {
	legacyhash.Hash
	sent []byte
}

func (f foreign) Matches(nfc []byte) bool {
	return f.Hash.Matches(f.sent) || !bytes.Equal(f.sent, nfc) && f.Hash.Matches(nfc)
}

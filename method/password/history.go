package password

import (
	"context"

	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-auth/cloakroom"
)

const maxHistory = 24 // hashes, each of which costs a change of password a turn in the pool

// fresh refuses the password that is in force and, with a History, those before it. Each comparison is a turn in the pool
// of its own, at most 1 + History of them, so that sign-ins go on in between.
func (m Method) fresh(ctx context.Context, old data, secret string) error {
	same, err := m.holds(ctx, old.hash, secret)
	if err != nil {
		return err
	}
	if same {
		return refuse("password_unchanged", "is the one that you have already")
	}
	for _, hash := range old.past[:min(len(old.past), m.History)] {
		same, err := m.holds(ctx, hash, secret)
		if err != nil {
			return err
		}
		if same {
			return refuse("password_reused", "is one that you have had before")
		}
	}
	return nil
}

// holds reports whether the hash is one of the secret. With a hash that cannot be read nobody can tell; it must not keep
// anybody from a new password.
func (m Method) holds(ctx context.Context, hash, secret string) (bool, error) {
	v, err := read(hash, secret)
	if err != nil {
		return false, nil
	}
	verdict, err := m.pool().Verify(ctx, v, norm.NFC.Bytes([]byte(secret)))
	if err != nil {
		return false, unavailable(err)
	}
	return verdict.OK, nil
}

// onFile is the data that a new password replaces; ok is false if there is none that can be read. A damaged hash goes,
// with what stands behind it.
func onFile(e cloakroom.Enrolment) (old data, ok bool) {
	if len(e.Credentials) == 0 {
		return data{}, false
	}
	old, _, err := open(e.Credentials[0].Data, e.Secret)
	return old, err == nil
}

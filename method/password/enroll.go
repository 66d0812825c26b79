package password

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-auth/cloakroom"
)

// Enroll returns the data of a new password, or FieldErrors with the first rule that it breaks, see the package
// comment. Rules that cost nothing are asked first, then those that take turns in the Pool, and the Checker last. No room
// to hash is *cloakroom.UnavailableError.
func (m Method) Enroll(ctx context.Context, e cloakroom.Enrolment) ([]byte, error) {
	if err := m.judge(e); err != nil {
		return nil, err
	}
	old, changes := onFile(e)
	if changes {
		if err := m.fresh(ctx, old, e.Secret); err != nil {
			return nil, err
		}
	}
	secret := norm.NFC.String(e.Secret)
	if err := m.unbreached(ctx, secret); err != nil {
		return nil, err
	}
	phc, err := m.pool().Hash(ctx, []byte(secret))
	switch {
	case err != nil:
		return nil, unavailable(err)
	case changes:
		return old.replaced(phc, m.History).bytes(), nil
	}
	return []byte(phc), nil
}

// judge is the policy as far as the password itself and the account tell.
func (m Method) judge(e cloakroom.Enrolment) error {
	least := max(minLength, m.MinLength)
	if len(e.Secret) > 0 { // empty is too short, not missing
		if err := malformed(e.Secret); err != nil {
			return err
		}
	}
	secret := norm.NFC.String(e.Secret)
	folded := strings.ToLower(secret)
	switch {
	case utf8.RuneCountInString(secret) < least:
		return refuse("password_too_short", fmt.Sprintf("must be at least %d characters", least))
	case common(folded):
		return refuse("password_common", "is one of the most common passwords, which are tried first")
	case contextual(folded, m.Words, e.User):
		return refuse("password_context", "must not be made of your e-mail address, your name or the name of this service")
	}
	return nil
}

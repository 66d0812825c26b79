package cloakroom

import (
	"context"
	"slices"

	"github.com/cloakroom-auth/cloakroom/internal/mailbox"
)

// Search returns up to max users (at most 1,000; zero or less means 200) whose e-mail or name contains a text, in whatever
// case, in order of their ids; an empty text finds all. next is where the next page begins, for after; empty: there is
// none. It may read all users.
func (u Users) Search(ctx context.Context, text, after string, max int) (page []User, next string, err error) {
	return u.Find(ctx, UserSearch{Text: text, After: after, Max: max})
}

// UserSearch selects users.
type UserSearch struct {
	Text  string // that the e-mail or the name contains, in whatever case; empty: any
	Role  string // that the user itself has; empty: any
	After string // only ids greater than this; empty: from the beginning
	Max   int    // at most 1,000; zero or less means 200
}

// Find is Search for those who have a role, too.
func (u Users) Find(ctx context.Context, q UserSearch) (page []User, next string, err error) {
	if q.Max <= 0 {
		q.Max = pageSize
	}
	q.Max = min(q.Max, 1000)
	page, err = u.auth.directory.Users(ctx, UserQuery{
		Realm: u.auth.config.Realm, Role: q.Role, After: q.After, Search: mailbox.Normalize(clip(q.Text, maxIdentifier)), Max: q.Max,
	})
	if err != nil {
		return nil, "", unavailable(err)
	}
	if len(page) == q.Max {
		next = page[q.Max-1].ID
	}
	return page, next, nil
}

// Invite is Create for somebody who chooses a password himself: where there is a Mailer, the mail for that goes out with
// the account. n.Method and n.Secret say nothing here.
func (u Users) Invite(ctx context.Context, n NewUser) (*User, error) {
	n.Method, n.Secret = "", ""
	user, _, err := u.auth.create(ctx, n, &order{Letter: letterReset, To: NormalizeEmail(n.Email)})
	return user, err
}

// Verify says, in place of a mail, that the user's e-mail is the user's. Saying it twice is no error. Errors: FieldErrors
// for a user without an e-mail.
func (u Users) Verify(ctx context.Context, userID string) (*User, error) {
	user, _, err := u.edit(ctx, userID, userEdit{what: Event{Type: EmailVerified, Reason: "operator"}, change: func(user *User) error {
		if user.Email == "" {
			return FieldErrors{{"email", "required", "is missing"}}
		}
		user.EmailVerified = true
		return nil
	}})
	return user, err
}

// RequireReset ends all sessions of the user and lets no password count any more before it was reset by the mail that goes
// out, or by SetSecret. Other ways to sign in stay. Each call sends a mail, where there is a Mailer.
func (u Users) RequireReset(ctx context.Context, userID string) error {
	user, err := u.Get(ctx, userID)
	if err != nil {
		return err
	}
	_, _, err = u.edit(ctx, userID, userEdit{
		what:   Event{Type: ResetRequired},
		letter: &order{Letter: letterReset, To: user.Email, UserID: userID},
		change: func(user *User) error {
			user.ResetRequired = true
			user.Epoch += allEnd
			return nil
		},
	})
	if err != nil {
		return err
	}
	u.auth.tidy(ctx, userID, "", "reset_required")
	return nil
}

// ResetFactors removes all that the user can prove itself by, but for a password: passkeys, second factors, recovery codes,
// remembered devices, and the identity of another system. It ends all sessions. Whoever has no password then is sent the mail to set one.
func (u Users) ResetFactors(ctx context.Context, userID string) error {
	user, err := u.Get(ctx, userID)
	if err != nil {
		return err
	}
	letter := &order{Letter: letterReset, UserID: userID}
	_, _, err = u.edit(ctx, userID, userEdit{
		what:   Event{Type: FactorsReset},
		letter: letter,
		forget: func(all []Credential) (gone []CredentialKey) {
			for _, c := range all {
				if !u.auth.chosen(c) {
					gone = append(gone, CredentialKey{c.Method, c.ID})
				}
			}
			letter.To = ""
			if !slices.ContainsFunc(all, u.auth.chosen) {
				letter.To = user.Email
			}
			return gone
		},
		change: func(user *User) error {
			user.Epoch += allEnd
			user.forgetIdentity()
			return nil
		},
	})
	if err != nil {
		return err
	}
	u.auth.tidy(ctx, userID, "", "factors_reset")
	return nil
}

// chosen reports whether a credential is a secret that its owner chose.
func (a *Auth) chosen(c Credential) bool {
	m, _ := a.methodNamed(c.Method)
	_, enrolls := m.(Enroller)
	return enrolls
}

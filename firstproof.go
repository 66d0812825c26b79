package cloakroom

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// firstProof notes that an e-mail was proven that was not before. A pending sign-up takes the place of what the account was
// opened by. Unless it was proven by who signed up, all of that is dropped, and every session ends: it may have been made by
// somebody who waited for the owner.
func (a *Auth) firstProof(r *http.Request, user *User, email string, p *pendingSignUp, registrant bool) (*User, error) {
	drops := p != nil || !registrant
	if drops { // first, so that wherever this breaks off no key outlives the proof
		if err := a.dropKeys(r.Context(), user.ID, time.Time{}, "email_verified"); err != nil {
			return nil, err
		}
	}
	e := userEdit{what: a.requested(r, Event{Type: EmailVerified})}
	if p.secret() {
		e.creds = []Credential{p.credential(a, user.ID)}
	}
	if drops {
		e.forget = credentialKeys
	}
	e.change = func(u *User) error {
		switch {
		case u.Email != email || u.Epoch != user.Epoch:
			return ErrInvalidLink
		case u.EmailVerified:
			return errProven
		}
		u.EmailVerified = true
		if p != nil {
			p.fill(u)
		}
		if drops {
			u.Epoch += allEnd
			u.ResetRequired = false
			u.forgetIdentity()
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), settleTime)
	defer cancel()
	changed, _, err := a.Users().edit(ctx, user.ID, e)
	if err == nil && a.config.VerifyFirst { // were it not forgotten, its password would be told as waiting until its link is too old
		_ = a.rememberSignUp(ctx, email, rememberedSignUp{})
	}
	switch {
	case errors.Is(err, errProven):
		return a.Users().Get(ctx, user.ID)
	case err != nil || !drops:
		return changed, err
	}
	a.tidy(ctx, user.ID, "", "email_verified")
	return changed, a.dropKeys(ctx, user.ID, time.Time{}, "email_verified")
}

// errProven: somebody was faster, and dropped what was to be dropped.
var errProven = errors.New("proven meanwhile")

// credentialKeys names all of these.
func credentialKeys(all []Credential) []CredentialKey {
	keys := make([]CredentialKey, len(all))
	for i, c := range all {
		keys[i] = CredentialKey{c.Method, c.ID}
	}
	return keys
}

// dropKeys revokes the API keys of a user that were made since.
func (a *Auth) dropKeys(ctx context.Context, userID string, since time.Time, reason string) error {
	q := APIKeyQuery{Realm: a.config.Realm, UserID: userID, Max: pageSize}
	for {
		page, err := a.directory.APIKeys(ctx, q)
		if err != nil {
			return unavailable(err)
		}
		for _, k := range page {
			if k.CreatedAt.Before(since) {
				continue
			}
			gone := a.dated(ctx, Event{Type: APIKeyRevoked, UserID: userID, Reason: reason, Details: map[string]string{"key": k.ID}})
			if _, err := a.directory.DeleteAPIKey(ctx, k.Realm, k.ID, a.records(gone)...); err != nil {
				return unavailable(err)
			}
			a.emit(ctx, gone)
		}
		if len(page) < q.Max {
			return nil
		}
		q.After = page[len(page)-1].ID
	}
}

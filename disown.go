package cloakroom

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// disownSlack is how much earlier than the event that was told something may have been made and still belong to it.
const disownSlack = time.Minute

// Disown is for the owner of an account who was told of something that he did not do. All sessions end, a change of e-mail since
// then is taken back, and what the account can be opened by and was added since is dropped: factors, recovery codes, API keys,
// remembered devices; the identity of another system, too, which links itself again. No password counts before it was reset, and
// the mail for that goes out. Somebody who has proven it has the old address by now: the account is left without any, for an
// administrator to mend. Errors: ErrInvalidLink, ErrExpiredLink, ErrCrossOrigin, *UnavailableError, which leaves the link good.
func (a *Auth) Disown(r *http.Request, token string) error {
	if err := a.origin.check(r); err != nil {
		return err
	}
	s, err := a.look(r.Context(), slipDisown, token)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), settleTime)
	defer cancel()
	// There is no other mail to ask for, so the link is spent last, and is held meanwhile.
	hold, at := counter{counterKey(a.config.Realm, slipDisown, string(s.ticket.ID.Hash[:])), Rate{1, settleTime}}, a.now()
	t, err := a.count(ctx, hold, 1, at)
	switch {
	case err != nil:
		return err
	case t.N > 1:
		return ErrInvalidLink
	}
	if err = a.disownAll(ctx, r, s); err == nil {
		err = a.spend(ctx, s)
	}
	if err != nil {
		_, _ = a.count(ctx, hold, -1, at)
	}
	return err
}

func (a *Auth) disownAll(ctx context.Context, r *http.Request, s *slip) error {
	what := a.requested(r, Event{Type: Disowned, UserID: s.UserID, Reason: string(s.Event)})
	user, err := a.disown(ctx, what, s, s.Email)
	if errors.Is(err, ErrEmailTaken) {
		if err := a.vacate(ctx, s.Email); err != nil {
			return err
		}
		user, err = a.disown(ctx, what, s, s.Email)
	}
	if errors.Is(err, ErrEmailTaken) {
		user, err = a.disown(ctx, what, s, "")
	}
	if err != nil {
		return known(err, ErrNotFound, ErrInvalidLink, ErrInvalidLink, ErrInvalidLink)
	}
	a.tidy(ctx, user.ID, "", "disowned")
	if err := a.dropKeys(ctx, user.ID, s.At.Add(-disownSlack), "disowned"); err != nil || user.Email != s.Email {
		return err
	}
	return a.leaveReset(r.WithContext(ctx), user)
}

// vacate takes an address from an account that has never proven it, for the one whose owner just has.
func (a *Auth) vacate(ctx context.Context, email string) error {
	holder, err := a.directory.UserByEmail(ctx, a.config.Realm, email)
	if errors.Is(err, ErrNotFound) || err == nil && holder.EmailVerified {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	_, _, err = a.Users().edit(ctx, holder.ID, userEdit{
		what: Event{Type: EmailChanged, Reason: "disowned", Details: fromTo(email, "")},
		change: func(u *User) error {
			if u.Email == email && !u.EmailVerified {
				u.Email = ""
				u.Epoch += allEnd
			}
			return nil
		},
	})
	return instead(err, ErrNotFound, nil)
}

// disown changes the account. email takes the place of one that it was given since.
func (a *Auth) disown(ctx context.Context, what Event, s *slip, email string) (*User, error) {
	user, _, err := a.Users().edit(ctx, s.UserID, userEdit{
		what:   what,
		forget: func(all []Credential) []CredentialKey { return a.addedSince(all, s.At.Add(-disownSlack)) },
		change: func(u *User) error {
			if u.Leaving() && !a.now().Before(u.LeavesAt) {
				return ErrNotFound // other nodes may be deleting it
			}
			since, err := a.renamedSince(ctx, u, s)
			if err != nil {
				return err
			}
			if !since && u.Email != s.Email { // the account is at another address for good; who has the old one has no say
				return ErrInvalidLink
			}
			if since {
				u.Email, u.EmailVerified = email, email != ""
			}
			u.forgetIdentity()
			u.Epoch += allEnd
			u.ResetRequired = true
			u.LeavesAt = time.Time{}
			return nil
		},
	})
	return user, err
}

// renamedSince reports whether an account has come to its present e-mail from that of a notice by changes that were made in its
// sessions. What an administrator has changed is no doing of whoever was in them.
func (a *Auth) renamedSince(ctx context.Context, u *User, s *slip) (bool, error) {
	email := u.Email
	if email == s.Email {
		return false, nil
	}
	for e, err := range a.Events().Of(ctx, u.ID) {
		switch {
		case err != nil:
			return false, err
		case e.Time.Before(s.At.Add(-disownSlack)):
			return false, nil
		case e.Type != EmailChanged || e.Reason == "operator" || e.Details["to"] != email:
			continue
		case e.Details["from"] == s.Email:
			return true, nil
		}
		email = e.Details["from"]
	}
	return false, nil
}

// addedSince lists what an account can be opened by since a time, and devices. A password stays and counts no more. Codes that a
// method makes take the place of older ones, so those count from their last change.
func (a *Auth) addedSince(all []Credential, since time.Time) (keys []CredentialKey) {
	for _, c := range all {
		made := c.CreatedAt
		m, _ := a.methodNamed(c.Method)
		if _, generated := m.(Generator); generated {
			made = c.UpdatedAt
		}
		if !a.chosen(c) && (c.Method == methodDevice || !made.Before(since)) {
			keys = append(keys, CredentialKey{c.Method, c.ID})
		}
	}
	return keys
}

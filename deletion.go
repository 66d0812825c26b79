package cloakroom

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/letter"
)

// An account that its owner deletes is gone at once for everybody who would use it, and stays a while for its owner to change
// his mind: until then every road to it answers as if it were not there, but its e-mail stays taken. Then it is swept.

// DeleteAccount deletes the account of the session's own user, ends all of its sessions and clears the cookies of the
// request. The session must be Sensitive. Until leavesAt, Config.DeleteAfter from now, the account can be kept
// by the link in a mail that tells of it, see KeepAccount; an administrator gives up RoleAdmin all the same, and does not
// get it back. Where no such mail can go out, for want of a Mailer or of a proven e-mail, the account is deleted at once,
// as Users.Delete does, and leavesAt is the zero time. Errors: ErrUnauthenticated, ErrImpersonated, ErrForbidden for an API
// key or by Config.Veto, ErrLastHolder, ErrInvalidToken when the sessions were ended meanwhile, *UnavailableError.
func (a *Auth) DeleteAccount(w http.ResponseWriter, r *http.Request, s *Session) (leavesAt time.Time, err error) {
	if err := s.sure(); err != nil {
		return time.Time{}, err
	}
	what := Event{Type: DeletionRequested, UserID: s.User.ID, SessionID: s.ID}
	if a.config.Mailer != nil && a.config.DeleteAfter > 0 && s.User.EmailVerified {
		leavesAt = a.now().Add(a.config.DeleteAfter)
		what.Details = map[string]string{"leaves_at": leavesAt.Format(time.RFC3339)}
	}
	what = a.requested(r, what)
	if err := a.vetoed(r, what); err != nil {
		return time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), settleTime)
	defer cancel()
	if leavesAt.IsZero() {
		err = a.Users().delete(ctx, a.requested(r, Event{Type: UserDeleted, UserID: s.User.ID, Reason: "own"}))
	} else {
		leavesAt, err = a.takeLeave(ctx, s, what, leavesAt)
	}
	if err != nil && !errors.Is(err, ErrNotFound) { // another request of the session was faster
		return time.Time{}, err
	}
	a.part(w, r, s.carrier)
	return leavesAt, nil
}

// takeLeave begins the time in which an account can be kept. That it has begun already, by another request of the session,
// is no error.
func (a *Auth) takeLeave(ctx context.Context, s *Session, what Event, leavesAt time.Time) (time.Time, error) {
	user, _, err := a.Users().edit(ctx, s.User.ID, userEdit{
		what:   what,
		letter: &order{Letter: letterDeletion, To: s.User.Email, UserID: s.User.ID, Until: leavesAt},
		change: func(u *User) error {
			switch {
			case u.Leaving():
				return nil
			case u.Epoch != s.User.Epoch || u.Email != s.User.Email:
				return ErrInvalidToken
			}
			// The store lets nobody give up the last of it, so it never lies with accounts alone that nobody can use.
			u.Roles = slices.DeleteFunc(slices.Clone(u.Roles), func(role string) bool { return role == RoleAdmin })
			u.LeavesAt = leavesAt
			u.Epoch += allEnd
			return nil
		},
	})
	if err != nil {
		return time.Time{}, err
	}
	a.tidy(ctx, user.ID, "", "deletion_requested")
	return user.LeavesAt, nil
}

// orLeft is the error of a proof that a session's own user gave. One that was refused because the account has left meanwhile says nothing of
// the proof: the session is over.
func (a *Auth) orLeft(ctx context.Context, s *Session, err error) error {
	if !errors.Is(err, ErrInvalidCredentials) {
		return err
	}
	user, gone := a.directory.User(ctx, s.User.ID)
	if errors.Is(gone, ErrNotFound) || gone == nil && user.Leaving() {
		return ErrInvalidToken
	}
	return err
}

// part lets the client forget a session that is over.
func (a *Auth) part(w http.ResponseWriter, r *http.Request, by carrier) {
	private(w.Header())
	if by == byCookie {
		a.clearCookies(w, r)
	}
	visitOf(r.Context()).leave()
	if len(a.config.ClearSiteData) > 0 {
		w.Header().Set("Clear-Site-Data", `"`+strings.Join(a.config.ClearSiteData, `", "`)+`"`)
	}
}

func (a *Auth) clearCookies(w http.ResponseWriter, r *http.Request) {
	a.carriers.clearCookie(w, r)
	if a.config.Token.signed() {
		a.carriers.clearRefresh(w, r)
	}
}

func (a *Auth) fillDeletion(ctx context.Context, b *mailBundle, d *letter.Data) (string, error) {
	user, err := a.recipient(ctx, &b.order)
	if err != nil {
		return "", err
	}
	life := user.LeavesAt.Sub(a.now())
	if !user.Leaving() || user.Email != b.To || user.Banned() || life <= 0 {
		return "", errNobody
	}
	t, err := a.issue(ctx, slipKeep, slip{UserID: user.ID, Email: user.Email, Epoch: user.Epoch, mail: b.mark}, life)
	d.Name, d.Link, d.Until = user.Name, a.link(letterDeletion, t), user.LeavesAt
	return user.Locale, err
}

// KeepAccount undoes a deletion by the token of the mail that told of it. Sessions that ended stay ended: a sign-in follows.
// Errors: ErrInvalidLink, ErrExpiredLink when the account is to be gone by now, ErrCrossOrigin, *UnavailableError.
func (a *Auth) KeepAccount(r *http.Request, token string) error {
	if err := a.origin.check(r); err != nil {
		return err
	}
	s, user, err := a.addressee(r.Context(), slipKeep, token)
	switch {
	case err != nil:
		return err
	case !user.Leaving():
		return ErrInvalidLink
	case !a.now().Before(user.LeavesAt):
		return ErrExpiredLink
	}
	if err := a.spend(r.Context(), s); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), settleTime) // the link is spent, whoever hangs up
	defer cancel()
	_, err = a.Users().stay(ctx, user.ID, a.requested(r, Event{Type: DeletionUndone}))
	if errors.Is(err, ErrNotFound) {
		return ErrExpiredLink
	}
	return err
}

// Restore lets an account stay whose owner has deleted it, until its LeavesAt. Roles that it gave up do not come back. It
// is no error if the account stays already. ErrNotFound: it is not there any more, or to be gone by now.
func (u Users) Restore(ctx context.Context, userID string) (*User, error) {
	return u.stay(ctx, userID, Event{Type: DeletionUndone, Reason: "restored"})
}

// stay undoes a deletion. Once its time has come an account is not brought back: other nodes may be deleting it.
func (u Users) stay(ctx context.Context, userID string, what Event) (*User, error) {
	user, _, err := u.edit(ctx, userID, userEdit{what: what, change: func(user *User) error {
		if user.Leaving() && !u.auth.now().Before(user.LeavesAt) {
			return ErrNotFound
		}
		user.LeavesAt = time.Time{}
		return nil
	}})
	return user, err
}

// sweepLeavers deletes the accounts whose time has come, and returns how many this node did. It lags behind the clock as
// the sweeper of sessions does, so that no node deletes what another still lets stay.
func (a *Auth) sweepLeavers(ctx context.Context) (total int, err error) {
	q := UserQuery{Realm: a.config.Realm, LeavingBefore: a.now().Add(-sweepLag), Max: pageSize}
	for {
		page, err := a.directory.Users(ctx, q)
		if err != nil {
			return total, unavailable(err)
		}
		for i := range page {
			err := a.Users().delete(ctx, a.dated(ctx, Event{Type: UserDeleted, UserID: page[i].ID, Reason: "left"}))
			switch {
			case err == nil:
				total++
			case errors.Is(err, ErrLastHolder): // it was given the role since; whoever did so must choose
				a.emit(ctx, Event{Type: RequestFailed, UserID: page[i].ID, Reason: "left", Err: err})
			case !errors.Is(err, ErrNotFound): // another node was faster
				return total, err
			}
		}
		if len(page) < q.Max {
			return total, nil
		}
		q.After = page[len(page)-1].ID
	}
}

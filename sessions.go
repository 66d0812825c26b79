package cloakroom

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
)

// Sessions administers the sessions of users. Get it from Auth.Sessions. It asks nobody for permission: pass the id of
// the user who asks, and nobody reaches the sessions of another.
type Sessions struct{ auth *Auth }

// Sessions returns the sessions of the Auth's realm.
func (a *Auth) Sessions() Sessions { return Sessions{a} }

// Of iterates over the live sessions of a user, one for each sign-in, newest first.
func (l Sessions) Of(ctx context.Context, userID string) iter.Seq2[*Session, error] {
	return l.Before(ctx, userID, "")
}

// Before is Of for sessions older than the one with this id: the next page of a list.
func (l Sessions) Before(ctx context.Context, userID, sessionID string) iter.Seq2[*Session, error] {
	return func(yield func(*Session, error) bool) {
		user, err := l.auth.Users().Get(ctx, userID)
		if err != nil {
			yield(nil, err)
			return
		}
		for before := sessionID; ; {
			page, err := l.auth.ledger.SessionsOf(ctx, bucketOf(userID), userID, before, pageSize)
			if err != nil {
				yield(nil, unavailable(err))
				return
			}
			for _, rec := range page {
				if s := l.auth.listed(rec, user); s != nil && !yield(s, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			before = page[len(page)-1].ID
		}
	}
}

// listed is the session of a record, or nil if it is dead.
func (a *Auth) listed(rec SessionRecord, user *User) *Session {
	rec.LastSeenAt = latest(rec.LastSeenAt, a.uses.noted(&rec.Token).seen)
	s := a.session(rec, user)
	if rec.Realm != a.config.Realm || rec.Epoch < user.Epoch || !s.Live(a.now()) {
		return nil
	}
	return s
}

// Revoke ends one session of the user. ErrNotFound: the user has no such session, or not any more.
func (l Sessions) Revoke(ctx context.Context, userID, sessionID string) error {
	if !strings.HasPrefix(sessionID, "ses_") || len(sessionID) > 64 {
		return ErrNotFound
	}
	if _, err := l.auth.Users().Get(ctx, userID); err != nil { // nobody of another realm
		return err
	}
	revoked := l.auth.dated(ctx, Event{Type: SessionRevoked, UserID: userID, SessionID: sessionID, Reason: "revoked"})
	closed, err := l.auth.close(ctx, SessionRef{Bucket: bucketOf(userID), ID: sessionID, UserID: userID}, revoked)
	if err == nil && !closed {
		return ErrNotFound
	}
	return err
}

// allEnd is by how much a user's epoch grows when all sessions end: more than one that a broken off ChangeSecret may have
// left ahead, see fallBack.
const allEnd = 2

// RevokeAll ends all sessions of the user, also one that is being opened at this moment.
func (l Sessions) RevokeAll(ctx context.Context, userID string) error {
	_, _, err := l.auth.Users().edit(ctx, userID, userEdit{what: Event{Type: SessionsRevoked}, change: func(u *User) error {
		u.Epoch += allEnd
		return nil
	}})
	if err != nil {
		return err
	}
	l.auth.tidy(ctx, userID, "", "revoked")
	return nil
}

// RevokeOthers ends all sessions of s's user but s itself.
func (l Sessions) RevokeOthers(ctx context.Context, s *Session) error {
	if s.Anonymous() {
		return nil
	}
	revoked := l.auth.dated(ctx, Event{Type: SessionRevoked, UserID: s.User.ID, Reason: "revoked"})
	return l.auth.closeUser(ctx, s.User.ID, s.ID, revoked, l.auth.ending(revoked))
}

// closeUser drops the sessions of a user but one, and tells of each.
func (a *Auth) closeUser(ctx context.Context, userID, keep string, each Event, end Ending) error {
	ended, err := a.ledger.CloseUser(ctx, bucketOf(userID), userID, keep, end)
	if err != nil {
		return unavailable(err)
	}
	for _, each.SessionID = range ended {
		a.emit(ctx, each)
	}
	if end.RevokedUntil.IsZero() { // told already
		return nil
	}
	return a.doubt(ctx, userID)
}

// mourn tells the feed of a token that is shown to end its session, and that the Ledger does not know: where it lives elsewhere it
// may have lost a session that other nodes remember.
func (a *Auth) mourn(ctx context.Context, id TokenID, reason error) error {
	if a.config.Ledger == nil || !errors.Is(reason, ErrInvalidToken) || a.feed.graves.has(id.Hash) {
		return nil
	}
	return a.remind(ctx, Revocation{Subject: id.Hash, Epoch: TokenReplaced})
}

// doubt lets all nodes ask again for what they remember of a user, for the same reason.
func (a *Auth) doubt(ctx context.Context, userID string) error {
	if a.config.Ledger == nil || userID == "" {
		return nil
	}
	return a.remind(ctx, Revocation{Subject: subjectOf(userID), Epoch: UserChanged})
}

func (a *Auth) remind(ctx context.Context, r Revocation) error {
	r.Until = a.revokedUntil()
	if err := a.directory.Append(ctx, []Revocation{r}, nil); err != nil {
		return unavailable(err)
	}
	a.feed.graves.dig([]Revocation{r})
	return nil
}

// close ends one session, and tells of it if there was one.
func (a *Auth) close(ctx context.Context, ref SessionRef, e Event) (bool, error) {
	closed, err := a.ledger.Close(ctx, ref, a.ending(e))
	if err != nil {
		return false, unavailable(err)
	}
	if !closed {
		return false, a.doubt(ctx, ref.UserID)
	}
	a.emit(ctx, e) // of many at once, one ended it
	return true, nil
}

// tidy drops the sessions of a user but one, all of them dead by their epoch or for want of their user: what made them so
// is durable and in the feed, and that their rows could not be dropped is only told.
func (a *Auth) tidy(ctx context.Context, userID, keep, reason string) {
	if err := a.closeUser(ctx, userID, keep, Event{Type: SessionRevoked, UserID: userID, Reason: reason}, Ending{}); err != nil {
		a.emit(ctx, Event{Type: RequestFailed, UserID: userID, Reason: "tidy", Err: err})
	}
}

// Extent says which sessions a sign-out ends.
type Extent string

const (
	ThisSession   Extent = "this"
	OtherSessions Extent = "others"
	AllSessions   Extent = "all"
)

// SignOut ends the session of the request, the others of its user, or all of them, before it returns, and clears the
// cookies. Any token of the session will do, a signed one also after it has expired, while its key is listed (RevokedFor after
// it signed last). Without a live session it does nothing
// and returns nil. An empty extent means ThisSession. An API key signs nothing
// out. Errors: FieldErrors for an unknown extent, ErrImpersonated for more than this session, ErrCrossOrigin,
// ErrAmbiguous, *UnavailableError: then it is not known to have ended, and the cookies stay for another try.
func (a *Auth) SignOut(w http.ResponseWriter, r *http.Request, e Extent) error {
	return a.SignOutBy(w, r, e, "")
}

// SignOutBy is SignOut for a client that shows its refresh token.
func (a *Auth) SignOutBy(w http.ResponseWriter, r *http.Request, e Extent, refreshToken string) error {
	if e == "" {
		e = ThisSession
	}
	if e != ThisSession && e != OtherSessions && e != AllSessions {
		return FieldErrors{{"scope", "unknown_value", "must be this, others or all"}}
	}
	private(w.Header())
	shown, by, err := a.shown(r, refreshToken)
	if err != nil {
		return err
	}
	alive, err := a.endAll(r, shown, e)
	if err != nil {
		return err
	}
	if e != OtherSessions {
		a.part(w, r, by)
	} else if by == byCookie && !alive {
		a.clearCookies(w, r)
	}
	return nil
}

// shown lists every credential of a request that we made, also a signed token that has expired: whoever holds it may end
// its session. Two good cookies are both listed: whoever holds both may end both. by tells of cookies also when none is good.
func (a *Auth) shown(r *http.Request, refreshToken string) (shown []credential, by carrier, err error) {
	if t, ok := a.keys.Load().parseRefresh(refreshToken); ok {
		shown = append(shown, credential{carrier: byBearer, id: t.session})
	}
	text, bearer, err := a.carriers.bearer(r.Header)
	switch {
	case err != nil:
		return nil, byNothing, err
	case bearer && !a.carriers.bearers, !bearer && !a.carriers.cookies:
		return shown, byNothing, nil
	case !bearer:
		return a.shownCookies(r, shown)
	}
	cred := credential{carrier: byBearer}
	if err = a.recognise(r.Context(), &cred, text, anyAge); err == nil {
		shown = append(shown, cred)
	}
	return shown, byBearer, onlyUnknown(err)
}

// shownCookies adds those of cookies, also of refresh cookies. They are held to the CSRF rule, good or bad.
func (a *Auth) shownCookies(r *http.Request, shown []credential) (_ []credential, by carrier, err error) {
	scan := scanCookies(r.Header, a.carriers.cookieName(r))
	for {
		var cred credential
		ok, err := a.nextCookie(r.Context(), &scan, &cred, anyAge)
		by = max(by, cred.carrier)
		if err != nil {
			return nil, by, err
		}
		if !ok {
			break
		}
		shown = append(shown, cred)
	}
	refresh := scanCookies(r.Header, a.carriers.refreshName(r))
	for text, ok := refresh.next(); ok && refresh.checked < maxCookies; text, ok = refresh.next() {
		by = byCookie
		refresh.checked++
		if t, ok := a.keys.Load().parseRefresh(text); ok {
			shown = append(shown, credential{carrier: byCookie, id: t.session})
		}
	}
	if by == byCookie {
		err = a.origin.check(r)
	}
	return shown, by, err
}

// onlyUnknown drops what says that a credential is dead, and keeps what says that it cannot be known.
func onlyUnknown(err error) error {
	if signedOut(err) {
		return nil
	}
	return err
}

// endAll ends what each credential stands for, and reports whether any was alive.
func (a *Auth) endAll(r *http.Request, shown []credential, e Extent) (alive bool, err error) {
	for i, cred := range shown {
		if slices.ContainsFunc(shown[:i], func(c credential) bool { return c.id == cred.id }) {
			continue
		}
		err := a.end(r, cred, e)
		if err != nil && !signedOut(err) {
			return alive, err
		}
		alive = alive || err == nil
	}
	return alive, nil
}

// end closes what a sign-out asks for.
func (a *Auth) end(r *http.Request, cred credential, e Extent) error {
	ctx := r.Context()
	s, err := a.lookup(ctx, cred.id)
	if err != nil {
		return cmp.Or(a.mourn(ctx, cred.id, err), err)
	}
	if cred.claims != nil && !s.claimedBy(cred.claims) {
		return ErrInvalidToken
	}
	r = a.Acting(r, s)
	switch {
	case s.Actor != "" && e != ThisSession:
		return ErrImpersonated
	case e == OtherSessions:
		return a.Sessions().RevokeOthers(ctx, s)
	case e == AllSessions && !s.Anonymous():
		return a.Sessions().RevokeAll(ctx, s.User.ID)
	}
	_, err = a.close(ctx, s.ref, a.requested(r, Event{Type: SignedOut, UserID: s.ref.UserID, SessionID: s.ID}))
	return err
}

package cloakroom

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// A Handler serves a request of somebody who is known. Its type is what makes a forgotten guard a compile error: a
// mux takes http.Handler, and only a guard turns a Handler into one.
type Handler func(w http.ResponseWriter, r *http.Request, s *Session)

// Protect lets a request through to h when it has the live session of a user and meets every requirement; s is never
// nil and s.User is never nil. Otherwise h does not run and the answer is 401, 403 or, when the truth cannot be
// known, 503. A guest is not enough; see Optional and Begin.
//
// A handler that panics changes nothing: what it wrote into the session's data by a Key is taken back before the panic
// goes on its way, but for values that somebody else has changed meanwhile. If the store does not answer then, they stay and
// the event RequestFailed tells it, with the Reason "undo".
func (a *Auth) Protect(h Handler, need ...Requirement) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := a.admit(w, r, need)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		s := v.watched()
		a.serve(w, a.Acting(r, s), s, h)
	})
}

// serve calls a handler and, when it panics, takes back what it did.
func (a *Auth) serve(w http.ResponseWriter, r *http.Request, s *Session, h Handler) {
	done := false
	defer func() {
		if !done { // also after runtime.Goexit, which recover would not see
			a.undo(r, s)
		}
	}()
	h(w, r, s)
	done = true
}

// Enter is what Protect does before it calls its handler, for code that answers refusals in a way of its own: it returns
// the session, or the error that Fail would answer, and keeps the cookie in step. It sees no end of the request, so
// nothing is taken back when its caller panics.
func (a *Auth) Enter(w http.ResponseWriter, r *http.Request, need ...Requirement) (*Session, error) {
	v, err := a.admit(w, r, need)
	return v.alone(), err
}

func (a *Auth) admit(w http.ResponseWriter, r *http.Request, need []Requirement) (*arrival, error) {
	v, err := a.enter(w, r)
	if err != nil {
		return nil, err
	}
	if err := v.session.Meets(need...); err != nil {
		return nil, err
	}
	return v, nil
}

// Optional lets every request through whose credential can be judged. s is the session of a user or of a guest, or nil
// when there is none or it is dead; a dead bearer token is told by WWW-Authenticate beside the answer. The request's
// context carries what Begin needs to begin one session at most, also from many goroutines.
//
// A handler that panics changes nothing, as behind Protect; a guest session that it began ends, too.
func (a *Auth) Optional(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := a.visit(w, r)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		s := v.watched()
		a.serve(w, a.visiting(a.Acting(r, s), s), s, h)
	})
}

// Visit is what Optional does before it calls its handler: the session may be nil. It is to Optional what Enter is to
// Protect: after a panic nothing is taken back.
func (a *Auth) Visit(w http.ResponseWriter, r *http.Request) (*Session, error) {
	v, err := a.visit(w, r)
	return v.alone(), err
}

func (a *Auth) visit(w http.ResponseWriter, r *http.Request) (*arrival, error) {
	v, err := a.enter(w, r)
	if errors.Is(err, ErrInvalidToken) && bearing(r) {
		w.Header().Set("WWW-Authenticate", challengeInvalid) // RFC 9110 §11.6.1 allows it on any answer
	}
	if signedOut(err) {
		return nil, nil
	}
	return v, err
}

// Require is Protect for routers and handlers of any kind: ordinary middleware. Behind it FromContext has the session.
func (a *Auth) Require(need ...Requirement) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return a.Protect(func(w http.ResponseWriter, r *http.Request, s *Session) {
			next.ServeHTTP(w, a.visiting(r, s))
		}, need...)
	}
}

// Authenticate returns the session of a request, of a user or of a guest, for roads that a handler cannot guard: a
// WebSocket hub, gRPC metadata put into a request. Errors are those that Fail answers: ErrUnauthenticated,
// ErrInvalidToken, ErrAmbiguous, ErrBanned, ErrCrossOrigin, *UnavailableError. It writes nothing, so it renews no
// cookie; it sees no end of anything, so nothing is taken back after a panic. A WebSocket handshake with a cookie is held
// to the CSRF rule though it is a GET.
func (a *Auth) Authenticate(r *http.Request) (*Session, error) {
	cred, err := a.present(r)
	if err != nil {
		return nil, err
	}
	v, err := a.judge(r, &cred, a.instant())
	return v.alone(), err
}

// FromContext returns the session that Require or Optional found, if any.
func FromContext(ctx context.Context) (*Session, bool) {
	s := visitOf(ctx).session.Load()
	return s, s != nil
}

// enter is the way of every guarded request: find the credential, judge it, and keep the browser's cookie in step.
func (a *Auth) enter(w http.ResponseWriter, r *http.Request) (*arrival, error) {
	private(w.Header())
	cred, err := a.present(r)
	if err != nil {
		a.clearIfDead(w, r, &cred, err)
		return nil, err
	}
	now := a.instant()
	v, err := a.judge(r, &cred, now)
	if err != nil {
		a.clearIfDead(w, r, &cred, err)
		return nil, err
	}
	a.keepFresh(w, r, &cred, &v.session, now.Time)
	return v, nil
}

// clearIfDead makes the browser forget a cookie that is certainly dead and has no successor. A signed one stays: it ends by
// itself, and a refresh that crosses this request may just have replaced it.
func (a *Auth) clearIfDead(w http.ResponseWriter, r *http.Request, cred *credential, err error) {
	if cred.carrier == byCookie && !cred.signed && errors.Is(err, ErrInvalidToken) && !errors.Is(err, ErrMoved) {
		a.carriers.clearCookie(w, r)
	}
}

// judge asks the stores about a credential of ours.
func (a *Auth) judge(r *http.Request, cred *credential, now instant) (*arrival, error) {
	if cred.carrier == byCookie {
		if err := a.origin.check(r); err != nil {
			return nil, err
		}
	}
	if cred.key {
		return a.judgeKey(r.Context(), cred.id, now.Time)
	}
	v, err := a.lookupCached(r.Context(), &cred.id, now)
	if err != nil {
		return nil, err
	}
	if cred.claims != nil {
		if !v.session.claimedBy(cred.claims) {
			return nil, ErrInvalidToken
		}
		v.session.until = short(cred.claims.ExpiresAt)
	}
	v.session.carrier, v.session.Current = cred.carrier, true
	a.use(&v.session, now.Time)
	return v, nil
}

// lookup asks the store for the live session of a token. ErrInvalidToken: certainly dead. ErrBanned: alive but for the ban.
func (a *Auth) lookup(ctx context.Context, id TokenID) (*Session, error) {
	var rec SessionRecord
	v, err := a.lookupRecord(ctx, &id, a.instant(), &rec)
	return v.alone(), err
}

// lookupCached is lookup for guards: it believes what this node remembers, while it may. Only the store knows that a
// session is over: its idle limit may have moved by a use elsewhere.
func (a *Auth) lookupCached(ctx context.Context, id *TokenID, now instant) (*arrival, error) {
	var rec SessionRecord
	if a.cache == nil {
		return a.lookupRecord(ctx, id, now, &rec)
	}
	v := &arrival{}
	known, err := a.cache.find(id, now, &rec, v)
	if err != nil {
		return nil, lost(err)
	}
	if known && a.living(v, &rec, a.uses.noted(id).seen, now.Time) == nil {
		return a.backed(ctx, v, &rec, now)
	}
	return a.lookupRecord(ctx, id, now, &rec)
}

// lookupRecord is lookup for who also wants what the Ledger keeps.
func (a *Auth) lookupRecord(ctx context.Context, id *TokenID, now instant, rec *SessionRecord) (*arrival, error) {
	seen := a.uses.noted(id).seen // asked first: a flush moves uses from here to the store, never back
	asOf := a.feed.now()          // and this: what is told from now on is news
	v := &arrival{}
	err := a.find(ctx, id, now.Time, rec, &v.user)
	switch {
	case err == nil && a.cache != nil:
		a.cache.keep(asOf, rec, &v.user)
	case errors.Is(err, ErrNotFound) && !errors.Is(err, ErrMoved) && a.cache != nil:
		a.cache.keepDead(asOf, id, now.Time)
	}
	if err != nil {
		return nil, lost(err)
	}
	if err := a.living(v, rec, seen, now.Time); err != nil {
		return nil, err
	}
	return a.backed(ctx, v, rec, now)
}

// living makes v, which has the user, the session of a record, if that lives.
func (a *Auth) living(v *arrival, rec *SessionRecord, seen int64, now time.Time) error {
	rec.LastSeenAt = latest(rec.LastSeenAt, seen)
	rec.ExpiresAt = a.endOf(rec)
	if rec.Realm != a.config.Realm || !now.Before(rec.ExpiresAt) {
		return ErrInvalidToken
	}
	if rec.UserID != "" {
		switch user := &v.user; {
		case user.ID == "", user.Leaving():
			return ErrInvalidToken
		case user.Banned():
			return ErrBanned
		case rec.Epoch < user.Epoch:
			return ErrInvalidToken
		}
	}
	v.begin(a, rec)
	return nil
}

// lost is what an error of a store means for a token.
func lost(err error) error {
	switch {
	case errors.Is(err, ErrMoved):
		return deadToken{err}
	case errors.Is(err, ErrNotFound):
		return ErrInvalidToken
	}
	return unavailable(err)
}

// find asks the stores for a session and its user. A user who is not there is the zero User.
func (a *Auth) find(ctx context.Context, id *TokenID, now time.Time, rec *SessionRecord, user *User) (err error) {
	if a.finder != nil {
		*rec, *user, err = a.finder.Find(ctx, *id, now)
		return err
	}
	if *rec, err = a.ledger.Session(ctx, *id, now); err != nil || rec.UserID == "" {
		return err
	}
	if *user, err = a.directory.User(ctx, rec.UserID); errors.Is(err, ErrNotFound) {
		*user = User{}
		return nil
	}
	return err
}

// keepFresh sends the cookie again when its tag is of an older secret, or past half of a long life.
func (a *Auth) keepFresh(w http.ResponseWriter, r *http.Request, cred *credential, s *Session, now time.Time) {
	if cred.claims != nil {
		return // a refresh renews it
	}
	if s.Remember {
		s.issued = short(latest(s.issuedAt(), a.uses.noted(&s.token).issued))
	}
	aging := s.Remember && now.Sub(s.issuedAt()) > cookieAge(s, s.issuedAt())/2
	switch {
	case cred.carrier == byCookie && (aging || cred.retag):
		a.carriers.setCookie(w, r, cred.token, cookieAge(s, now))
		s.issued = short(now)
		a.uses.note(Touch{Token: s.token, SeenAt: now, ExpiresAt: s.ExpiresAt, IssuedAt: now})
	case cred.carrier == byBearer && cred.retag:
		a.carriers.setHeader(w, cred.token)
	}
}

// cookieAge is the life of a cookie set at this time: none beyond the browser's, or the idle time up to the end.
func cookieAge(s *Session, at time.Time) time.Duration {
	if !s.Remember {
		return 0
	}
	l := s.auth.lifetime
	return min(l.Idle, s.CreatedAt.Add(l.Absolute).Sub(at), maxCookieAge)
}

// refuse answers a request that a guard did not let through.
func (a *Auth) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if a.config.OnFail != nil {
		a.config.OnFail(w, r, err)
		return
	}
	a.Fail(w, r, err)
}

// signedOut reports whether err says that the request simply has no session.
func signedOut(err error) bool {
	return errors.Is(err, ErrUnauthenticated) || errors.Is(err, ErrInvalidToken) || errors.Is(err, ErrBanned)
}

// bearing reports whether the request has a Bearer header.
func bearing(r *http.Request) bool {
	_, present, _ := (&carriers{}).bearer(r.Header)
	return present
}

// deadToken is ErrInvalidToken with the store's reason.
type deadToken struct{ cause error }

func (deadToken) Error() string        { return ErrInvalidToken.Error() }
func (deadToken) Is(target error) bool { return target == ErrInvalidToken }
func (d deadToken) Unwrap() error      { return d.cause }

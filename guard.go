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
func (a *Auth) Protect(h Handler, need ...Requirement) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := a.Enter(w, r, need...)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		h(w, r, s)
	})
}

// Enter is what Protect does before it calls its handler, for code that answers refusals in a way of its own: it returns
// the session, or the error that Fail would answer, and keeps the cookie in step.
func (a *Auth) Enter(w http.ResponseWriter, r *http.Request, need ...Requirement) (*Session, error) {
	s, err := a.enter(w, r)
	if err != nil {
		return nil, err
	}
	if err := s.Meets(need...); err != nil {
		return nil, err
	}
	return s, nil
}

// Optional lets every request through whose credential can be judged. s is the session of a user or of a guest, or nil
// when there is none or it is dead; a dead bearer token is told by WWW-Authenticate beside the answer. The request's
// context carries what Begin needs to begin one session at most, also from many goroutines.
func (a *Auth) Optional(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := a.Visit(w, r)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		h(w, a.visiting(r, s), s)
	})
}

// Visit is what Optional does before it calls its handler: the session may be nil. It is to Optional what Enter is to
// Protect.
func (a *Auth) Visit(w http.ResponseWriter, r *http.Request) (*Session, error) {
	s, err := a.enter(w, r)
	if errors.Is(err, ErrInvalidToken) && bearing(r) {
		w.Header().Set("WWW-Authenticate", challengeInvalid) // RFC 9110 §11.6.1 allows it on any answer
	}
	if signedOut(err) {
		return nil, nil
	}
	return s, err
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
// cookie. A WebSocket handshake with a cookie is held to the CSRF rule though it is a GET.
func (a *Auth) Authenticate(r *http.Request) (*Session, error) {
	cred, err := a.present(r)
	if err != nil {
		return nil, err
	}
	return a.judge(r, cred, a.now())
}

// FromContext returns the session that Require or Optional found, if any.
func FromContext(ctx context.Context) (*Session, bool) {
	s := visitOf(ctx).session.Load()
	return s, s != nil
}

// credential is what a request brought, before anybody was asked about it.
type credential struct {
	carrier carrier
	id      TokenID
	token   Token // with a tag of the current secret
	retag   bool  // the client's copy has an older tag
}

// present finds the one credential of a request (CONTRACT §1). ErrUnauthenticated: there is none. ErrInvalidToken:
// there is one, but we did not make it.
func (a *Auth) present(r *http.Request) (credential, error) {
	text, bearer, err := a.carriers.bearer(r.Header)
	if err != nil {
		return credential{}, err
	}
	keys := a.keys.Load()
	if bearer {
		cred := credential{carrier: byBearer}
		id, token, ok := keys.parse(kindSession, text)
		if !ok || !a.carriers.bearers {
			return cred, ErrInvalidToken
		}
		cred.id, cred.token, cred.retag = id, token, token.text != text
		return cred, nil
	}
	if !a.carriers.cookies {
		return credential{}, ErrUnauthenticated
	}
	return a.presentCookie(r, keys)
}

// maxCookies bounds how many cookies that look like ours are checked in one request: more than a browser sends.
const maxCookies = 200

// presentCookie picks among the cookies of our name: those with a good tag count; one distinct survivor is it, two
// mean that somebody planted one, and nobody can say which.
func (a *Auth) presentCookie(r *http.Request, keys *keyring) (credential, error) {
	var found credential
	sent := false
	scan := scanCookies(r.Header, a.carriers.cookieName(r))
	for cred, ok := a.nextCookie(&scan, keys, &sent); ok; cred, ok = a.nextCookie(&scan, keys, &sent) {
		if found.carrier != byNothing && found.id != cred.id {
			a.emitRequest(r, Event{Type: DuplicateCookie})
			return credential{carrier: byCookie}, ErrInvalidToken
		}
		if found.carrier == byNothing {
			found = cred
		}
	}
	switch {
	case found.carrier != byNothing:
		return found, nil
	case sent:
		return credential{carrier: byCookie}, ErrInvalidToken
	}
	return found, ErrUnauthenticated
}

// nextCookie returns the next cookie with a good tag, and notes whether there was any.
func (a *Auth) nextCookie(scan *cookieScan, keys *keyring, sent *bool) (credential, bool) {
	for scan.checked < maxCookies {
		text, ok := scan.next()
		if !ok {
			break
		}
		*sent = true
		if len(text) != tokenLength {
			continue // junk costs nothing, so it cannot hide what stands behind it
		}
		scan.checked++
		if id, token, ok := keys.parse(kindSession, text); ok {
			return credential{carrier: byCookie, id: id, token: token, retag: token.text != text}, true
		}
	}
	return credential{}, false
}

// enter is the way of every guarded request: find the credential, judge it, and keep the browser's cookie in step.
func (a *Auth) enter(w http.ResponseWriter, r *http.Request) (*Session, error) {
	private(w.Header())
	cred, err := a.present(r)
	if err != nil {
		if cred.carrier == byCookie {
			a.carriers.clearCookie(w, r)
		}
		return nil, err
	}
	now := a.now()
	s, err := a.judge(r, cred, now)
	if err != nil {
		if cred.carrier == byCookie && errors.Is(err, ErrInvalidToken) && !errors.Is(err, ErrMoved) {
			a.carriers.clearCookie(w, r)
		}
		return nil, err
	}
	a.keepFresh(w, r, cred, s, now)
	return s, nil
}

// judge asks the stores about a credential of ours.
func (a *Auth) judge(r *http.Request, cred credential, now time.Time) (*Session, error) {
	if cred.carrier == byCookie {
		if err := a.origin.check(r); err != nil {
			return nil, err
		}
	}
	s, err := a.lookupAt(r.Context(), cred.id, now)
	if err != nil {
		return nil, err
	}
	s.carrier, s.Current = cred.carrier, true
	a.use(s, now)
	return s, nil
}

// lookup finds the live session of a token. ErrInvalidToken: certainly dead. ErrBanned: alive but for the ban.
func (a *Auth) lookup(ctx context.Context, id TokenID) (*Session, error) {
	return a.lookupAt(ctx, id, a.now())
}

func (a *Auth) lookupAt(ctx context.Context, id TokenID, now time.Time) (*Session, error) {
	noted := a.uses.noted(id) // asked first: a flush moves uses from here to the store, never back
	rec, user, err := a.find(ctx, id, now)
	switch {
	case errors.Is(err, ErrMoved):
		return nil, deadToken{err}
	case errors.Is(err, ErrNotFound):
		return nil, ErrInvalidToken
	case err != nil:
		return nil, unavailable(err)
	case rec.Realm != a.config.Realm:
		return nil, ErrInvalidToken
	}
	rec.LastSeenAt = later(rec.LastSeenAt, noted.SeenAt)
	if !now.Before(a.lifetime.end(rec.CreatedAt, rec.LastSeenAt)) {
		return nil, ErrInvalidToken
	}
	if rec.UserID == "" {
		return a.session(rec, nil), nil
	}
	return a.belonging(rec, user)
}

// find asks the stores for a session and its user. A user who is not there is the zero User.
func (a *Auth) find(ctx context.Context, id TokenID, now time.Time) (rec SessionRecord, user User, err error) {
	if a.finder != nil {
		return a.finder.Find(ctx, id, now)
	}
	if rec, err = a.ledger.Session(ctx, id, now); err != nil || rec.UserID == "" {
		return rec, user, err
	}
	if user, err = a.directory.User(ctx, rec.UserID); errors.Is(err, ErrNotFound) {
		return rec, User{}, nil
	}
	return rec, user, err
}

// belonging is the session of a record and its user, if the user lets it live.
func (a *Auth) belonging(rec SessionRecord, user User) (*Session, error) {
	// One allocation for both: the hot path counts them.
	both := &struct {
		session Session
		user    User
	}{}
	switch {
	case user.ID == "":
		return nil, ErrInvalidToken
	case user.Banned():
		return nil, ErrBanned
	case rec.Epoch < user.Epoch:
		return nil, ErrInvalidToken
	}
	both.user = user
	both.session.auth = a
	both.session.fill(rec, &both.user)
	return &both.session, nil
}

// keepFresh sends the cookie again when its tag is of an older secret, or past half of a long life.
func (a *Auth) keepFresh(w http.ResponseWriter, r *http.Request, cred credential, s *Session, now time.Time) {
	if s.Remember {
		s.issued = later(s.issuedAt(), a.uses.noted(s.token).IssuedAt).UnixMicro()
	}
	aging := s.Remember && now.Sub(s.issuedAt()) > cookieAge(s, s.issuedAt())/2
	switch {
	case cred.carrier == byCookie && (aging || cred.retag):
		a.carriers.setCookie(w, r, cred.token, cookieAge(s, now))
		s.issued = now.UnixMicro()
		a.uses.note(s.token, now, s.ExpiresAt, now)
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

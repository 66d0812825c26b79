package cloakroom

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/seal"
)

// A refresh token has one successor, for ever. The random part of it is a handle, the same in all refresh tokens of a
// session, by which the session is found, and a secret of its own. The session keeps the hash of the one in force and of
// those exchanged within the grace, each with its successor sealed under the exchanged token itself. So whoever
// presents an exchanged token within the grace gets the successor again, however often, and whoever presents an older
// one is known by its tag to hold what we once made: no list of used tokens grows with time.

const (
	handleSize = 16
	// pastMax bounds RefreshChain.Past. No honest client exchanges so often within one grace; of one that does, the oldest
	// are taken for reused a little early.
	pastMax = 32
)

// A verdict says what a refresh token is good for. Less is better.
type verdict int

const (
	rotate verdict = iota // it is the one in force: exchange it
	replay                // it was exchanged within the grace: its successor again
	reused                // it was exchanged before: two hold it, and one of them is a thief
)

// judge decides about a token that we made for this chain's session. It asks for nothing but the time.
func (c RefreshChain) judge(token [32]byte, now time.Time, grace time.Duration) (verdict, Rotated) {
	if sameHash(c.Current, token) {
		return rotate, Rotated{}
	}
	for _, past := range c.Past {
		if sameHash(past.Token, token) && now.Sub(past.At) < grace {
			return replay, past
		}
	}
	return reused, Rotated{}
}

// judgeAll decides among the chains of a session and says which it was. A token of the one is unknown to the other.
func judgeAll(chains []RefreshChain, token [32]byte, now time.Time, grace time.Duration) (which int, v verdict, past Rotated) {
	for i, c := range chains {
		if v, past := c.judge(token, now, grace); v != reused {
			return i, v, past
		}
	}
	return -1, reused, Rotated{}
}

// rotated is the chain after its current token was exchanged.
func (c RefreshChain) rotated(next [32]byte, sealed []byte, now time.Time, grace time.Duration) RefreshChain {
	past := slices.DeleteFunc(slices.Clone(c.Past), func(p Rotated) bool { return now.Sub(p.At) >= grace })
	past = append(past, Rotated{Token: c.Current, Sealed: sealed, At: now})
	return RefreshChain{Current: next, Past: past[max(0, len(past)-pastMax):]}
}

func sameHash(a, b [32]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// refreshToken is a refresh token in parts.
type refreshToken struct {
	body    [bodySize]byte // bucket, handle, secret
	session TokenID        // the hash of bucket and handle: finds the session
	hash    [32]byte       // of all of it
	text    Token
}

func (k *keyring) refreshToken(body [bodySize]byte) refreshToken {
	var b [tokenSize]byte
	copy(b[:], body[:])
	return refreshToken{
		body: body, text: k.sign(kindRefresh, &b), hash: sha256.Sum256(body[:]),
		session: identify(body[:bucketSize+handleSize]),
	}
}

// mintRefresh makes the first refresh token of a carrier. The handle is random, but the same for both carriers.
func (k *keyring) mintRefresh(bucket uint16, handle [handleSize]byte) refreshToken {
	body := [bodySize]byte{byte(bucket >> 8), byte(bucket)}
	copy(body[bucketSize:], handle[:])
	_, _ = rand.Read(body[bucketSize+handleSize:])
	return k.refreshToken(body)
}

// parseRefresh checks the form and the tag of a refresh token without asking anybody.
func (k *keyring) parseRefresh(text string) (t refreshToken, ok bool) {
	var b [tokenSize]byte
	if _, ok := k.open(kindRefresh, text, &b); !ok {
		return t, false
	}
	return k.refreshToken([bodySize]byte(b[:bodySize])), true
}

// successor makes the token that t is exchanged for, and seals it for whoever presents t again.
func (k *keyring) successor(t refreshToken, sessionID string) (next refreshToken, sealed []byte) {
	body := t.body
	secret := body[bucketSize+handleSize:]
	_, _ = rand.Read(secret)
	return k.refreshToken(body), seal.SealUnder(t.key(), sealSuccessor, sessionID, secret)
}

// reopen is the successor that was sealed for t.
func (k *keyring) reopen(t refreshToken, sessionID string, sealed []byte) (next refreshToken, err error) {
	secret, err := seal.OpenUnder(t.key(), sealSuccessor, sessionID, sealed)
	if err != nil {
		return next, err
	}
	body := t.body
	copy(body[bucketSize+handleSize:], secret)
	return k.refreshToken(body), nil
}

const sealSuccessor = "refresh successor"

// key is what only the holder of this very token has: it seals one successor and nothing else.
func (t refreshToken) key() [randomSize]byte { return [randomSize]byte(t.body[bucketSize:]) }

// Refresh exchanges a refresh token for its successor and a new access token: the one that is given, or else that of the
// refresh cookie. It may be called any number of times with one token within TokenPolicy.RefreshGrace and gives the same
// pair; the session's absolute end stays where it is. The pair goes out as the token came: to the body, or in cookies.
// Errors: ErrRefreshMissing, ErrInvalidRefresh for one that is dead (ended, expired, not ours), ErrRefreshReused and
// ErrRefreshMismatch after the session was ended for it, ErrBanned, ErrCrossOrigin, *UnavailableError: then
// the same token may be sent again.
func (a *Auth) Refresh(w http.ResponseWriter, r *http.Request, token string) (*Grant, error) {
	private(w.Header())
	shown, by, err := a.presentRefresh(r, token)
	var g *Grant
	if err == nil {
		g, err = a.refresh(w, r, shown, by)
	}
	if by == byCookie && certainlyDead(err) {
		a.clearDead(w, r)
	}
	return g, err
}

// certainlyDead reports whether no later answer can make this refresh token good, and no other answer has replaced its
// cookie: clearing that would sign the winner out.
func certainlyDead(err error) bool {
	return (errors.Is(err, ErrInvalidRefresh) || errors.Is(err, ErrRefreshReused) || errors.Is(err, ErrRefreshMismatch)) && !errors.Is(err, ErrMoved)
}

// clearDead makes the browser forget a dead session: the refresh cookie, and the session cookie unless another session
// lives by it.
func (a *Auth) clearDead(w http.ResponseWriter, r *http.Request) {
	a.carriers.clearRefresh(w, r)
	if _, err := a.Authenticate(r); signedOut(err) && !errors.Is(err, ErrMoved) {
		a.carriers.clearCookie(w, r)
	}
}

// presentRefresh finds the refresh token of a request, which may be spelled more than once, see refreshCookies. The body wins
// over the cookie; a Bearer header closes cookies, as everywhere.
func (a *Auth) presentRefresh(r *http.Request, text string) (shown []refreshToken, by carrier, err error) {
	_, bearer, err := a.carriers.bearer(r.Header)
	switch {
	case err != nil:
		return nil, byNothing, err
	case text != "":
		t, ok := a.keys.Load().parseRefresh(text)
		if !ok || !a.carriers.bearers || !a.config.Token.signed() {
			return nil, byBearer, ErrInvalidRefresh
		}
		return []refreshToken{t}, byBearer, nil
	case bearer || !a.carriers.cookies:
		return nil, byNothing, ErrRefreshMissing
	}
	if err := a.origin.check(r); err != nil {
		return nil, byCookie, err
	}
	shown, err = a.refreshCookies(r)
	return shown, byCookie, err
}

// refreshCookies picks among the refresh cookies, as presentCookie does among the others: those with a good tag count, and
// those of two sessions cancel each other out. But when the paths of the cookie were changed, a browser sends what it has
// for both: two of one session are no planting, and one of a dead session does not count.
func (a *Auth) refreshCookies(r *http.Request) (shown []refreshToken, err error) {
	err = ErrRefreshMissing
	scan := scanCookies(r.Header, a.carriers.refreshName(r))
	for text, ok := scan.next(); ok && scan.checked < maxCookies; text, ok = scan.next() {
		if shown == nil {
			err = ErrInvalidRefresh
		}
		if len(text) != tokenLength {
			continue
		}
		scan.checked++
		t, ok := a.keys.Load().parseRefresh(text)
		if !ok || !a.config.Token.signed() {
			continue
		}
		shown, err = append(shown, t), nil
	}
	if err != nil || !severalSessions(shown) {
		return shown, err
	}
	if shown, err = a.alive(r.Context(), shown); err == nil && severalSessions(shown) {
		a.emitRequest(r, Event{Type: DuplicateCookie})
		return nil, ErrInvalidRefresh
	}
	return shown, err
}

func severalSessions(shown []refreshToken) bool {
	return slices.ContainsFunc(shown, func(t refreshToken) bool { return t.session != shown[0].session })
}

// alive leaves out the tokens of dead sessions. ErrInvalidRefresh: they are all dead.
func (a *Auth) alive(ctx context.Context, shown []refreshToken) (live []refreshToken, err error) {
	for _, t := range shown[:min(len(shown), maxForged)] {
		_, _, err := a.lookupChains(ctx, t.session, a.now())
		switch {
		case err == nil:
			live = append(live, t)
		case !errors.Is(err, ErrInvalidRefresh) && !errors.Is(err, ErrBanned):
			return nil, err
		}
	}
	if live == nil {
		return nil, ErrInvalidRefresh
	}
	return live, nil
}

// refresh decides what a refresh token is good for, and again when another request was faster.
func (a *Auth) refresh(w http.ResponseWriter, r *http.Request, shown []refreshToken, by carrier) (*Grant, error) {
	for {
		now := a.now()
		s, chains, err := a.lookupChains(r.Context(), shown[0].session, now)
		if by == byCookie && errors.Is(err, ErrMoved) {
			return nil, &UnavailableError{Cause: err, RetryAfter: time.Second} // its browser has a newer one by now
		}
		if err != nil {
			return nil, err
		}
		s.carrier, s.Current = by, true
		if by == byCookie {
			if err := a.sameSession(r, s); err != nil {
				return nil, err
			}
		}
		t, which, verdict, past := a.best(shown, chains, now)
		switch verdict {
		case rotate:
			g, err := a.exchange(w, r, s, t, chains[which], now)
			if errors.Is(err, ErrConflict) && r.Context().Err() == nil {
				continue
			}
			return g, err
		case replay:
			return a.repeat(w, r, s, t, past, chains[which])
		default:
			return nil, a.endFor(r, s, Event{Type: RefreshReused, Details: map[string]string{
				"presented": fingerprint(t.hash), "current": fingerprint(chains[0].Current),
				"session_ip": s.IP, "session_user_agent": s.UserAgent,
			}}, ErrRefreshReused)
		}
	}
}

// best is the token of the shown ones that is good for most.
func (a *Auth) best(shown []refreshToken, chains []RefreshChain, now time.Time) (t refreshToken, which int, v verdict, past Rotated) {
	v = reused + 1
	for _, candidate := range shown {
		if i, verdict, p := judgeAll(chains, candidate.hash, now, a.config.Token.RefreshGrace); verdict < v {
			t, which, v, past = candidate, i, verdict, p
		}
	}
	return t, which, v, past
}

// fingerprint tells tokens apart in a log and opens nothing.
func fingerprint(hash [32]byte) string { return hex.EncodeToString(hash[:4]) }

// lookupChains is lookup for a session in the signed form.
func (a *Auth) lookupChains(ctx context.Context, id TokenID, now time.Time) (*Session, []RefreshChain, error) {
	var rec SessionRecord
	v, err := a.lookupRecord(ctx, &id, instant{now, a.feed.elapsed()}, &rec)
	switch {
	case errors.Is(err, ErrMoved):
		return nil, nil, deadRefresh{ErrMoved} // not the cause as it is: that is an ErrInvalidToken
	case errors.Is(err, ErrInvalidToken), err == nil && len(rec.Refresh) == 0:
		return nil, nil, ErrInvalidRefresh
	case err != nil:
		return nil, nil, err
	}
	return v.alone(), rec.Refresh, nil
}

// deadRefresh is ErrInvalidRefresh with the store's reason.
type deadRefresh struct{ cause error }

func (deadRefresh) Error() string        { return ErrInvalidRefresh.Error() }
func (deadRefresh) Is(target error) bool { return target == ErrInvalidRefresh }
func (d deadRefresh) Unwrap() error      { return d.cause }

// sameSession refuses a refresh cookie that comes with the session cookie of another session: one of the two was planted.
// If that other cookie is good, the session of the refresh cookie is ended; one that has expired is no reason for more than
// to refuse. What is none of ours says nothing.
func (a *Auth) sameSession(r *http.Request, s *Session) error {
	cred, err := a.present(r)
	good := err == nil
	if errors.Is(err, ErrInvalidToken) {
		cred, err = a.presentAged(r, anyAge)
	}
	switch {
	case signedOut(err):
		return nil
	case err != nil:
		return err
	case cred.id == s.token, cred.claims != nil && cred.claims.SessionID == s.ID:
		return nil
	case good:
		return a.endFor(r, s, Event{Type: RefreshMismatch}, ErrRefreshMismatch)
	}
	return ErrRefreshMismatch
}

// endFor ends a session because of what was done with its refresh token, durably, and gives the reason back.
func (a *Auth) endFor(r *http.Request, s *Session, e Event, reason error) error {
	e.UserID, e.SessionID = s.ref.UserID, s.ID
	if _, err := a.close(context.WithoutCancel(r.Context()), s.ref, a.requested(r, e)); err != nil {
		return err
	}
	return reason
}

// exchange makes the successor. The access token is signed while the store writes: that a key can sign is looked at before,
// and whatever else goes wrong after the one step that counts, repeat gives the same again.
func (a *Auth) exchange(w http.ResponseWriter, r *http.Request, s *Session, t refreshToken, chain RefreshChain, now time.Time) (*Grant, error) {
	next, sealed := a.keys.Load().successor(t, s.ID)
	s.LastSeenAt, s.ExpiresAt, s.issued = now, s.endIfSeen(now), short(now)
	if err := a.canSign(r.Context()); err != nil {
		return nil, err
	}
	signed := make(chan func() (bundle, error), 1)
	go func() { signed <- a.refreshedAside(r.Context(), s, next, now) }()
	err := a.ledger.Rotate(r.Context(), chain.Current, chain.rotated(next.hash, sealed, now, a.config.Token.RefreshGrace),
		Touch{Token: s.token, SeenAt: now, ExpiresAt: s.ExpiresAt, IssuedAt: now})
	if errors.Is(err, ErrMoved) {
		return nil, deadRefresh{ErrMoved}
	}
	if err != nil {
		return nil, known(err, ErrConflict, ErrConflict, ErrNotFound, ErrInvalidRefresh)
	}
	a.emitRequest(r, Event{Type: RefreshRotated, UserID: s.ref.UserID, SessionID: s.ID})
	b, err := (<-signed)()
	if err != nil {
		return nil, err
	}
	return a.deliver(w, r, s, b, s.carrier.delivery()), nil
}

// refreshedAside is refreshed on another goroutine, where a panic of TokenPolicy.Claims would end the process: it goes on
// where the result is asked for.
func (a *Auth) refreshedAside(ctx context.Context, s *Session, next refreshToken, at time.Time) (result func() (bundle, error)) {
	defer func() {
		if p := recover(); p != nil {
			result = func() (bundle, error) { panic(p) }
		}
	}()
	b, err := a.refreshed(ctx, s, next, at)
	return func() (bundle, error) { return b, err }
}

// repeat gives the successor that t was exchanged for, again. A browser has one cookie for all of its tabs, and an answer that
// comes late must not put an older token back into it: it gets the one in force.
func (a *Auth) repeat(w http.ResponseWriter, r *http.Request, s *Session, t refreshToken, past Rotated, chain RefreshChain) (*Grant, error) {
	next, err := a.keys.Load().reopen(t, s.ID, past.Sealed)
	if err != nil {
		return nil, err
	}
	now := a.now()
	if v, later := chain.judge(next.hash, now, a.config.Token.RefreshGrace); s.carrier == byCookie && v == replay {
		return a.repeat(w, r, s, next, later, chain)
	}
	a.use(s, now)
	at := past.At
	if now.Sub(at) > a.config.Token.AccessTTL/2 { // the same again would be over before it is used
		at = now
	}
	b, err := a.refreshed(r.Context(), s, next, at)
	if err != nil {
		return nil, err
	}
	a.emitRequest(r, Event{Type: RefreshReplayed, UserID: s.ref.UserID, SessionID: s.ID})
	return a.deliver(w, r, s, b, s.carrier.delivery()), nil
}

// refreshed is the pair that an exchange at this time gave, or gives.
func (a *Auth) refreshed(ctx context.Context, s *Session, next refreshToken, at time.Time) (bundle, error) {
	sum := sha256.Sum256(append([]byte("jti"), next.hash[:]...))
	access, life, err := a.access(ctx, s, minting{
		audience: a.config.Token.Audience, at: at, end: s.endIfSeen(at),
		id: base64.RawURLEncoding.EncodeToString(sum[:16]),
	})
	return bundle{form: Signed, access: access, life: life, cookieRefresh: next.text, bearerRefresh: next.text}, err
}

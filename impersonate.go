package cloakroom

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An administrator can act as a user, to see what the user sees. The session for it is the user's, with the administrator as
// its Actor: it lives half an hour and no longer than the session that it was begun from, changes nothing that the account
// is protected by, and every event that it causes names both.

const (
	methodImpersonation = "impersonation"
	impersonationLife   = 30 * time.Minute
	maxReason           = 500      // characters
	actorHeld           = "actor:" // stands before a role of the actor, among the methods of a record
)

// Impersonation says as whom an administrator acts, and why.
type Impersonation struct {
	UserID string
	Reason string // for the record: 1 to 500 characters
	// Terms of the session. It goes out by the carrier that the administrator's own came by, and does not outlive the
	// browser.
	Terms
}

// Impersonate opens a session of another user for the administrator who has s, in place of the token of the request; s lives
// on, and StopImpersonating goes back to it. Who is an administrator is for the guard to say. Whoever acts as somebody
// already does this as the administrator still. Errors: ErrForbidden for users whom nobody may act as (unknown, banned,
// leaving, holders of RoleAdmin or of a role that the administrator, who has not that one, lacks) and for API keys,
// *StepUpError for an administrator who has a second factor and has not shown it, FieldErrors, what Config.Veto says,
// ErrInvalidToken when s has ended, ErrCrossOrigin, *UnavailableError.
func (a *Auth) Impersonate(w http.ResponseWriter, r *http.Request, s *Session, in Impersonation) (*Grant, error) {
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	own, err := a.administrator(r.Context(), s)
	if err != nil {
		return nil, err
	}
	terms, err := a.impersonationTerms(r, s, in)
	if err != nil {
		return nil, err
	}
	target, err := a.impersonable(r.Context(), own.User, in.UserID)
	if err != nil {
		return nil, err
	}
	r = acting(r, own.User.ID)
	if err := a.vetoed(r, Event{Type: ImpersonationBegun, UserID: target.ID, Reason: in.Reason}); err != nil {
		return nil, err
	}
	return a.open(w, r, opening{
		user: target, agreed: true, terms: terms, methods: mandate(own.User), level: own.Level, proven: own.AuthenticatedAt,
		ends:  a.now().Add(impersonationLife),
		actor: &Actor{UserID: own.User.ID, SessionID: own.ID, Token: own.token}, reason: in.Reason,
	})
}

// administrator is the session of the person who acts: s itself or, if s is impersonated, the one that it was begun from.
func (a *Auth) administrator(ctx context.Context, s *Session) (*Session, error) {
	if s == nil || s.Anonymous() {
		return nil, ErrUnauthenticated
	}
	rec, err := a.recordOf(ctx, s)
	if err != nil {
		return nil, err
	}
	own := s
	if rec.Actor != nil {
		if own, err = a.lookup(ctx, rec.Actor.Token); err != nil {
			return nil, err
		}
	}
	if own.User.MFA && own.Level < 2 {
		return nil, &StepUpError{MFA: true}
	}
	return own, nil
}

func (a *Auth) impersonationTerms(r *http.Request, s *Session, in Impersonation) (Terms, error) {
	terms, err := a.terms(r, in.Terms)
	fields, _ := errors.AsType[FieldErrors](err)
	back := s.carrier.delivery() // what StopImpersonating must be able to replace
	if in.Delivery != "" && in.Delivery != back && err == nil {
		fields = append(fields, FieldError{"delivery", "not_allowed", "must be " + string(back) + ", as the session's own"})
	}
	switch {
	case strings.TrimFunc(in.Reason, unseen) == "":
		fields = append(fields, FieldError{"reason", "required", "is missing"})
	case !utf8.ValidString(in.Reason) || strings.ContainsFunc(in.Reason, unicode.IsControl):
		fields = append(fields, FieldError{"reason", "invalid", "must be text without control characters"})
	case utf8.RuneCountInString(in.Reason) > maxReason:
		fields = append(fields, FieldError{"reason", "too_long", "must be at most 500 characters"})
	}
	if fields != nil {
		return terms, fields
	}
	terms.Delivery, terms.Remember = back, false
	return terms, nil
}

// unseen reports whether a character leaves nothing to read: space, and format characters such as U+200B.
func unseen(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// impersonable finds a user whom an administrator may act as. One who is not there is refused as the others are.
func (a *Auth) impersonable(ctx context.Context, admin *User, userID string) (*User, error) {
	user, err := a.Users().Get(ctx, userID)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, ErrForbidden
	case err != nil:
		return nil, err
	case user.ID == admin.ID, user.Banned(), user.Leaving(), a.holds(user, RoleAdmin):
		return nil, ErrForbidden
	case !a.mayActAs(admin, user):
		return nil, ErrForbidden
	}
	return user, nil
}

// mandate is what the record of an impersonated session has for methods: how it was begun, and the roles that the actor held
// then. Nobody but the guard knows which of them let it begin, so it takes them all to go on.
func mandate(admin *User) []string {
	methods := []string{methodImpersonation}
	for _, role := range admin.Roles {
		methods = append(methods, actorHeld+role)
	}
	return methods
}

// readMandate parts what mandate has made: the methods are for everybody, the roles for backed. Of a session that was begun
// before roles were noted there are none.
func readMandate(noted []string) (methods, roles []string) {
	for _, m := range noted {
		if role, held := strings.CutPrefix(m, actorHeld); held {
			roles = append(roles, role)
		} else {
			methods = append(methods, m)
		}
	}
	return methods, roles
}

// mayActAs reports whether a user's roles give nothing that the administrator has not.
func (a *Auth) mayActAs(admin, user *User) bool {
	return a.holds(admin, RoleAdmin) || a.holdsAll(admin, user.Roles)
}

// StopImpersonating ends an impersonated session, and gives the administrator's own a new token by the carrier of the
// request. Whoever holds the impersonated token has not proven to be the administrator, so that one comes back with Level 1
// and as never proven: what asks for MFA, MaxAge or Sensitive asks for a StepUp first. If that one has ended meanwhile the
// Grant is empty, and the client signed out. Errors: ErrForbidden for a session
// that is not impersonated, ErrInvalidToken when it has ended, *UnavailableError.
func (a *Auth) StopImpersonating(w http.ResponseWriter, r *http.Request, s *Session) (*Grant, error) {
	if s == nil || s.Anonymous() {
		return nil, ErrUnauthenticated
	}
	rec, err := a.recordOf(r.Context(), s)
	switch {
	case err != nil:
		return nil, err
	case rec.Actor == nil:
		return nil, ErrForbidden
	}
	ended := a.requested(a.Acting(r, s), Event{Type: ImpersonationEnded, UserID: rec.UserID, SessionID: rec.ID})
	if _, err := a.close(r.Context(), s.ref, ended); err != nil {
		return nil, err
	}
	visitOf(r.Context()).leave()
	g, err := a.comeBack(w, acting(r, ""), s, rec.Actor)
	if signedOut(err) {
		a.forget(w, r, s)
		return &Grant{}, nil
	}
	if err == nil {
		visitOf(r.Context()).session.Store(g.Session)
	}
	return g, err
}

// comeBack hands out the session that s was begun from, without the strength of its proof.
func (a *Auth) comeBack(w http.ResponseWriter, r *http.Request, s *Session, actor *Actor) (*Grant, error) {
	own, err := a.lookup(r.Context(), actor.Token)
	if err != nil {
		return nil, err
	}
	own.carrier, own.Current = s.carrier, true
	rec, err := a.recordOf(r.Context(), own)
	if err != nil {
		return nil, err
	}
	rec.Level, rec.AuthenticatedAt = 1, time.Time{}
	b, next, err := a.replaceToken(r, own, rec)
	if err != nil {
		return nil, err
	}
	if b.form == Opaque {
		a.forgetRefresh(w, r, s)
	}
	return a.renewed(w, r, own, next, b), nil
}

// forget makes a browser forget the tokens of a session.
func (a *Auth) forget(w http.ResponseWriter, r *http.Request, s *Session) {
	if s.carrier == byCookie {
		a.carriers.clearCookie(w, r)
	}
	a.forgetRefresh(w, r, s)
}

func (a *Auth) forgetRefresh(w http.ResponseWriter, r *http.Request, s *Session) {
	if s.carrier == byCookie && s.until != 0 { // it came with a signed cookie
		a.carriers.clearRefresh(w, r)
	}
}

// backed holds an impersonated session to the life of the one that it was begun from and to the roles that its actor has by
// now: none less than when it was begun, and all of the user's. It counts as a use of that one.
func (a *Auth) backed(ctx context.Context, v *arrival, rec *SessionRecord, now instant) (*arrival, error) {
	if rec.Actor == nil {
		return v, nil
	}
	own, err := a.lookupCached(ctx, &rec.Actor.Token, now)
	if signedOut(err) {
		return nil, ErrInvalidToken
	}
	if err != nil {
		return nil, err
	}
	admin := own.session.User
	if _, held := readMandate(rec.Methods); !a.holdsAll(admin, held) || !a.mayActAs(admin, v.session.User) {
		return nil, ErrInvalidToken
	}
	a.use(&own.session, now.Time)
	return v, nil
}

type actingKey struct{}

// Acting returns the request with the mark that events which it causes name the Actor of s, too; the same request if there
// is none. Protect, Optional and Require mark theirs; call it after Enter, Visit and Authenticate.
func (a *Auth) Acting(r *http.Request, s *Session) *http.Request {
	if s == nil || s.Actor == "" {
		return r
	}
	return acting(r, s.Actor)
}

// Administering returns the request with the mark that events which it causes name the user of s, an administrator who
// changes what is of others, as the actor, and the API key, if s is of one. It is for code that calls what asks nobody for
// permission: Users, Sessions, APIKeys.
func (a *Auth) Administering(r *http.Request, s *Session) *http.Request {
	if s == nil || s.Anonymous() {
		return r
	}
	by := actor{user: s.User.ID}
	if s.Actor != "" {
		by.user = s.Actor
	}
	if s.byKey() {
		by.key = s.ID
	}
	return by.mark(r)
}

// actor is who is named by the events of a request. The zero value: nobody.
type actor struct{ user, key string }

func (by actor) mark(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), actingKey{}, by))
}

func acting(r *http.Request, userID string) *http.Request { return actor{user: userID}.mark(r) }

// byActor adds the administrator to an event that an impersonated session or an administrator causes.
func byActor(ctx context.Context, e Event) Event {
	by, _ := ctx.Value(actingKey{}).(actor)
	if by.user == "" {
		return e
	}
	details := map[string]string{}
	maps.Copy(details, e.Details)
	details["actor"] = by.user
	if by.key != "" {
		details["actor_key"] = by.key
	}
	e.Details = details
	return e
}

package cloakroom

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// APIKey lets a program act as a user, by "Authorization: Bearer crk_…" and nothing else. The key itself is shown once, when
// it is made; the store has a hash of it. Like every token it is good while the secret that signed it is listed.
type APIKey struct {
	ID         string // "key_" and a UUIDv7; public, grants nothing
	UserID     string // who acts by it
	Name       string
	Scopes     []string
	CreatedBy  string // the user who made it; empty: an operator
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // to the minute; zero: not yet
}

// NewAPIKey is an API key to be made.
type NewAPIKey struct {
	Name string // for people: 1 to 100 characters
	// UserID is who acts by it. Empty: a user that is made for it, who has the Name and the Roles, and nothing to sign in
	// by. That user stays when the key goes, for its next one; Users.Delete removes both.
	UserID string
	Roles  []string
	// Scopes are what the key opens: guards that ask for one of them by Scope or KeyScope, and no others. 1 to 64. They
	// narrow what the user's roles allow, so such a guard asks for the role as well.
	Scopes []string
	// ExpiresAt is when the key ends. Zero: never, or together with the API key that makes it, see APIKeys.By.
	ExpiresAt time.Time
}

const (
	maxKeyName = 100 // characters
	maxScopes  = 64
	maxKeys    = 100 // of a user
	maxOverlap = 30 * 24 * time.Hour
)

// APIKeys administers API keys. Get it from Auth.APIKeys. By itself it asks nobody for permission, see By.
type APIKeys struct {
	auth    *Auth
	bounded bool
	by      *Session // if bounded
}

// APIKeys returns the API keys of the Auth's realm.
func (a *Auth) APIKeys() APIKeys { return APIKeys{auth: a} }

// By holds what is done to the rights of who does it: keys of other users are there for holders of RoleAdmin alone, to see
// and to revoke, and to make and rotate those of machines: users who have no e-mail and nothing to sign in by. (A key of
// another person would be an impersonation without an end.) Nobody gives a role that is not their own, and a session that
// has scopes, such as that of an API key, no other scopes. What an API key makes ends with it at the latest, and it gives
// nobody RoleAdmin nor a role that brings it along. Whoever acts as somebody else changes nothing.
func (k APIKeys) By(s *Session) APIKeys { return APIKeys{k.auth, true, s} }

// Create makes an API key, and returns it together with its token, which is told here and never again. Errors: FieldErrors,
// ErrNotFound for no such user, ErrForbidden for what By does not allow, ErrImpersonated, *UnavailableError.
func (k APIKeys) Create(ctx context.Context, n NewAPIKey) (*APIKey, Token, error) {
	a := k.auth
	n.Name, n.Roles, n.Scopes = strings.TrimSpace(n.Name), normalRoles(n.Roles), normalRoles(n.Scopes)
	n.ExpiresAt = n.ExpiresAt.UTC().Truncate(time.Microsecond)
	if bad := n.check(a.now()); bad != nil {
		return nil, Token{}, bad
	}
	if err := k.mayChange(); err != nil {
		return nil, Token{}, err
	}
	end := k.within(n.ExpiresAt)
	if end.Before(n.ExpiresAt) {
		return nil, Token{}, FieldErrors{{"expires_at", "out_of_range", "must be at most " + end.Format(time.RFC3339) + ", when the key that makes it ends"}}
	}
	owner, made, err := k.owner(ctx, n)
	if err != nil {
		return nil, Token{}, err
	}
	rec := APIKeyRecord{
		Realm: a.config.Realm, UserID: owner.ID, Name: n.Name, Scopes: n.Scopes, CreatedBy: k.maker(), ExpiresAt: end,
	}
	token := a.mintKey(&rec)
	created := a.dated(ctx, Event{Type: APIKeyCreated, UserID: rec.UserID, Details: k.details(rec)})
	err = k.swap(ctx, created, a.noticed(owner, created), rec)
	if err != nil {
		if made { // for nothing
			_ = a.Users().Delete(context.WithoutCancel(ctx), owner.ID)
		}
		return nil, Token{}, known(err)
	}
	return a.apiKey(rec), token, nil
}

func (n *NewAPIKey) check(now time.Time) FieldErrors {
	bad := checkUser(&User{Roles: n.Roles})
	switch {
	case n.Name == "":
		bad = append(bad, FieldError{"name", "required", "is missing"})
	case !utf8.ValidString(n.Name) || strings.ContainsFunc(n.Name, unicode.IsControl):
		bad = append(bad, FieldError{"name", "invalid_name", "must be text without control characters"})
	case utf8.RuneCountInString(n.Name) > maxKeyName:
		bad = append(bad, FieldError{"name", "too_long", "must be at most 100 characters"})
	}
	switch {
	case len(n.Scopes) == 0:
		bad = append(bad, FieldError{"scopes", "required", "are missing: without one the key would open nothing"})
	case len(n.Scopes) > maxScopes || slices.ContainsFunc(n.Scopes, func(s string) bool { return !validRole(s) }):
		bad = append(bad, FieldError{"scopes", "invalid_scope", "must be at most 64 names of 1 to 64 letters, digits or ._:-"})
	}
	if n.UserID != "" && len(n.Roles) > 0 {
		bad = append(bad, FieldError{"roles", "not_allowed", "belong to the user: give either a user or roles"})
	}
	if !n.ExpiresAt.IsZero() && !now.Before(n.ExpiresAt) {
		bad = append(bad, FieldError{"expires_at", "out_of_range", "must lie ahead"})
	}
	return bad
}

// owner finds or makes the user that a new key acts as.
func (k APIKeys) owner(ctx context.Context, n NewAPIKey) (user *User, made bool, err error) {
	a := k.auth
	if n.UserID == "" {
		if err := k.mayGive(n.Roles, n.Scopes); err != nil {
			return nil, false, err
		}
		user, _, err = a.create(ctx, NewUser{Name: n.Name, Roles: n.Roles}, nil)
		return user, err == nil, err
	}
	if k.reaches(n.UserID) != nil {
		return nil, false, ErrForbidden
	}
	if user, err = a.Users().Get(ctx, n.UserID); err != nil {
		return nil, false, err
	}
	if err := k.mayHold(ctx, user, n.Scopes); err != nil {
		return nil, false, err
	}
	have, err := a.directory.APIKeys(ctx, APIKeyQuery{Realm: a.config.Realm, UserID: user.ID, Max: maxKeys})
	switch {
	case err != nil:
		return nil, false, unavailable(err)
	case len(have) >= maxKeys:
		return nil, false, FieldErrors{{"name", "too_many", "cannot be added: revoke a key first"}}
	}
	return user, false, nil
}

// within is the earlier of an end and that of the API key that asks, zero being never. A key that was stolen leaves none behind
// that outlives it.
func (k APIKeys) within(end time.Time) time.Time {
	if k.by == nil || !k.by.byKey() || k.by.ExpiresAt.Equal(never) {
		return end
	}
	if end.IsZero() || k.by.ExpiresAt.Before(end) {
		return k.by.ExpiresAt
	}
	return end
}

// Rotate makes a key in the place of another: the same name, user, scopes and length of life, and a new token, which is told
// here and never again. The old one ends after overlap, at most 720 h (30 days); zero: at once. A key is rotated once: then its
// successor is. Errors: ErrNotFound also for one that has ended, FieldErrors also for one that was rotated, and those of Create.
func (k APIKeys) Rotate(ctx context.Context, keyID string, overlap time.Duration) (*APIKey, Token, error) {
	if overlap < 0 || overlap > maxOverlap {
		return nil, Token{}, FieldErrors{{"overlap", "out_of_range", "must be between 0 and 30 days"}}
	}
	if err := k.mayChange(); err != nil {
		return nil, Token{}, err
	}
	for {
		old, owner, err := k.successible(ctx, keyID)
		if err != nil {
			return nil, Token{}, err
		}
		next, token := k.successor(old)
		if end := k.auth.now().Add(overlap); old.ExpiresAt.IsZero() || end.Before(old.ExpiresAt) {
			old.ExpiresAt = end
		}
		rotated := Event{Type: APIKeyRotated, UserID: next.UserID, Details: k.details(next)}
		rotated.Details["from"] = old.ID
		rotated = k.auth.dated(ctx, rotated)
		err = k.swap(ctx, rotated, k.auth.noticed(owner, rotated), old, next)
		if errors.Is(err, ErrConflict) && ctx.Err() == nil {
			continue // a use was written down, perhaps
		}
		if err != nil {
			return nil, Token{}, unavailable(err)
		}
		return k.auth.apiKey(next), token, nil
	}
}

// successible finds a key that may have a successor: who gets that one's token must have what it opens.
func (k APIKeys) successible(ctx context.Context, keyID string) (old APIKeyRecord, owner *User, err error) {
	if old, err = k.record(ctx, keyID); err != nil {
		return old, nil, err
	}
	if !old.live(k.auth.now()) {
		return old, nil, ErrNotFound
	}
	if owner, err = k.auth.Users().Get(ctx, old.UserID); err != nil {
		return old, nil, err
	}
	if err = k.mayHold(ctx, owner, old.Scopes); err != nil {
		return old, nil, err
	}
	return old, owner, k.unrotated(ctx, old)
}

// unrotated refuses a key that has a successor: what is left of its life is only the overlap, and nobody wants another key of
// that length. Its record does not tell, but the event was written together with it, and no overlap is longer than maxOverlap.
func (k APIKeys) unrotated(ctx context.Context, old APIKeyRecord) error {
	if old.ExpiresAt.IsZero() { // a rotation sets an end
		return nil
	}
	oldest := k.auth.now().Add(-maxOverlap - time.Minute) // clocks differ
	for e, err := range k.auth.Events().Of(ctx, old.UserID) {
		switch {
		case err != nil:
			return err
		case e.Time.Before(oldest):
			return nil
		case e.Type == APIKeyRotated && e.Details["from"] == old.ID:
			return FieldErrors{{"id", "rotated_already", "was rotated already, to " + e.Details["key"] + ": rotate that one, or make a new key"}}
		}
	}
	return nil
}

func (k APIKeys) successor(old APIKeyRecord) (APIKeyRecord, Token) {
	next := APIKeyRecord{Realm: old.Realm, UserID: old.UserID, Name: old.Name, Scopes: old.Scopes, CreatedBy: k.maker()}
	token := k.auth.mintKey(&next)
	if !old.ExpiresAt.IsZero() {
		next.ExpiresAt = next.CreatedAt.Add(old.ExpiresAt.Sub(old.CreatedAt))
	}
	next.ExpiresAt = k.within(next.ExpiresAt)
	return next, token
}

// Revoke ends a key, for the very next request on every node. ErrNotFound: there is none.
func (k APIKeys) Revoke(ctx context.Context, keyID string) error {
	if err := k.mayChange(); err != nil {
		return err
	}
	rec, err := k.record(ctx, keyID)
	if err != nil {
		return err
	}
	a := k.auth
	e := a.dated(ctx, Event{Type: APIKeyRevoked, UserID: rec.UserID, Details: k.details(rec)})
	gone, err := a.directory.DeleteAPIKey(ctx, rec.Realm, rec.ID, a.records(e)...)
	switch {
	case err != nil:
		return unavailable(err)
	case !gone:
		return ErrNotFound
	}
	a.emit(ctx, e)
	return nil
}

// Get returns the key with this id. ErrNotFound: there is none, or By does not reach it.
func (k APIKeys) Get(ctx context.Context, keyID string) (*APIKey, error) {
	rec, err := k.record(ctx, keyID)
	if err != nil {
		return nil, err
	}
	return k.auth.apiKey(rec), nil
}

// Of iterates over the keys of a user, expired ones too, oldest first.
func (k APIKeys) Of(ctx context.Context, userID string) iter.Seq2[*APIKey, error] {
	if userID == "" {
		return func(yield func(*APIKey, error) bool) { yield(nil, ErrNotFound) }
	}
	return k.After(ctx, userID, "")
}

// All iterates over the keys of the realm, expired ones too, oldest first.
func (k APIKeys) All(ctx context.Context) iter.Seq2[*APIKey, error] { return k.After(ctx, "", "") }

// After is Of for keys younger than the one with this id: the next page of a list. An empty userID means all users.
func (k APIKeys) After(ctx context.Context, userID, keyID string) iter.Seq2[*APIKey, error] {
	return func(yield func(*APIKey, error) bool) {
		if err := k.reaches(userID); err != nil {
			yield(nil, err)
			return
		}
		q := APIKeyQuery{Realm: k.auth.config.Realm, UserID: userID, After: keyID, Max: pageSize}
		for {
			page, err := k.auth.directory.APIKeys(ctx, q)
			if err != nil {
				yield(nil, unavailable(err))
				return
			}
			for _, rec := range page {
				if !yield(k.auth.apiKey(rec), nil) {
					return
				}
			}
			if len(page) < q.Max {
				return
			}
			q.After = page[len(page)-1].ID
		}
	}
}

// record reads a key by its id: it is among the few that follow what it begins with.
func (k APIKeys) record(ctx context.Context, keyID string) (APIKeyRecord, error) {
	if !strings.HasPrefix(keyID, "key_") || len(keyID) > 64 {
		return APIKeyRecord{}, ErrNotFound
	}
	few, err := k.auth.directory.APIKeys(ctx, APIKeyQuery{Realm: k.auth.config.Realm, After: keyID[:len(keyID)-1], Max: 32})
	if err != nil {
		return APIKeyRecord{}, unavailable(err)
	}
	i := slices.IndexFunc(few, func(rec APIKeyRecord) bool { return rec.ID == keyID })
	if i < 0 || k.reaches(few[i].UserID) != nil {
		return APIKeyRecord{}, ErrNotFound
	}
	return few[i], nil
}

// reaches refuses keys of others than one's own. An empty userID means those of everybody.
func (k APIKeys) reaches(userID string) error {
	switch {
	case !k.bounded:
		return nil
	case k.by == nil || k.by.Anonymous():
		return ErrUnauthenticated
	case k.by.User.ID == userID, k.auth.holds(k.by.User, RoleAdmin):
		return nil
	}
	return ErrForbidden
}

func (k APIKeys) mayChange() error {
	switch {
	case !k.bounded:
		return nil
	case k.by == nil || k.by.Anonymous():
		return ErrUnauthenticated
	case k.by.Actor != "":
		return ErrImpersonated
	}
	return nil
}

// mayHold refuses a key that acts as another person, or that gives what is not one's own.
func (k APIKeys) mayHold(ctx context.Context, owner *User, scopes []string) error {
	if !k.bounded {
		return nil
	}
	if owner.ID == k.by.User.ID {
		return k.mayOpen(scopes)
	}
	if machine, err := k.auth.machine(ctx, owner); err != nil || !machine {
		return cmp.Or(err, ErrForbidden)
	}
	return k.mayGive(owner.Roles, scopes)
}

// machine reports whether a user can act by API keys alone.
func (a *Auth) machine(ctx context.Context, user *User) (bool, error) {
	if user.Email != "" || user.ExternalID != "" {
		return false, nil
	}
	creds, err := a.directory.Credentials(ctx, user.ID)
	if err != nil {
		return false, unavailable(err)
	}
	return len(creds) == 0, nil
}

// mayGive refuses roles and scopes that are not one's own; and to API keys, by which nobody proves two factors, a role that
// administers.
func (k APIKeys) mayGive(roles, scopes []string) error {
	switch {
	case !k.bounded:
		return nil
	case !k.auth.holdsAll(k.by.User, roles), k.by.byKey() && k.auth.holds(&User{Roles: roles}, RoleAdmin):
		return ErrForbidden
	}
	return k.mayOpen(scopes)
}

// mayOpen refuses scopes that are not one's own.
func (k APIKeys) mayOpen(scopes []string) error {
	if (k.by.byKey() || len(k.by.Scopes) > 0) && !k.by.holdsScopes(scopes) {
		return ErrForbidden
	}
	return nil
}

func (k APIKeys) maker() string {
	if k.by == nil {
		return ""
	}
	return k.by.User.ID
}

// details name the key and who did it.
func (k APIKeys) details(rec APIKeyRecord) map[string]string {
	d := map[string]string{"key": rec.ID, "name": rec.Name}
	if by := k.maker(); by != "" {
		d["by"] = by
	}
	return d
}

// swap stores keys and tells of it.
func (k APIKeys) swap(ctx context.Context, e Event, rec EventRecord, keys ...APIKeyRecord) error {
	if err := k.auth.directory.SwapAPIKeys(ctx, keys, rec); err != nil {
		return err
	}
	k.auth.emit(ctx, e)
	k.auth.mails.hurry()
	return nil
}

// mintKey gives a new record its id, token and time.
func (a *Auth) mintKey(rec *APIKeyRecord) (token Token) {
	rec.CreatedAt = a.now()
	rec.ID = id.New("key_", rec.CreatedAt)
	token, rec.Token = a.keys.Load().mint(kindKey, bucketOf(rec.UserID))
	return token
}

func (a *Auth) apiKey(rec APIKeyRecord) *APIKey {
	return &APIKey{
		ID: rec.ID, UserID: rec.UserID, Name: rec.Name, Scopes: rec.Scopes, CreatedBy: rec.CreatedBy,
		CreatedAt: rec.CreatedAt, ExpiresAt: rec.ExpiresAt, LastUsedAt: later(rec.LastUsedAt, a.keyUses.noted(rec.Token)),
	}
}

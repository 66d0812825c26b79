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

// ImportedUser is an account as another system has kept it. Its JSON is one line of an import or export.
type ImportedUser struct {
	ExternalID    string    `json:"external_id,omitempty"` // its id there: 1 to 255 bytes; without it the e-mail tells accounts apart
	Email         string    `json:"email,omitempty"`
	EmailVerified bool      `json:"email_verified,omitempty"`
	Name          string    `json:"name,omitempty"`
	Roles         []string  `json:"roles,omitempty"`
	Locale        string    `json:"locale,omitempty"`
	Picture       string    `json:"picture,omitempty"`
	Phone         string    `json:"phone_number,omitempty"`
	CreatedAt     time.Time `json:"created_at,omitzero"` // zero: now
	Banned        bool      `json:"banned,omitempty"`
	ResetRequired bool      `json:"reset_required,omitempty"` // no password counts before it was reset by mail
	// PasswordHash is what there is of the password, in a spelling that the first Adopter of Config.Methods reads; empty:
	// the account has no password. It is worth guarding like a password.
	PasswordHash string `json:"password_hash,omitempty"`
}

const maxExternalID = 255

// Import makes an account that another system has kept, unless there is one with its ExternalID or, when it has none, with
// its e-mail: that is returned as it is, and created is false. So an import that was broken off can be run again. Nobody is
// mailed. Errors: FieldErrors, ErrEmailTaken when another account has the e-mail, *UnavailableError.
func (u Users) Import(ctx context.Context, in ImportedUser) (user *User, created bool, err error) {
	a := u.auth
	made, err := in.user(a)
	if err != nil {
		return nil, false, err
	}
	if user, err := u.imported(ctx, made); !errors.Is(err, ErrNotFound) {
		return user, false, err
	}
	var creds []Credential
	if in.PasswordHash != "" {
		c, err := a.adopt(ctx, made, in.PasswordHash)
		if err != nil {
			return nil, false, err
		}
		creds = append(creds, c)
	}
	told := a.dated(ctx, Event{Type: UserImported, UserID: made.ID})
	err = a.directory.CreateUser(ctx, UserChange{User: made, Credentials: creds, Events: a.records(told)})
	if errors.Is(err, ErrTaken) { // just now, or the e-mail of an account from elsewhere
		user, err := u.imported(ctx, made)
		if errors.Is(err, ErrNotFound) {
			err = ErrEmailTaken
		}
		return user, false, err
	}
	if err != nil {
		return nil, false, unavailable(err)
	}
	a.emit(ctx, told)
	return &made, true, nil
}

// user is the account to be made.
func (in *ImportedUser) user(a *Auth) (User, error) {
	now := a.now()
	u := User{
		ID: id.New("usr_", now), Realm: a.config.Realm, ExternalID: in.ExternalID,
		Email: NormalizeEmail(in.Email), EmailVerified: in.EmailVerified && in.Email != "",
		Name: strings.TrimSpace(in.Name), Roles: normalRoles(in.Roles),
		Locale: in.Locale, Picture: in.Picture, Phone: NormalizePhone(in.Phone),
		ResetRequired: in.ResetRequired, CreatedAt: now, UpdatedAt: now, Revision: 1,
	}
	bad := checkUser(&u)
	switch {
	case u.ExternalID == "" && u.Email == "":
		bad = append(bad, FieldError{"external_id", "required", "is missing, and so is the e-mail"})
	case len(u.ExternalID) > maxExternalID || !utf8.ValidString(u.ExternalID) || strings.ContainsFunc(u.ExternalID, unicode.IsControl):
		bad = append(bad, FieldError{"external_id", "invalid_external_id", "must be at most 255 bytes of text without control characters"})
	}
	if in.CreatedAt.After(now) {
		bad = append(bad, FieldError{"created_at", "out_of_range", "must not lie ahead"})
	}
	if bad != nil {
		return User{}, bad
	}
	if !in.CreatedAt.IsZero() {
		u.CreatedAt = in.CreatedAt.UTC().Truncate(time.Microsecond)
	}
	if in.Banned {
		u.BannedAt = now
	}
	return u, nil
}

// imported finds the account that was made of this one before.
func (u Users) imported(ctx context.Context, made User) (*User, error) {
	if made.ExternalID == "" {
		return u.ByEmail(ctx, made.Email)
	}
	user, err := u.auth.directory.UserByExternalID(ctx, made.Realm, made.ExternalID)
	if err != nil {
		return nil, known(err, ErrNotFound, ErrNotFound)
	}
	return &user, nil
}

// adopt makes the credential of a hash from elsewhere.
func (a *Auth) adopt(ctx context.Context, user User, hash string) (Credential, error) {
	m := a.adopter()
	if m == nil {
		return Credential{}, FieldErrors{{"password_hash", "not_allowed", "cannot be taken over: no method of sign-in here reads any"}}
	}
	data, err := m.Adopt(ctx, hash)
	if fields, ok := errors.AsType[FieldErrors](err); ok {
		return Credential{}, fields
	}
	if err != nil {
		return Credential{}, unavailable(err)
	}
	c := Credential{UserID: user.ID, Method: m.Name(), Data: data, CreatedAt: user.UpdatedAt, UpdatedAt: user.UpdatedAt}
	return a.closed(m, c), nil
}

func (a *Auth) adopter() Adopter {
	for _, m := range a.config.Methods {
		if adopts, ok := m.(Adopter); ok {
			return adopts
		}
	}
	return nil
}

// AllWithHashes iterates over the accounts with what there is of their passwords, in order of their ids, as Import takes
// them: it is secret material, for a move to another system. An account without an ExternalID gets its ID for one. Left out
// are accounts about to be deleted, and all that people prove themselves by but for passwords. After an error it ends.
func (u Users) AllWithHashes(ctx context.Context) iter.Seq2[*ImportedUser, error] {
	return func(yield func(*ImportedUser, error) bool) {
		for user, err := range u.All(ctx, "") {
			if err == nil && user.Leaving() {
				continue
			}
			var out *ImportedUser
			if err == nil {
				out, err = u.withHash(ctx, user)
			}
			if !yield(out, err) || err != nil {
				return
			}
		}
	}
}

func (u Users) withHash(ctx context.Context, user *User) (*ImportedUser, error) {
	out := &ImportedUser{
		ExternalID: cmp.Or(user.ExternalID, user.ID), Email: user.Email, EmailVerified: user.EmailVerified, Name: user.Name, Roles: user.Roles,
		Locale: user.Locale, Picture: user.Picture, Phone: user.Phone, CreatedAt: user.CreatedAt,
		Banned: user.Banned(), ResetRequired: user.ResetRequired,
	}
	m := u.auth.adopter()
	if m == nil {
		return out, nil
	}
	creds, err := u.auth.directory.Credentials(ctx, user.ID)
	if err != nil {
		return nil, unavailable(err)
	}
	creds = u.auth.opened(ctx, m, creds)
	if i := slices.IndexFunc(creds, func(c Credential) bool { return c.ID == "" }); i >= 0 {
		out.PasswordHash = string(creds[i].Data)
	}
	return out, nil
}

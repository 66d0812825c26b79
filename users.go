package cloakroom

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// RoleAdmin is the role that somebody must keep: the last user of a realm who has it and is not banned can neither be
// banned, deleted nor lose it (ErrLastHolder). A user who is made for an API key counts, too.
const RoleAdmin = "admin"

// Users administers the accounts of one realm. Get it from Auth.Users. It asks nobody for permission: guard what calls it.
// Every method returns ErrNotFound for a user of another realm, and *UnavailableError when the store does not answer.
type Users struct{ auth *Auth }

// Users returns the accounts of the Auth's realm.
func (a *Auth) Users() Users { return Users{a} }

// NewUser is an account to be made.
type NewUser struct {
	Email         string
	EmailVerified bool
	Name          string
	Roles         []string
	// Method and Secret make a first credential; without a Secret the account has none and nobody can sign in to it.
	// An empty Method means the first of Config.Methods.
	Method string
	Secret string
	// Locale, Picture and Phone: see User.
	Locale, Picture, Phone string
}

// Create makes an account, also while sign-up is closed. Errors: FieldErrors, ErrEmailTaken.
func (u Users) Create(ctx context.Context, n NewUser) (*User, error) {
	user, _, err := u.auth.create(ctx, n, nil)
	return user, err
}

// create makes an account. letter, if any, goes out with it.
func (a *Auth) create(ctx context.Context, n NewUser, letter *order) (*User, string, error) {
	return a.createAs(ctx, Event{Type: UserCreated}, n, letter)
}

// createBy is create for somebody who makes an account for himself by this request.
func (a *Auth) createBy(r *http.Request, n NewUser, letter *order) (*User, string, error) {
	return a.createAs(r.Context(), a.requested(r, Event{Type: UserCreated}), n, letter)
}

func (a *Auth) createAs(ctx context.Context, made Event, n NewUser, letter *order) (*User, string, error) {
	user, creds, err := a.draft(ctx, n)
	if err == nil {
		made.UserID = user.ID
		err = a.found(ctx, user, creds, a.dated(ctx, made), letter)
	}
	switch {
	case err != nil:
		return nil, "", err
	case len(creds) > 0:
		return user, creds[0].Method, nil
	}
	return user, "", nil
}

// draft makes a user with a first credential, if there is a secret, and stores nothing.
func (a *Auth) draft(ctx context.Context, n NewUser) (*User, []Credential, error) {
	now := a.now()
	user := User{
		ID: id.New("usr_", now), Realm: a.config.Realm, Email: NormalizeEmail(n.Email), EmailVerified: n.EmailVerified,
		Name: strings.TrimSpace(n.Name), Roles: normalRoles(n.Roles),
		Locale: n.Locale, Picture: n.Picture, Phone: NormalizePhone(n.Phone), CreatedAt: now, UpdatedAt: now, Revision: 1,
	}
	if bad := checkUser(&user); bad != nil {
		return nil, nil, bad
	}
	if user.Email != "" { // asked first, so that a taken one costs no hash; CreateUser decides
		_, err := a.directory.UserByEmail(ctx, user.Realm, user.Email)
		if err == nil {
			return nil, nil, ErrEmailTaken
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, nil, unavailable(err)
		}
	}
	if n.Secret == "" {
		return &user, nil, nil
	}
	c, err := a.enroll(ctx, n.Method, user, n.Secret, nil)
	if err != nil {
		return nil, nil, err
	}
	return &user, []Credential{c}, nil
}

// found stores a drafted user, and tells of it.
func (a *Auth) found(ctx context.Context, user *User, creds []Credential, made Event, letter *order) error {
	events := a.records(made)
	if letter != nil {
		letter.UserID = user.ID
		events = []EventRecord{a.ordering(made, *letter)}
	}
	if err := a.directory.CreateUser(ctx, UserChange{User: *user, Credentials: creds, Events: events}); err != nil {
		return known(err, ErrTaken, ErrEmailTaken)
	}
	a.emit(ctx, made)
	a.mails.hurry()
	return nil
}

// Get returns the user with this id.
func (u Users) Get(ctx context.Context, userID string) (*User, error) {
	user, err := u.auth.directory.User(ctx, userID)
	if err == nil && user.Realm != u.auth.config.Realm {
		err = ErrNotFound
	}
	if err != nil {
		return nil, known(err, ErrNotFound, ErrNotFound)
	}
	return &user, nil
}

// ByEmail returns the user who has this e-mail, in whatever spelling.
func (u Users) ByEmail(ctx context.Context, email string) (*User, error) {
	user, err := u.auth.directory.UserByEmail(ctx, u.auth.config.Realm, NormalizeEmail(email))
	if err != nil {
		return nil, known(err, ErrNotFound, ErrNotFound)
	}
	return &user, nil
}

// pageSize is how many rows the iterators read at a time.
const pageSize = 200

// All iterates over the users in order of their ids, which is the order of their making; role "" means all of them. It
// reads page by page, so users made or deleted meanwhile may or may not appear. After an error it ends.
func (u Users) All(ctx context.Context, role string) iter.Seq2[*User, error] {
	return func(yield func(*User, error) bool) {
		q := UserQuery{Realm: u.auth.config.Realm, Role: role, Max: pageSize}
		for {
			page, err := u.auth.directory.Users(ctx, q)
			if err != nil {
				yield(nil, unavailable(err))
				return
			}
			for i := range page {
				if !yield(&page[i], nil) {
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

// Update changes a user: change gets the present state and edits it, and may be called again when somebody else was
// faster. E-mail, its verification, name, roles, locale, picture and phone can be edited; what else it edits is ignored. New roles count from
// the next request on. Errors: what change returns, FieldErrors, ErrEmailTaken, ErrLastHolder.
func (u Users) Update(ctx context.Context, userID string, change func(*User) error) (*User, error) {
	user, _, err := u.edit(ctx, userID, userEdit{what: Event{Type: UserUpdated}, change: func(user *User) error {
		edited := *user
		edited.Roles = slices.Clone(user.Roles)
		if err := change(&edited); err != nil {
			return err
		}
		user.Email, user.EmailVerified, user.Name = NormalizeEmail(edited.Email), edited.EmailVerified, strings.TrimSpace(edited.Name)
		user.Roles = normalRoles(edited.Roles)
		user.Locale, user.Picture, user.Phone = edited.Locale, edited.Picture, NormalizePhone(edited.Phone)
		if bad := checkUser(user); bad != nil {
			return bad
		}
		return nil
	}})
	return user, err
}

// SetRoles gives the user exactly these roles. They count from the next request on.
func (u Users) SetRoles(ctx context.Context, userID string, roles ...string) (*User, error) {
	return u.Update(ctx, userID, func(user *User) error {
		user.Roles = roles
		return nil
	})
}

// SetSecret gives the user a new credential of a method ("" means the first) and ends all sessions of the user.
func (u Users) SetSecret(ctx context.Context, userID, methodName, secret string) error {
	user, err := u.Get(ctx, userID)
	if err != nil {
		return err
	}
	c, err := u.auth.enroll(ctx, methodName, *user, secret, nil)
	if err != nil {
		return err
	}
	_, _, err = u.edit(ctx, userID, userEdit{what: Event{Type: CredentialChanged, Reason: c.Method}, creds: []Credential{c}, change: func(user *User) error {
		user.Epoch += allEnd
		user.ResetRequired = false
		return nil
	}})
	if err != nil {
		return err
	}
	u.auth.tidy(ctx, userID, "", "credential_changed")
	return nil
}

// Ban keeps the user out from the next request on, with 403 "user_banned" for whoever holds a session. Banning twice is
// no error.
func (u Users) Ban(ctx context.Context, userID string) error {
	_, _, err := u.edit(ctx, userID, userEdit{what: Event{Type: UserBanned}, change: func(user *User) error {
		if !user.Banned() {
			user.BannedAt = u.auth.now()
			user.Epoch += allEnd
		}
		return nil
	}})
	return err
}

// Unban lets the user sign in again. Sessions from before the ban stay dead. Unbanning twice is no error.
func (u Users) Unban(ctx context.Context, userID string) error {
	_, changed, err := u.edit(ctx, userID, userEdit{what: Event{Type: UserUnbanned}, change: func(user *User) error {
		user.BannedAt = time.Time{}
		return nil
	}})
	if err != nil || !changed {
		return err
	}
	u.auth.tidy(ctx, userID, "", "ban")
	return nil
}

// Delete removes the account, its credentials and API keys and ends its sessions. The e-mail is free again. Its events stay, until
// they are old.
func (u Users) Delete(ctx context.Context, userID string) error {
	if _, err := u.Get(ctx, userID); err != nil {
		return err
	}
	return u.delete(ctx, u.auth.dated(ctx, Event{Type: UserDeleted, UserID: userID}))
}

// delete removes the account of an event that tells of it.
func (u Users) delete(ctx context.Context, gone Event) error {
	if err := u.auth.directory.DeleteUser(ctx, gone.UserID, RoleAdmin, u.auth.ending(gone)); err != nil {
		return known(err, ErrNotFound, ErrNotFound, ErrLastHolder, ErrLastHolder)
	}
	u.auth.emit(ctx, gone)
	u.auth.tidy(ctx, gone.UserID, "", "deleted")
	return nil
}

// userEdit is a change of one user.
type userEdit struct {
	what   Event  // what it is called
	letter *order // that goes out with it, beside the notice that the event may be worth
	creds  []Credential
	check  func(all []Credential) error           // of what is on file, where creds or forget is set; nil: anything goes
	forget func(all []Credential) []CredentialKey // nil: none
	change func(*User) error
}

// edit is the one road to change a user: read, change, compare-and-swap, again if somebody was faster. What it is called
// joins the events. changed is false when there was nothing to write.
func (u Users) edit(ctx context.Context, userID string, e userEdit) (_ *User, changed bool, err error) {
	a := u.auth
	e.what.UserID = userID
	for {
		user, err := u.Get(ctx, userID)
		if err != nil {
			return nil, false, err
		}
		before := *user
		forget, err := a.reckon(ctx, user, e)
		if err == nil {
			err = e.change(user)
		}
		if err != nil {
			return nil, false, err
		}
		if sameUser(&before, user) && e.creds == nil && forget == nil { // perhaps because another node has just done it
			a.feed.tell(subjectOf(userID))
			return user, false, nil
		}
		if e.what.Type == UserUpdated && before.Email != "" && user.Email != before.Email { // its owner must hear of it
			e.what.Type, e.what.Reason, e.what.Details = EmailChanged, "operator", fromTo(before.Email, user.Email)
		}
		if e.what.Time.IsZero() {
			e.what = a.dated(ctx, e.what)
		}
		user.UpdatedAt = a.now()
		err = a.directory.UpdateUser(ctx, UserChange{
			User: *user, Credentials: e.creds, Forget: forget, Keeps: RoleAdmin, RevokedUntil: a.revokedUntil(),
			Events: a.tellingOf(&before, e),
		})
		if errors.Is(err, ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return nil, false, known(err, ErrNotFound, ErrNotFound, ErrTaken, ErrEmailTaken, ErrLastHolder, ErrLastHolder)
		}
		user.Revision++
		a.emit(ctx, e.what)
		a.mails.hurry()
		return user, true, nil
	}
}

// reckon says which credentials an edit deletes, and whether the user has a second factor after it.
func (a *Auth) reckon(ctx context.Context, user *User, e userEdit) ([]CredentialKey, error) {
	if e.creds == nil && e.forget == nil {
		return nil, nil
	}
	all, err := a.directory.Credentials(ctx, user.ID)
	if err != nil {
		return nil, unavailable(err)
	}
	if e.check != nil {
		if err := e.check(all); err != nil {
			return nil, err
		}
	}
	var forget []CredentialKey
	if e.forget != nil {
		forget = e.forget(all)
	}
	all = slices.DeleteFunc(all, func(c Credential) bool { return slices.Contains(forget, CredentialKey{c.Method, c.ID}) })
	user.MFA = slices.ContainsFunc(append(all, e.creds...), func(c Credential) bool { return a.isSecondFactor(c.Method) })
	return forget, nil
}

// tellingOf are the events of an edit, with what is mailed about it.
func (a *Auth) tellingOf(before *User, e userEdit) []EventRecord {
	rec := a.noticed(before, e.what)
	if e.letter != nil {
		rec.Parcels = append(rec.Parcels, a.posted(e.what, *e.letter)...)
	}
	return []EventRecord{rec}
}

func sameUser(a, b *User) bool {
	return a.Email == b.Email && a.EmailVerified == b.EmailVerified && a.Name == b.Name && slices.Equal(a.Roles, b.Roles) &&
		a.BannedAt.Equal(b.BannedAt) && a.Epoch == b.Epoch && a.Locale == b.Locale && a.Picture == b.Picture && a.Phone == b.Phone &&
		a.MFA == b.MFA && a.ResetRequired == b.ResetRequired && a.LeavesAt.Equal(b.LeavesAt) && a.ExternalID == b.ExternalID
}

// normalRoles sorts and removes doubles.
func normalRoles(roles []string) []string {
	sorted := slices.Clone(roles)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// instead is err, or what stands for it where it is one that means something else here.
func instead(err, of, what error) error {
	if errors.Is(err, of) {
		return what
	}
	return err
}

// known passes on the errors that a method promises, each as the one beside it, and takes every other for a store that
// does not answer.
func known(err error, promised ...error) error {
	if err == nil {
		return nil
	}
	for i := 0; i < len(promised); i += 2 {
		if errors.Is(err, promised[i]) {
			return promised[i+1]
		}
	}
	return unavailable(err)
}

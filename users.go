package cloakroom

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// RoleAdmin is the role that somebody must keep: the last user of a realm who has it and is not banned can neither be
// banned, deleted nor lose it (ErrLastHolder).
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
}

// Create makes an account, also while sign-up is closed. Errors: FieldErrors, ErrEmailTaken.
func (u Users) Create(ctx context.Context, n NewUser) (*User, error) {
	user, _, err := u.auth.create(ctx, n)
	return user, err
}

func (a *Auth) create(ctx context.Context, n NewUser) (*User, string, error) {
	now := a.now()
	user := User{
		ID: id.New("usr_", now), Realm: a.config.Realm, Email: NormalizeEmail(n.Email), EmailVerified: n.EmailVerified,
		Name: strings.TrimSpace(n.Name), Roles: normalRoles(n.Roles), CreatedAt: now, UpdatedAt: now, Revision: 1,
	}
	if bad := checkUser(&user); bad != nil {
		return nil, "", bad
	}
	if user.Email != "" { // asked first, so that a taken one costs no hash; CreateUser decides
		_, err := a.directory.UserByEmail(ctx, user.Realm, user.Email)
		if err == nil {
			return nil, "", ErrEmailTaken
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, "", unavailable(err)
		}
	}
	var creds []Credential
	methodName := ""
	if n.Secret != "" {
		c, err := a.enroll(ctx, n.Method, user, n.Secret)
		if err != nil {
			return nil, "", err
		}
		creds, methodName = append(creds, c), c.Method
	}
	made := a.dated(ctx, Event{Type: UserCreated, UserID: user.ID})
	err := a.directory.CreateUser(ctx, UserChange{User: user, Credentials: creds, Events: a.records(made)})
	if err != nil {
		return nil, "", known(err, ErrTaken, ErrEmailTaken)
	}
	a.emit(ctx, made)
	return &user, methodName, nil
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
// faster. E-mail, its verification, name and roles can be edited; what else it edits is ignored. New roles count from
// the next request on. Errors: what change returns, FieldErrors, ErrEmailTaken, ErrLastHolder.
func (u Users) Update(ctx context.Context, userID string, change func(*User) error) (*User, error) {
	user, _, err := u.edit(ctx, userID, nil, Event{Type: UserUpdated}, func(user *User) error {
		edited := *user
		edited.Roles = slices.Clone(user.Roles)
		if err := change(&edited); err != nil {
			return err
		}
		user.Email, user.EmailVerified, user.Name = NormalizeEmail(edited.Email), edited.EmailVerified, strings.TrimSpace(edited.Name)
		user.Roles = normalRoles(edited.Roles)
		if bad := checkUser(user); bad != nil {
			return bad
		}
		return nil
	})
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
	c, err := u.auth.enroll(ctx, methodName, *user, secret)
	if err != nil {
		return err
	}
	_, _, err = u.edit(ctx, userID, []Credential{c}, Event{Type: CredentialChanged, Reason: c.Method}, func(user *User) error {
		user.Epoch += allEnd
		return nil
	})
	if err != nil {
		return err
	}
	u.auth.tidy(ctx, userID, "", "credential_changed")
	return nil
}

// Ban keeps the user out from the next request on, with 403 "user_banned" for whoever holds a session. Banning twice is
// no error.
func (u Users) Ban(ctx context.Context, userID string) error {
	_, _, err := u.edit(ctx, userID, nil, Event{Type: UserBanned}, func(user *User) error {
		if !user.Banned() {
			user.BannedAt = u.auth.now()
			user.Epoch += allEnd
		}
		return nil
	})
	return err
}

// Unban lets the user sign in again. Sessions from before the ban stay dead. Unbanning twice is no error.
func (u Users) Unban(ctx context.Context, userID string) error {
	_, changed, err := u.edit(ctx, userID, nil, Event{Type: UserUnbanned}, func(user *User) error {
		user.BannedAt = time.Time{}
		return nil
	})
	if err != nil || !changed {
		return err
	}
	u.auth.tidy(ctx, userID, "", "ban")
	return nil
}

// Delete removes the account and its credentials and ends its sessions. The e-mail is free again.
func (u Users) Delete(ctx context.Context, userID string) error {
	if _, err := u.Get(ctx, userID); err != nil {
		return err
	}
	gone := u.auth.dated(ctx, Event{Type: UserDeleted, UserID: userID})
	if err := u.auth.directory.DeleteUser(ctx, userID, RoleAdmin, u.auth.ending(gone)); err != nil {
		return known(err, ErrNotFound, ErrNotFound, ErrLastHolder, ErrLastHolder)
	}
	u.auth.emit(ctx, gone)
	u.auth.tidy(ctx, userID, "", "deleted")
	return nil
}

// edit is the one road to change a user: read, change, compare-and-swap, again if somebody was faster. What it is called
// joins the events. changed is false when there was nothing to write.
func (u Users) edit(ctx context.Context, userID string, creds []Credential, what Event, change func(*User) error) (_ *User, changed bool, err error) {
	what.UserID = userID
	for {
		user, err := u.Get(ctx, userID)
		if err != nil {
			return nil, false, err
		}
		before := *user
		if err := change(user); err != nil {
			return nil, false, err
		}
		if sameUser(&before, user) && creds == nil { // perhaps because another node has just done it
			u.auth.feed.tell(subjectOf(userID))
			return user, false, nil
		}
		if what.Time.IsZero() {
			what = u.auth.dated(ctx, what)
		}
		user.UpdatedAt = u.auth.now()
		err = u.auth.directory.UpdateUser(ctx, UserChange{
			User: *user, Credentials: creds, Keeps: RoleAdmin, RevokedUntil: u.auth.revokedUntil(), Events: u.auth.records(what),
		})
		if errors.Is(err, ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return nil, false, known(err, ErrNotFound, ErrNotFound, ErrTaken, ErrEmailTaken, ErrLastHolder, ErrLastHolder)
		}
		user.Revision++
		u.auth.emit(ctx, what)
		return user, true, nil
	}
}

func sameUser(a, b *User) bool {
	return a.Email == b.Email && a.EmailVerified == b.EmailVerified && a.Name == b.Name && slices.Equal(a.Roles, b.Roles) &&
		a.BannedAt.Equal(b.BannedAt) && a.Epoch == b.Epoch
}

// normalRoles sorts and removes doubles.
func normalRoles(roles []string) []string {
	sorted := slices.Clone(roles)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// known passes on the errors that a method promises, each as the one beside it, and takes every other for a store that
// does not answer.
func known(err error, promised ...error) error {
	for i := 0; i < len(promised); i += 2 {
		if errors.Is(err, promised[i]) {
			return promised[i+1]
		}
	}
	return unavailable(err)
}

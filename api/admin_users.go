package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

func (a *API) adminUsers(w http.ResponseWriter, r *http.Request, _ caller) error {
	q, page, err := ask(r.URL.RawQuery, "usr_")
	if err != nil {
		return err
	}
	find := cloakroom.UserSearch{Text: q.text("search"), Role: q.text("role"), After: page.Cursor, Max: page.Limit + 1}
	if err := q.done(); err != nil {
		return err
	}
	found, _, err := a.Auth.Users().Find(r.Context(), find)
	if err != nil {
		return err
	}
	j := adminUsersJSON{Items: []adminUserJSON{}}
	for i := range found {
		if i == page.Limit { // there is one more
			j.NextCursor = &found[i-1].ID
			break
		}
		j.Items = append(j.Items, adminUserOf(&found[i]))
	}
	return send(w, http.StatusOK, j)
}

func (a *API) adminUser(w http.ResponseWriter, r *http.Request, _ caller) error {
	id, err := target(r, "usr_")
	if err != nil {
		return err
	}
	return a.answerUser(w, r, id)
}

func (a *API) adminCreateUser(w http.ResponseWriter, r *http.Request, who caller, in newUserJSON) error {
	if in.Email == "" {
		return cloakroom.FieldErrors{{Field: "email", Code: codeRequired, Message: "is missing"}}
	}
	if err := a.mayGive(who.session, in.Roles); err != nil {
		return err
	}
	u, err := a.Auth.Users().Invite(r.Context(), cloakroom.NewUser{
		Email: in.Email, EmailVerified: in.EmailVerified, Name: in.Name, Roles: in.Roles, Locale: in.Locale,
	})
	if err != nil {
		return err
	}
	return send(w, http.StatusCreated, adminUserOf(u))
}

func (a *API) adminPatchUser(w http.ResponseWriter, r *http.Request, who caller, in userPatchJSON) error {
	id, err := target(r, "usr_")
	if err != nil {
		return err
	}
	u, err := a.Auth.Users().Update(r.Context(), id, func(u *cloakroom.User) error {
		if err := a.mayChange(who.session, u); err != nil {
			return err
		}
		return a.mayGive(who.session, in.apply(u))
	})
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, adminUserOf(u))
}

// apply edits a user for an administrator, and returns the roles that are new to the user.
func (in *userPatchJSON) apply(u *cloakroom.User) (added []string) {
	before := u.Email
	in.Email.apply(&u.Email)
	in.Name.apply(&u.Name)
	in.Locale.apply(&u.Locale)
	if cloakroom.NormalizeEmail(u.Email) != before { // what was proven was the other
		u.EmailVerified = false
	}
	if in.EmailVerified != nil {
		u.EmailVerified = *in.EmailVerified && u.Email != ""
	}
	if in.Roles == nil {
		return nil
	}
	added = slices.DeleteFunc(slices.Clone(in.Roles), func(role string) bool { return slices.Contains(u.Roles, role) })
	u.Roles = in.Roles
	return added
}

// mayGive refuses roles that an API key's own user has not, and those that administer: who signs in with them rules over whoever
// made the key. A person who administers gives any.
func (a *API) mayGive(s *cloakroom.Session, roles []string) error {
	if !isKey(s) {
		return nil
	}
	if a.Auth.Holds(&cloakroom.User{Roles: roles}, cloakroom.RoleAdmin) {
		return cloakroom.ErrForbidden
	}
	for _, role := range roles {
		if s.Meets(cloakroom.KeyScope(scopeAdmin), cloakroom.Role(role)) != nil {
			return cloakroom.ErrForbidden
		}
	}
	return nil
}

// mayChange refuses API keys that would change a user who administers: what opens without a second factor must not come by
// the account of somebody who has one.
func (a *API) mayChange(by *cloakroom.Session, u *cloakroom.User) error {
	if isKey(by) && a.Auth.Holds(u, cloakroom.RoleAdmin) {
		return cloakroom.ErrForbidden
	}
	return nil
}

func (a *API) adminDeleteUser(w http.ResponseWriter, r *http.Request, who caller) error {
	if _, err := a.change(r, who, a.Auth.Users().Delete); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) adminBan(w http.ResponseWriter, r *http.Request, who caller) error {
	return a.changeUser(w, r, who, a.Auth.Users().Ban)
}

func (a *API) adminUnban(w http.ResponseWriter, r *http.Request, who caller) error {
	return a.changeUser(w, r, who, a.Auth.Users().Unban)
}

func (a *API) adminRestore(w http.ResponseWriter, r *http.Request, who caller) error {
	return a.changeUser(w, r, who, func(ctx context.Context, id string) error {
		_, err := a.Auth.Users().Restore(ctx, id)
		return err
	})
}

func (a *API) adminVerify(w http.ResponseWriter, r *http.Request, who caller) error {
	return a.changeUser(w, r, who, func(ctx context.Context, id string) error {
		_, err := a.Auth.Users().Verify(ctx, id)
		return err
	})
}

func (a *API) adminRequireReset(w http.ResponseWriter, r *http.Request, who caller) error {
	return a.changeUser(w, r, who, a.Auth.Users().RequireReset)
}

func (a *API) adminResetFactors(w http.ResponseWriter, r *http.Request, who caller) error {
	return a.changeUser(w, r, who, a.Auth.Users().ResetFactors)
}

func (a *API) adminImpersonate(w http.ResponseWriter, r *http.Request, who caller, in impersonateJSON) error {
	id, err := target(r, "usr_")
	if err != nil {
		return cloakroom.ErrForbidden // as for whoever is not there
	}
	g, err := a.Auth.Impersonate(w, r, who.session, cloakroom.Impersonation{UserID: id, Reason: in.Reason, Terms: in.terms()})
	return answerSignIn(w, g, err)
}

// changeUser does something to the user of the path, and answers with what the user is then.
func (a *API) changeUser(w http.ResponseWriter, r *http.Request, who caller, do func(ctx context.Context, userID string) error) error {
	id, err := a.change(r, who, do)
	if err != nil {
		return err
	}
	return a.answerUser(w, r, id)
}

// change does something to the user of the path, if the caller may.
func (a *API) change(r *http.Request, who caller, do func(ctx context.Context, userID string) error) (userID string, err error) {
	id, err := target(r, "usr_")
	if err != nil {
		return "", err
	}
	if err := a.changeable(r, who, id); err != nil {
		return "", err
	}
	return id, do(r.Context(), id)
}

// changeable refuses a user who is not there, or whom the caller may not change.
func (a *API) changeable(r *http.Request, who caller, userID string) error {
	u, err := a.Auth.Users().Get(r.Context(), userID)
	if err != nil {
		return err
	}
	return a.mayChange(who.session, u)
}

func (a *API) answerUser(w http.ResponseWriter, r *http.Request, id string) error {
	u, err := a.Auth.Users().Get(r.Context(), id)
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, adminUserOf(u))
}

// invites is takes for a new account, and edits for a patch of one, by an administrator.
func invites(h taker[newUserJSON]) endpoint { return reads(h, decodeUser(mediaJSON), mediaJSON) }

func edits(h taker[userPatchJSON]) endpoint {
	return reads(h, decodeUser(mediaPatch, mediaJSON), mediaPatch, mediaJSON)
}

// decodeUser is decode for an account. What an account has and cannot be given here is refused rather than ignored: a password above
// all, which nobody chooses but the owner of the account (ASVS 6.4.6).
func decodeUser(media ...string) func(http.ResponseWriter, *http.Request, any) error {
	return func(w http.ResponseWriter, r *http.Request, into any) error {
		members, err := membersOf(w, r, media...)
		if err != nil {
			return err
		}
		v := reflect.ValueOf(into).Elem()
		if bad := notWritable(v.Type(), members); bad != nil {
			return bad
		}
		return fill(v, members)
	}
}

func notWritable(into reflect.Type, members map[string]json.RawMessage) (bad cloakroom.FieldErrors) {
	writable := fieldsOf(into)
	for _, f := range append(fieldsOf(reflect.TypeFor[adminUserJSON]()), field{name: "password"}) {
		_, given := members[f.name]
		if given && !slices.ContainsFunc(writable, func(w field) bool { return w.name == f.name }) {
			bad = append(bad, cloakroom.FieldError{Field: f.name, Code: "not_writable", Message: "cannot be given here"})
		}
	}
	return bad
}

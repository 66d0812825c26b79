package storetest

import (
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func users(run runner) {
	run("CreateUser stores user and credentials with Revision 1", createUser)
	run("CreateUser with an e-mail of the realm is ErrTaken and stores nothing", createTaken)
	run("an e-mail is unique in its realm only", emailsOfRealms)
	run("users without e-mail do not collide", emptyEmails)
	run("an e-mail is found byte for byte", emailBytes)
	run("an absent user is ErrNotFound", absentUser)
	run("Users returns up to Max of the realm in ascending order of id", userPages)
	run("Users finds the holders of exactly this role", userRoles)
	run("UpdateUser replaces the user and its Revision grows by one", updateUser)
	run("UpdateUser with another Revision is ErrConflict and changes nothing", updateConflict)
	run("UpdateUser to an e-mail of somebody else is ErrTaken and changes nothing", updateTaken)
	run("UpdateUser to another e-mail frees the old one", updateEmail)
	run("DeleteUser removes user, e-mail and credentials", deleteUser)
}

func createUser(w *world) {
	u := w.user()
	u.Revision = 77
	c := w.credential(u, "password", "", "hash")
	c.Revision = 88
	w.ok(w.store.CreateUser(w.Context(), cloakroom.UserChange{User: u, Credentials: []cloakroom.Credential{c}}), "CreateUser")
	u.Revision, c.Revision = 1, 1

	got, err := w.store.User(w.Context(), u.ID)
	w.ok(err, "User")
	same(w, got, u, "User returns what CreateUser stored, with Revision 1")
	got, err = w.store.UserByEmail(w.Context(), u.Realm, u.Email)
	w.ok(err, "UserByEmail")
	same(w, got, u, "UserByEmail finds the same user")
	creds, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	same(w, creds, []cloakroom.Credential{c}, "CreateUser stores the credentials with Revision 1")
}

func createTaken(w *world) {
	first := w.stored(w.user())
	second := w.user()
	second.Email = first.Email
	err := w.store.CreateUser(w.Context(), cloakroom.UserChange{
		User: second, Credentials: []cloakroom.Credential{w.credential(second, "password", "", "hash")},
	})
	w.is(err, cloakroom.ErrTaken, "another user of the realm has the e-mail")

	_, err = w.store.User(w.Context(), second.ID)
	w.is(err, cloakroom.ErrNotFound, "ErrTaken: the user was not written")
	creds, err := w.store.Credentials(w.Context(), second.ID)
	w.ok(err, "Credentials")
	same(w, creds, nil, "ErrTaken: no credential was written")
	got, err := w.store.UserByEmail(w.Context(), realm, first.Email)
	w.ok(err, "UserByEmail")
	same(w, got, first, "ErrTaken: the e-mail still finds who had it")
}

func emailsOfRealms(w *world) {
	here := w.stored(w.user())
	there := w.user()
	there.Realm, there.Email = "other", here.Email
	w.stored(there)
	for _, u := range []cloakroom.User{here, there} {
		got, err := w.store.UserByEmail(w.Context(), u.Realm, u.Email)
		w.ok(err, "UserByEmail")
		same(w, got, u, "UserByEmail finds the user of the realm")
		got, err = w.store.User(w.Context(), u.ID)
		w.ok(err, "User")
		same(w, got, u, "User finds by id whatever the realm")
	}
	_, err := w.store.UserByEmail(w.Context(), "third", here.Email)
	w.is(err, cloakroom.ErrNotFound, "the e-mail is unknown in a realm without users")
}

func emptyEmails(w *world) {
	for range 2 {
		u := w.user()
		u.Email = ""
		w.stored(u)
		got, err := w.store.User(w.Context(), u.ID)
		w.ok(err, "a user without e-mail is stored")
		same(w, got, u, "a user without e-mail is stored")
	}
	_, err := w.store.UserByEmail(w.Context(), realm, "")
	w.is(err, cloakroom.ErrNotFound, "the empty e-mail finds nobody")

	u := w.stored(w.user())
	u.Email = ""
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "a third user may give its e-mail up")
}

func emailBytes(w *world) {
	u := w.user()
	u.Email = "straße+tag@example.com"
	w.stored(u)
	for _, other := range []string{"STRASSE+tag@example.com", "Straße+tag@example.com", u.Email + " ", "straße@example.com", "stra%"} {
		_, err := w.store.UserByEmail(w.Context(), realm, other)
		w.is(err, cloakroom.ErrNotFound, "UserByEmail compares bytes: "+other)
	}
	other := w.user()
	other.Email = strings.ToUpper(u.Email)
	w.stored(other)
}

func absentUser(w *world) {
	ghost := w.user()
	_, err := w.store.User(w.Context(), ghost.ID)
	w.is(err, cloakroom.ErrNotFound, "User of an unknown id")
	_, err = w.store.UserByEmail(w.Context(), realm, ghost.Email)
	w.is(err, cloakroom.ErrNotFound, "UserByEmail of an unknown e-mail")
	err = w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: ghost})
	w.is(err, cloakroom.ErrNotFound, "UpdateUser of an absent user")
	w.is(w.store.DeleteUser(w.Context(), ghost.ID, "", w.ending()), cloakroom.ErrNotFound, "DeleteUser of an absent user")
	creds, err := w.store.Credentials(w.Context(), ghost.ID)
	w.ok(err, "an unknown user has no credentials, which is no error")
	same(w, creds, nil, "an unknown user has no credentials")
}

func userPages(w *world) {
	var want []cloakroom.User
	for range 7 {
		want = append(want, w.user())
	}
	for _, i := range []int{3, 0, 6, 2, 5, 1, 4} {
		w.stored(want[i])
	}
	stranger := w.user()
	stranger.Realm = "other"
	w.stored(stranger)

	var got []cloakroom.User
	q := cloakroom.UserQuery{Realm: realm, Max: 3}
	for _, size := range []int{3, 3, 1, 0} {
		page, err := w.store.Users(w.Context(), q)
		w.ok(err, "Users")
		same(w, len(page), size, "Users returns up to Max users, as long as there are some")
		got = append(got, page...)
		q.After = got[len(got)-1].ID
	}
	same(w, got, want, "pages of Users are all users of the realm in ascending order of id")
}

func userRoles(w *world) {
	w.stored(w.holder("administrator"))
	admin := w.stored(w.holder("author", "admin"))
	w.stored(w.holder())
	w.stored(w.holder("admin:read", "xadmin", "ADMIN"))
	second := w.stored(w.holder("admin"))
	stranger := w.holder("admin")
	stranger.Realm = "other"
	w.stored(stranger)

	got, err := w.store.Users(w.Context(), cloakroom.UserQuery{Realm: realm, Role: "admin", Max: 10})
	w.ok(err, "Users")
	same(w, got, []cloakroom.User{admin, second}, "Users returns the holders of the role")
	got, err = w.store.Users(w.Context(), cloakroom.UserQuery{Realm: realm, Role: "admin", After: admin.ID, Max: 10})
	w.ok(err, "Users")
	same(w, got, []cloakroom.User{second}, "Users returns holders with an id greater than After")
	got, err = w.store.Users(w.Context(), cloakroom.UserQuery{Realm: realm, Role: "dmi", Max: 10})
	w.ok(err, "Users")
	same(w, got, nil, "part of a role is no role")
}

func updateUser(w *world) {
	u := w.user()
	w.stored(u, w.credential(u, "totp", "a", "seed"))
	changed := u
	changed.Email, changed.EmailVerified, changed.Name = "new@example.com", false, ""
	changed.Roles, changed.BannedAt = nil, time.Time{}
	changed.Locale, changed.Picture, changed.Phone, changed.ExternalID = "", "", "", "other"
	changed.MFA, changed.ResetRequired, changed.LeavesAt = false, false, time.Time{}
	changed.UpdatedAt, changed.Epoch = w.now, 4
	c := w.credential(u, "password", "", "hash")
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: changed, Credentials: []cloakroom.Credential{c}}), "UpdateUser")

	changed.Revision = 2
	got, err := w.store.User(w.Context(), u.ID)
	w.ok(err, "User")
	same(w, got, changed, "UpdateUser replaces every field and adds one to Revision")
	got, err = w.store.UserByEmail(w.Context(), realm, changed.Email)
	w.ok(err, "the new e-mail finds the user")
	same(w, got, changed, "the new e-mail finds the changed user")
	creds, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	same(w, creds, []cloakroom.Credential{c, w.credential(u, "totp", "a", "seed")}, "UpdateUser adds credentials and leaves others")
}

func updateConflict(w *world) {
	u := w.stored(w.user())
	for _, revision := range []int64{0, 2, -1} {
		stale := u
		stale.Revision, stale.Name, stale.Email = revision, "stale", "stale@example.com"
		err := w.store.UpdateUser(w.Context(), cloakroom.UserChange{
			User: stale, Credentials: []cloakroom.Credential{w.credential(u, "password", "", "stale")},
		})
		w.is(err, cloakroom.ErrConflict, "c.User.Revision must be the stored revision")
	}
	w.unchanged(u, "ErrConflict: nothing was written")
	_, err := w.store.UserByEmail(w.Context(), realm, "stale@example.com")
	w.is(err, cloakroom.ErrNotFound, "ErrConflict: the e-mail was not written")
}

func updateTaken(w *world) {
	other := w.stored(w.user())
	u := w.stored(w.user())
	greedy := u
	greedy.Email, greedy.Name = other.Email, "greedy"
	err := w.store.UpdateUser(w.Context(), cloakroom.UserChange{
		User: greedy, Credentials: []cloakroom.Credential{w.credential(u, "password", "", "greedy")},
	})
	w.is(err, cloakroom.ErrTaken, "a new e-mail that is somebody else's")
	w.unchanged(u, "ErrTaken: nothing was written")
	w.unchanged(other, "ErrTaken: the other user is as before")
}

// unchanged asserts that a user without credentials is as it was stored, and found by what is its own.
func (w *world) unchanged(u cloakroom.User, law string) {
	w.Helper()
	got, err := w.store.User(w.Context(), u.ID)
	w.ok(err, law)
	same(w, got, u, law)
	got, err = w.store.UserByEmail(w.Context(), u.Realm, u.Email)
	w.ok(err, law)
	same(w, got, u, law)
	got, err = w.store.UserByExternalID(w.Context(), u.Realm, u.ExternalID)
	w.ok(err, law)
	same(w, got, u, law)
	creds, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, law)
	same(w, creds, nil, law)
}

func updateEmail(w *world) {
	u := w.stored(w.user())
	old := u.Email
	for _, email := range []string{"second@example.com", "", "third@example.com", old} {
		before := u.Email
		u.Email = email
		w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "UpdateUser to "+email)
		u.Revision++
		_, err := w.store.UserByEmail(w.Context(), realm, before)
		w.is(err, cloakroom.ErrNotFound, "the former e-mail finds nobody")
	}
	w.unchanged(u, "a user may take its e-mail back")

	u.Email = "fourth@example.com"
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "UpdateUser")
	heir := w.user()
	heir.Email = old
	w.stored(heir)
	w.unchanged(heir, "a freed e-mail may be somebody else's")
}

func deleteUser(w *world) {
	u := w.user()
	w.stored(u, w.credential(u, "password", "", "hash"), w.credential(u, "totp", "a", "seed"))
	bystander := w.stored(w.user())
	w.ok(w.store.DeleteUser(w.Context(), u.ID, "", w.ending()), "DeleteUser")

	_, err := w.store.User(w.Context(), u.ID)
	w.is(err, cloakroom.ErrNotFound, "a deleted user is absent")
	_, err = w.store.UserByEmail(w.Context(), realm, u.Email)
	w.is(err, cloakroom.ErrNotFound, "the e-mail of a deleted user finds nobody")
	creds, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	same(w, creds, nil, "a deleted user has no credentials")
	err = w.store.SwapCredential(w.Context(), w.credential(u, "password", "", "next"))
	w.is(err, cloakroom.ErrConflict, "SwapCredential of a deleted user")
	w.is(w.store.DeleteUser(w.Context(), u.ID, "", w.ending()), cloakroom.ErrNotFound, "deleting twice")

	heir := w.user()
	heir.Email = u.Email
	w.stored(heir)
	w.unchanged(heir, "the e-mail of a deleted user is free again")
	w.unchanged(bystander, "other users are left alone")
}

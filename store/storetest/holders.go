package storetest

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// holders tests the role that somebody must hold, for each way to give it up.
func holders(run runner) {
	run("the last holder may not give the role up", keepsLast)
	run("one of two holders may give the role up", keepsOne)
	run("who is banned is no other holder", keepsBanned)
	run("a holder in another realm is no other holder", keepsRealm)
	run("a holder of a similar role is no other holder", keepsSimilar)
	run("the rule holds only for a role that the stored user holds", keepsOther)
	run("the rule does not hold for a user who is banned", keepsStoredBanned)
	run("the last holder may change otherwise", keepsHolding)
}

// A surrender is a way to stop being a holder of "admin".
type surrender struct {
	name string
	do   func(w *world, u cloakroom.User, keeps string) error
}

func surrenders() []surrender {
	update := func(change func(*cloakroom.User, *world)) func(*world, cloakroom.User, string) error {
		return func(w *world, u cloakroom.User, keeps string) error {
			change(&u, w)
			return w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u, Keeps: keeps})
		}
	}
	return []surrender{
		{"demoting", update(func(u *cloakroom.User, _ *world) { u.Roles = []string{"author"} })},
		{"banning", update(func(u *cloakroom.User, w *world) { u.BannedAt = w.now })},
		{"deleting", func(w *world, u cloakroom.User, keeps string) error {
			return w.store.DeleteUser(w.Context(), u.ID, keeps, w.ending())
		}},
	}
}

// surrender tries each way on a new user that holds "admin" in a realm of its own, beside who others stores there.
func (w *world) surrender(keeps string, want error, law string, others func(realm string)) {
	w.Helper()
	for _, s := range surrenders() {
		u := w.holder("author", "admin")
		u.Realm = "of " + u.ID
		w.stored(u)
		others(u.Realm)
		w.is(s.do(w, u, keeps), want, law+", by "+s.name)
		if want != nil {
			w.unchanged(u, "ErrLastHolder: nothing was written, by "+s.name)
		}
	}
}

func nobody(string) {}

func keepsLast(w *world) {
	w.surrender("admin", cloakroom.ErrLastHolder, "another user must hold it", nobody)
	w.surrender("admin", cloakroom.ErrLastHolder, "another user must hold it", func(realm string) {
		u := w.holder("author")
		u.Realm = realm
		w.stored(u)
	})
}

func keepsOne(w *world) {
	w.surrender("admin", nil, "another user holds it", func(realm string) {
		u := w.holder("admin")
		u.Realm = realm
		w.stored(u)
	})
}

func keepsBanned(w *world) {
	w.surrender("admin", cloakroom.ErrLastHolder, "the other holder must not be banned", func(realm string) {
		u := w.holder("admin")
		u.Realm, u.BannedAt = realm, w.now
		w.stored(u)
	})
}

func keepsRealm(w *world) {
	w.surrender("admin", cloakroom.ErrLastHolder, "the other holder must be of the realm", func(string) {
		w.stored(w.holder("admin"))
	})
}

func keepsSimilar(w *world) {
	w.surrender("admin", cloakroom.ErrLastHolder, "the other must hold this very role", func(realm string) {
		u := w.holder("administrator", "Admin", "xadmin", "admin:read", "adm")
		u.Realm = realm
		w.stored(u)
	})
}

func keepsOther(w *world) {
	w.surrender("", nil, "no role is kept", nobody)
	w.surrender("owner", nil, "the stored user does not hold the role", nobody)
	w.surrender("adm", nil, "the stored user does not hold the role", nobody)
}

func keepsStoredBanned(w *world) {
	u := w.holder("admin")
	u.BannedAt = w.now
	w.stored(u)
	u.Roles = nil
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u, Keeps: "admin"}), "who is banned holds nothing that can be lost")
	second := w.holder("admin")
	second.BannedAt = w.now
	w.stored(second)
	w.ok(w.store.DeleteUser(w.Context(), second.ID, "admin", w.ending()), "who is banned holds nothing that can be lost")
}

func keepsHolding(w *world) {
	u := w.stored(w.holder("author", "admin"))
	u.Name, u.Roles, u.UpdatedAt = "Renamed", []string{"admin"}, u.UpdatedAt.Add(time.Second)
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u, Keeps: "admin"}), "the user holds the role still")
	u.Revision++
	w.unchanged(u, "the last holder was changed")
}

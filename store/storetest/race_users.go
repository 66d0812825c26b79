package storetest

import (
	"fmt"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

func raceCreateUser(w *world) {
	var contenders []cloakroom.User
	for range callers {
		u := w.user()
		u.Email = "wanted@example.com"
		contenders = append(contenders, u)
	}
	won := w.winner(race(func(i int) error {
		u := contenders[i]
		return w.store.CreateUser(w.Context(), cloakroom.UserChange{
			User: u, Credentials: []cloakroom.Credential{w.credential(u, "password", "", u.ID)},
		})
	}), cloakroom.ErrTaken, "CreateUser")
	got, err := w.store.UserByEmail(w.Context(), realm, "wanted@example.com")
	w.ok(err, "UserByEmail")
	same(w, got, contenders[won], "the e-mail finds the user whose CreateUser succeeded")
	for i, u := range contenders {
		creds, err := w.store.Credentials(w.Context(), u.ID)
		w.ok(err, "Credentials")
		same(w, len(creds) > 0, i == won, "only the winner has credentials")
	}
}

func raceChangeEmail(w *world) {
	var contenders []cloakroom.User
	for range callers {
		contenders = append(contenders, w.stored(w.user()))
	}
	won := w.winner(race(func(i int) error {
		u := contenders[i]
		u.Email = "wanted@example.com"
		return w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u})
	}), cloakroom.ErrTaken, "UpdateUser")
	for i, u := range contenders {
		_, err := w.store.UserByEmail(w.Context(), realm, u.Email)
		same(w, err == nil, i != won, "who lost keeps its e-mail")
	}
}

func raceUpdateUser(w *world) {
	u := w.stored(w.user())
	won := w.winner(race(func(i int) error {
		changed := u
		changed.Name = fmt.Sprint("name ", i)
		return w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: changed})
	}), cloakroom.ErrConflict, "UpdateUser")
	u.Name, u.Revision = fmt.Sprint("name ", won), 2
	w.unchanged(u, "the change of the winner is stored, once")
}

func raceHolders(w *world) {
	var admins []cloakroom.User
	for range callers {
		admins = append(admins, w.stored(w.holder("admin")))
	}
	ways := surrenders()
	errs := race(func(i int) error { return ways[i%len(ways)].do(w, admins[i], "admin") })
	won := w.winners(errs, cloakroom.ErrLastHolder, "giving up a role that somebody must hold")
	same(w, len(won), callers-1, "all may give the role up but the last")
	left, err := w.store.Users(w.Context(), cloakroom.UserQuery{Realm: realm, Role: "admin", Max: 1000})
	w.ok(err, "Users")
	left = slices.DeleteFunc(left, func(u cloakroom.User) bool { return u.Banned() })
	same(w, len(left), 1, "one holder remains who is not banned")
}

func raceSwapCredential(w *world) {
	u := w.user()
	w.stored(u, w.credential(u, "password", "", "first"))
	won := w.winner(race(func(i int) error {
		return w.store.SwapCredential(w.Context(), w.credential(u, "password", "", fmt.Sprint("data ", i)))
	}), cloakroom.ErrConflict, "SwapCredential")
	creds, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	want := w.credential(u, "password", "", fmt.Sprint("data ", won))
	want.Revision = 2
	same(w, creds, []cloakroom.Credential{want}, "the data of the winner is stored, once")
}

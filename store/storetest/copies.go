package storetest

import (
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

func copies(run runner) {
	run("users handed in and out are the caller's own", copiesOfUsers)
	run("credentials handed in and out are the caller's own", copiesOfCredentials)
	run("API keys handed in and out are the caller's own", copiesOfAPIKeys)
	run("sessions handed in and out are the caller's own", copiesOfSessions)
	run("refresh chains handed in and out are the caller's own", copiesOfRefresh)
	run("signing keys handed in and out are the caller's own", copiesOfKeys)
	run("events handed in and out are the caller's own", copiesOfEvents)
	run("parcels handed in and out are the caller's own", copiesOfParcels)
	run("data handed in and out is the caller's own", copiesOfData)
	run("tickets handed in and out are the caller's own", copiesOfTickets)
}

// spoil overwrites what a store must not share, beyond its length too.
func spoil(strings []string, bytes []byte) {
	strings, bytes = strings[:cap(strings)], bytes[:cap(bytes)]
	for i := range strings {
		strings[i] = "spoilt"
	}
	for i := range bytes {
		bytes[i] = '!'
	}
}

func copiesOfUsers(w *world) {
	want := w.user()
	given := want
	given.Roles = slices.Clone(want.Roles)
	w.stored(given)
	spoil(given.Roles, nil)
	w.unchanged(want, "CreateUser keeps a copy")

	given = want
	given.Roles = slices.Clone(want.Roles)
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: given}), "UpdateUser")
	spoil(given.Roles, nil)
	want.Revision++
	w.unchanged(want, "UpdateUser keeps a copy")

	byID, err := w.store.User(w.Context(), want.ID)
	w.ok(err, "User")
	byEmail, err := w.store.UserByEmail(w.Context(), realm, want.Email)
	w.ok(err, "UserByEmail")
	page, err := w.store.Users(w.Context(), cloakroom.UserQuery{Realm: realm, Max: 1})
	w.ok(err, "Users")
	for _, u := range []cloakroom.User{byID, byEmail, page[0]} {
		spoil(u.Roles, nil)
		w.unchanged(want, "the store hands out copies")
	}
}

func copiesOfCredentials(w *world) {
	u := w.user()
	given := w.credential(u, "password", "", "first")
	w.stored(u, given)
	spoil(nil, given.Data)
	check := func(data string, revision int64, law string) {
		w.Helper()
		got, err := w.store.Credentials(w.Context(), u.ID)
		w.ok(err, "Credentials")
		want := w.credential(u, "password", "", data)
		want.Revision = revision
		same(w, got, []cloakroom.Credential{want}, law)
		spoil(nil, got[0].Data)
	}
	check("first", 1, "CreateUser keeps a copy")
	check("first", 1, "Credentials hands out copies")

	given = w.credential(u, "password", "", "second")
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u, Credentials: []cloakroom.Credential{given}}), "UpdateUser")
	spoil(nil, given.Data)
	check("second", 2, "UpdateUser keeps a copy")
	given = w.credential(u, "password", "", "third")
	given.Revision = 2
	w.ok(w.store.SwapCredential(w.Context(), given), "SwapCredential")
	spoil(nil, given.Data)
	check("third", 3, "SwapCredential keeps a copy")
}

func copiesOfSessions(w *world) {
	want := w.session("usr_ana")
	given, actor := want, *want.Actor
	given.Methods, given.Scopes, given.Actor = slices.Clone(want.Methods), slices.Clone(want.Scopes), &actor
	w.begin(given)
	spoil(given.Methods, nil)
	spoil(given.Scopes, nil)
	*given.Actor = cloakroom.Actor{}
	w.lives(want, "Open keeps a copy")

	got, err := w.found(want.Token, w.now)
	w.ok(err, "Session")
	page, err := w.store.SessionsOf(w.Context(), want.Token.Bucket, want.UserID, "", 1)
	w.ok(err, "SessionsOf")
	for _, s := range []cloakroom.SessionRecord{got, page[0]} {
		spoil(s.Methods, nil)
		spoil(s.Scopes, nil)
		*s.Actor = cloakroom.Actor{}
		w.lives(want, "the store hands out copies")
	}

	old := want.Token
	want.Token, want.Methods = w.token(old.Bucket), []string{"passkey", "totp"}
	given = want
	given.Methods = slices.Clone(want.Methods)
	w.ok(w.renew(old, given, w.now), "Renew")
	spoil(given.Methods, nil)
	w.lives(want, "Renew keeps a copy")
}

func copiesOfData(w *world) {
	s := w.begin(w.session("usr_ana"))
	given := []byte("one cloak")
	w.ok(w.store.SetDatum(w.Context(), s.Ref(), cloakroom.Datum{Key: "cart", Value: given}, 100), "SetDatum")
	spoil(nil, given)
	want := cloakroom.Datum{Key: "cart", Value: []byte("one cloak"), Revision: 1}
	w.holds(s, want, "SetDatum keeps a copy")
	got, err := w.store.Datum(w.Context(), s.Ref(), "cart")
	w.ok(err, "Datum")
	spoil(nil, got.Value)
	w.holds(s, want, "Datum hands out a copy")
}

func copiesOfTickets(w *world) {
	given := w.put("attempt", "first")
	want := given
	want.Payload = []byte("first")
	spoil(nil, given.Payload)
	w.valid(want, "Put keeps a copy")
	got, err := w.store.Ticket(w.Context(), want.Kind, want.ID, w.now)
	w.ok(err, "Ticket")
	spoil(nil, got.Payload)
	w.valid(want, "Ticket hands out a copy")

	given = want
	given.Payload = []byte("second")
	w.ok(w.store.Swap(w.Context(), given, w.now), "Swap")
	spoil(nil, given.Payload)
	want.Payload, want.Revision = []byte("second"), 2
	w.valid(want, "Swap keeps a copy")
}

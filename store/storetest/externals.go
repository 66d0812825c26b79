package storetest

import (
	"strings"

	"github.com/cloakroom-auth/cloakroom"
)

func externals(run runner) {
	run("a user is found by its external id, byte for byte, in its realm only", externalFound)
	run("CreateUser with an external id of the realm is ErrTaken and stores nothing", externalTaken)
	run("UpdateUser to an external id of somebody else is ErrTaken and changes nothing", externalUpdateTaken)
	run("users without external id do not collide, and the empty one finds nobody", externalEmpty)
	run("an external id is no e-mail, whatever it looks like", externalIsNoEmail)
	run("UpdateUser and DeleteUser free the external id", externalFreed)
}

func (w *world) byExternalID(realm, externalID string) error {
	_, err := w.store.UserByExternalID(w.Context(), realm, externalID)
	return err
}

func externalFound(w *world) {
	here := w.stored(w.user())
	there := w.user()
	there.Realm, there.ExternalID = "other", here.ExternalID
	w.stored(there)
	w.unchanged(here, "an external id finds its user")
	w.unchanged(there, "an external id is unique in its realm only")
	w.is(w.byExternalID("third", here.ExternalID), cloakroom.ErrNotFound, "it is unknown in a realm without users")
	for _, other := range []string{strings.ToLower(here.ExternalID), here.ExternalID + " ", here.ExternalID[1:], "legacy%", ""} {
		w.is(w.byExternalID(realm, other), cloakroom.ErrNotFound, "UserByExternalID compares bytes: "+other)
	}
}

func externalTaken(w *world) {
	first, second := w.stored(w.user()), w.user()
	second.ExternalID = first.ExternalID
	err := w.store.CreateUser(w.Context(), cloakroom.UserChange{
		User: second, Credentials: []cloakroom.Credential{w.credential(second, "password", "", "hash")},
	})
	w.is(err, cloakroom.ErrTaken, "another user of the realm has the external id")
	_, err = w.store.User(w.Context(), second.ID)
	w.is(err, cloakroom.ErrNotFound, "ErrTaken: the user was not written")
	w.unchanged(first, "ErrTaken: the external id still finds who had it")
	_, err = w.store.UserByEmail(w.Context(), realm, second.Email)
	w.is(err, cloakroom.ErrNotFound, "ErrTaken: the e-mail was not written neither")
	second.ExternalID = "free"
	w.stored(second)
}

func externalUpdateTaken(w *world) {
	other, u := w.stored(w.user()), w.stored(w.user())
	greedy := u
	greedy.Email, greedy.ExternalID = "greedy@example.com", other.ExternalID
	w.is(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: greedy}), cloakroom.ErrTaken, "a new external id that is somebody else's")
	greedy.Email, greedy.ExternalID = other.Email, "greedy"
	w.is(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: greedy}), cloakroom.ErrTaken, "a new e-mail that is somebody else's")
	w.unchanged(u, "ErrTaken: nothing was written")
	w.unchanged(other, "ErrTaken: the other user is as before")
	_, err := w.store.UserByEmail(w.Context(), realm, "greedy@example.com")
	w.is(err, cloakroom.ErrNotFound, "ErrTaken: the free e-mail was not written")
	w.is(w.byExternalID(realm, "greedy"), cloakroom.ErrNotFound, "ErrTaken: the free external id was not written")
}

func externalEmpty(w *world) {
	for range 2 {
		u := w.user()
		u.ExternalID = ""
		w.stored(u)
	}
	w.is(w.byExternalID(realm, ""), cloakroom.ErrNotFound, "the empty external id finds nobody")
	u := w.stored(w.user())
	u.ExternalID = ""
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "a third user may give its external id up")
}

func externalIsNoEmail(w *world) {
	u, other := w.stored(w.user()), w.user()
	other.ExternalID = u.Email
	w.stored(other)
	w.unchanged(u, "the e-mail finds who has it as an e-mail")
	w.unchanged(other, "the external id finds who has it as an external id")
	_, err := w.store.UserByEmail(w.Context(), realm, u.ExternalID)
	w.is(err, cloakroom.ErrNotFound, "an external id finds nobody as an e-mail")
}

func externalFreed(w *world) {
	u := w.stored(w.user())
	old := u.ExternalID
	for _, next := range []string{"second", "", "third", old} {
		before := u.ExternalID
		u.ExternalID = next
		w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "UpdateUser to "+next)
		u.Revision++
		w.is(w.byExternalID(realm, before), cloakroom.ErrNotFound, "the former external id finds nobody")
	}
	w.unchanged(u, "a user may take its external id back")
	w.ok(w.store.DeleteUser(w.Context(), u.ID, "", w.ending()), "DeleteUser")
	w.is(w.byExternalID(realm, old), cloakroom.ErrNotFound, "that of a deleted user finds nobody")
	heir := w.user()
	heir.ExternalID = old
	w.stored(heir)
	w.unchanged(heir, "and may be somebody else's")
}

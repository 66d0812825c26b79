package storetest

import "github.com/cloakroom-auth/cloakroom"

func credentials(run runner) {
	run("Credentials are in order of method and id", credentialOrder)
	run("UpdateUser replaces a credential and its Revision grows by one", credentialReplaced)
	run("SwapCredential replaces the data and Revision grows by one", credentialSwapped)
	run("SwapCredential with another Revision or without a credential is ErrConflict", credentialConflict)
}

func credentialOrder(w *world) {
	u := w.user()
	want := []cloakroom.Credential{
		w.credential(u, "passkey", "a", "one"), w.credential(u, "passkey", "b", "\x00two\xff"),
		w.credential(u, "password", "", "three"), w.credential(u, "totp", "", "four"),
	}
	w.stored(u, want[3], want[1], want[2], want[0])
	other := w.user()
	w.stored(other, w.credential(other, "passkey", "a", "another's"))

	got, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	same(w, got, want, "Credentials are this user's, in order of method and id")
}

func credentialReplaced(w *world) {
	u := w.user()
	w.stored(u, w.credential(u, "password", "", "first"), w.credential(u, "totp", "a", "seed"))
	next := w.credential(u, "password", "", "second")
	next.Revision, next.UpdatedAt = 99, w.now
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u, Credentials: []cloakroom.Credential{next}}), "UpdateUser")

	next.Revision = 2
	got, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	same(w, got, []cloakroom.Credential{next, w.credential(u, "totp", "a", "seed")}, "the store sets Revision: it grows by one with each change")
}

func credentialSwapped(w *world) {
	u := w.user()
	kept := w.credential(u, "passkey", "b", "other")
	w.stored(u, w.credential(u, "passkey", "a", "first"), kept)
	next := w.credential(u, "passkey", "a", "second")
	next.UpdatedAt = w.now
	for revision := range int64(3) {
		next.Revision = revision + 1
		w.ok(w.store.SwapCredential(w.Context(), next), "SwapCredential with the stored revision")
	}
	next.Revision = 4
	got, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	same(w, got, []cloakroom.Credential{next, kept}, "SwapCredential replaces the data of one credential")
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "SwapCredential leaves the revision of the user")
}

func credentialConflict(w *world) {
	u := w.user()
	c := w.credential(u, "passkey", "a", "first")
	w.stored(u, c)
	for law, change := range map[string]func(*cloakroom.Credential){
		"a smaller revision": func(c *cloakroom.Credential) { c.Revision = 0 },
		"a greater revision": func(c *cloakroom.Credential) { c.Revision = 2 },
		"another id":         func(c *cloakroom.Credential) { c.ID = "b" },
		"another method":     func(c *cloakroom.Credential) { c.Method = "password" },
		"another user":       func(c *cloakroom.Credential) { c.UserID = "usr_nobody" },
	} {
		other := w.credential(u, "passkey", "a", "second")
		change(&other)
		w.is(w.store.SwapCredential(w.Context(), other), cloakroom.ErrConflict, "SwapCredential with "+law)
	}
	got, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	same(w, got, []cloakroom.Credential{c}, "ErrConflict: nothing was written")
}

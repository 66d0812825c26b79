package storetest

import (
	"errors"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

// forgotten tests what UpdateUser does to credentials that are there already.
func forgotten(run runner) {
	run("UpdateUser deletes the credentials of Forget, if they are there, and no others", forgets)
	run("a credential that is to be stored and to be forgotten stays", forgetsNot)
	run("a refused UpdateUser forgets nothing, and CreateUser says nothing of Forget", forgetsRefused)
	run("what was forgotten begins anew", forgetsAnew)
	run("a credential that is replaced keeps its CreatedAt", replacedKeepsCreatedAt)
	run("a name is stored, replaced by UpdateUser and left alone by SwapCredential", credentialNames)
}

// proves asserts what the user can prove itself by.
func (w *world) proves(u cloakroom.User, want []cloakroom.Credential, law string) {
	w.Helper()
	got, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, law)
	same(w, got, want, law)
}

func forget(u cloakroom.User, keys ...cloakroom.CredentialKey) cloakroom.UserChange {
	return cloakroom.UserChange{User: u, Forget: keys}
}

func forgets(w *world) {
	u, other := w.user(), w.user()
	a, b, totp := w.credential(u, "passkey", "a", "one"), w.credential(u, "passkey", "b", "two"), w.credential(u, "totp", "", "three")
	theirs := w.credential(other, "passkey", "a", "another's")
	w.stored(u, a, b, totp)
	w.stored(other, theirs)
	w.ok(w.store.UpdateUser(w.Context(), forget(u,
		cloakroom.CredentialKey{Method: "passkey", ID: "a"}, cloakroom.CredentialKey{Method: "passkey", ID: "none"},
		cloakroom.CredentialKey{Method: "totp", ID: "a"}, cloakroom.CredentialKey{Method: "passkey"},
	)), "UpdateUser")
	w.proves(u, []cloakroom.Credential{b, totp}, "what was named is gone, method and id both")
	w.proves(other, []cloakroom.Credential{theirs}, "another user's credentials are left alone")

	u.Revision++
	code := w.credential(u, "mailcode", "", "new")
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{
		User: u, Credentials: []cloakroom.Credential{code}, Forget: []cloakroom.CredentialKey{{Method: "passkey", ID: "b"}, {Method: "totp"}},
	}), "UpdateUser")
	w.proves(u, []cloakroom.Credential{code}, "some are stored and some forgotten in one step")
}

func forgetsNot(w *world) {
	u := w.user()
	w.stored(u, w.credential(u, "passkey", "a", "first"))
	next, added := w.credential(u, "passkey", "a", "second"), w.credential(u, "passkey", "b", "new")
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{
		User: u, Credentials: []cloakroom.Credential{next, added},
		Forget: []cloakroom.CredentialKey{{Method: "passkey", ID: "a"}, {Method: "passkey", ID: "b"}},
	}), "UpdateUser")
	next.Revision = 2
	w.proves(u, []cloakroom.Credential{next, added}, "one that is also in Credentials stays: it is replaced, not made anew")
}

func forgetsRefused(w *world) {
	other, u := w.stored(w.user()), w.holder("admin")
	kept := w.credential(u, "passkey", "a", "first")
	w.stored(u, kept)
	for want, change := range map[error]func(*cloakroom.User){
		cloakroom.ErrConflict:   func(next *cloakroom.User) { next.Revision = 7 },
		cloakroom.ErrTaken:      func(next *cloakroom.User) { next.ExternalID = other.ExternalID },
		cloakroom.ErrLastHolder: func(next *cloakroom.User) { next.Roles = nil },
	} {
		next := u
		change(&next)
		c := forget(next, cloakroom.CredentialKey{Method: "passkey", ID: "a"})
		c.Keeps = "admin"
		w.is(w.store.UpdateUser(w.Context(), c), want, "UpdateUser")
		w.proves(u, []cloakroom.Credential{kept}, "nothing was written, and nothing forgotten: "+want.Error())
	}
	born := w.user()
	c := forget(born, cloakroom.CredentialKey{Method: "passkey", ID: "a"})
	c.Credentials = []cloakroom.Credential{w.credential(born, "passkey", "a", "first")}
	w.ok(w.store.CreateUser(w.Context(), c), "CreateUser")
	w.proves(born, c.Credentials, "c.Forget says nothing in CreateUser")
}

func forgetsAnew(w *world) {
	u := w.user()
	c := w.credential(u, "passkey", "a", "first")
	w.stored(u, c)
	w.ok(w.store.SwapCredential(w.Context(), c), "SwapCredential")
	w.ok(w.store.UpdateUser(w.Context(), forget(u, cloakroom.CredentialKey{Method: "passkey", ID: "a"})), "UpdateUser")
	c.Revision = 2
	w.is(w.store.SwapCredential(w.Context(), c), cloakroom.ErrConflict, "SwapCredential of what was forgotten")
	w.proves(u, nil, "what was forgotten is not there")
	u.Revision++
	c.CreatedAt = w.now
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u, Credentials: []cloakroom.Credential{c}}), "UpdateUser")
	c.Revision = 1
	w.proves(u, []cloakroom.Credential{c}, "one of the same name is another credential")
}

func replacedKeepsCreatedAt(w *world) {
	u := w.user()
	first := w.credential(u, "password", "", "first")
	w.stored(u, first)
	next := w.credential(u, "password", "", "second")
	next.CreatedAt, next.UpdatedAt = w.now, w.now
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u, Credentials: []cloakroom.Credential{next}}), "UpdateUser")
	next.CreatedAt, next.Revision = first.CreatedAt, 2
	w.proves(u, []cloakroom.Credential{next}, "CreatedAt of one that is replaced stays")
}

func credentialNames(w *world) {
	u := w.user()
	c := w.credential(u, "passkey", "a", "key")
	c.Name = "Anas Schlüssel 🔑 \"blue\""
	w.stored(u, c)
	w.proves(u, []cloakroom.Credential{c}, "the name is stored")
	swapped := c
	swapped.Name, swapped.Data = "swapped", []byte("counted")
	w.ok(w.store.SwapCredential(w.Context(), swapped), "SwapCredential")
	swapped.Name, swapped.Revision = c.Name, 2
	w.proves(u, []cloakroom.Credential{swapped}, "SwapCredential replaces the data alone")
	for i, name := range []string{"renamed", ""} {
		c.Name, c.Revision = name, int64(3+i)
		w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u, Credentials: []cloakroom.Credential{c}}), "UpdateUser")
		u.Revision++
		w.proves(u, []cloakroom.Credential{c}, "UpdateUser replaces the name")
	}
}

// raceForget lets callers add a credential of their own each and forget one that was there.
func raceForget(w *world) {
	u := w.user()
	var before, want []cloakroom.Credential
	for i := range callers {
		id := fmt.Sprintf("%02d", i)
		before = append(before, w.credential(u, "old", id, "old"))
		want = append(want, w.credential(u, "new", id, "new"))
	}
	w.stored(u, before...)
	w.allWin(race(func(i int) error {
		for {
			next, err := w.store.User(w.Context(), u.ID)
			if err != nil {
				return err
			}
			c := forget(next, cloakroom.CredentialKey{Method: "old", ID: before[i].ID})
			c.Credentials = want[i : i+1]
			if err := w.store.UpdateUser(w.Context(), c); !errors.Is(err, cloakroom.ErrConflict) {
				return err
			}
		}
	}), "UpdateUser, again after each ErrConflict")
	w.proves(u, want, "no addition and no deletion is lost")
}

// raceForgetOnce lets callers forget and replace one credential at the same revision of the user, or swap its data.
func raceForgetOnce(w *world) {
	u := w.user()
	c := w.credential(u, "passkey", "a", "first")
	w.stored(u, c)
	errs := race(func(i int) error {
		switch i % 3 {
		case 0:
			return w.store.UpdateUser(w.Context(), forget(u, cloakroom.CredentialKey{Method: c.Method, ID: c.ID}))
		case 1:
			next := c
			next.Data = []byte("second")
			return w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u, Credentials: []cloakroom.Credential{next}})
		}
		return w.store.SwapCredential(w.Context(), c)
	})
	updated, forgotten := 0, false
	for _, i := range w.winners(errs, cloakroom.ErrConflict, "UpdateUser and SwapCredential") {
		if i%3 < 2 {
			updated, forgotten = updated+1, i%3 == 0
		}
	}
	same(w, updated, 1, "one update of a revision succeeds")
	got, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	same(w, len(got) == 0, forgotten, "what is forgotten stays forgotten, whatever races with it, and what is not stays")
}

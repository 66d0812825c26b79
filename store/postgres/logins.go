package postgres

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

// external begins the identifier that an ExternalID is; no e-mail begins so.
const external = "\x00external\x00"

// login is what an identifier, such as an e-mail, is found and unique by. The length keeps realm and identifier apart.
func login(realm, identifier string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "email %d:%s%s", len(realm), realm, identifier))
	return sum[:]
}

// logins are those of a user. What is empty is none: users without an e-mail do not collide.
func logins(u cloakroom.User) (all [][]byte) {
	if u.Email != "" {
		all = append(all, login(u.Realm, u.Email))
	}
	if u.ExternalID != "" {
		all = append(all, login(u.Realm, external+u.ExternalID))
	}
	return all
}

// moveLogins lets the user be found by what it has next, and no longer by what it had alone.
func (t *tx) moveLogins(had, next cloakroom.User) error {
	old, now := logins(had), logins(next)
	t.dropLogins(without(old, now))
	return t.addLogins(next.ID, without(now, old))
}

func (t *tx) addLogins(userID string, logins [][]byte) error {
	if len(logins) == 0 {
		return nil
	}
	free := make([]bool, len(logins))
	for i, l := range logins {
		t.find(&free[i], `INSERT INTO logins (login, user_id) VALUES ($1, $2) ON CONFLICT (login) DO NOTHING RETURNING user_id`, l, userID)
	}
	err := t.send()
	if err == nil && slices.Contains(free, false) {
		err = cloakroom.ErrTaken
	}
	return err
}

func (t *tx) dropLogins(logins [][]byte) {
	for _, l := range logins {
		t.queue(`DELETE FROM logins WHERE login = $1`, l)
	}
}

// without are those logins of some that the others do not have.
func without(some, others [][]byte) [][]byte {
	return slices.DeleteFunc(slices.Clone(some), func(l []byte) bool {
		return slices.ContainsFunc(others, func(o []byte) bool { return bytes.Equal(l, o) })
	})
}

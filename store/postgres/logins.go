package postgres

import (
	"crypto/sha256"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

// login is what an e-mail is found and unique by. The length keeps realm and e-mail apart.
func login(realm, email string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "email %d:%s%s", len(realm), realm, email))
	return sum[:]
}

// addLogin lets the user be found by its e-mail. Users without one do not collide.
func (t *tx) addLogin(u cloakroom.User) error {
	if u.Email == "" {
		return nil
	}
	var free bool
	t.find(&free, `INSERT INTO logins (login, user_id) VALUES ($1, $2) ON CONFLICT (login) DO NOTHING RETURNING user_id`,
		login(u.Realm, u.Email), u.ID)
	err := t.send()
	if err == nil && !free {
		err = cloakroom.ErrTaken
	}
	return err
}

func (t *tx) dropLogin(u cloakroom.User) {
	if u.Email != "" {
		t.queue(`DELETE FROM logins WHERE login = $1`, login(u.Realm, u.Email))
	}
}

func (t *tx) moveLogin(old, next cloakroom.User) error {
	if old.Realm == next.Realm && old.Email == next.Email {
		return nil
	}
	t.dropLogin(old)
	return t.addLogin(next)
}

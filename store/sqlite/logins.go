package sqlite

import (
	"crypto/sha256"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// login is what an e-mail is found and unique by. The length keeps realm and e-mail apart.
func login(realm, email string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "email %d:%s%s", len(realm), realm, email))
	return sum[:]
}

// addLogin lets the user be found by its e-mail. Users without one do not collide.
func addLogin(c *sqlite.Conn, u cloakroom.User) error {
	if u.Email == "" {
		return nil
	}
	n, err := exec(c, `INSERT INTO logins (login, user_id) VALUES (?1, ?2) ON CONFLICT (login) DO NOTHING`,
		login(u.Realm, u.Email), u.ID)
	if err == nil && n == 0 {
		err = cloakroom.ErrTaken
	}
	return err
}

func dropLogin(c *sqlite.Conn, u cloakroom.User) error {
	if u.Email == "" {
		return nil
	}
	_, err := exec(c, `DELETE FROM logins WHERE login = ?1`, login(u.Realm, u.Email))
	return err
}

func moveLogin(c *sqlite.Conn, old, next cloakroom.User) error {
	if old.Realm == next.Realm && old.Email == next.Email {
		return nil
	}
	if err := dropLogin(c, old); err != nil {
		return err
	}
	return addLogin(c, next)
}

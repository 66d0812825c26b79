package sqlite

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// login is what a user is found and unique by: the hash of an identifier.
type login [sha256.Size]byte

// byEmail and byExternalID are apart from each other whatever they are made of. The length keeps the realm apart from the rest.
func byEmail(realm, email string) login {
	return sha256.Sum256(fmt.Appendf(nil, "email %d:%s%s", len(realm), realm, email))
}

func byExternalID(realm, externalID string) login {
	return sha256.Sum256(fmt.Appendf(nil, "external %d:%s%s", len(realm), realm, externalID))
}

// loginsOf are those of a user. Users without one do not collide.
func loginsOf(u cloakroom.User) (all []login) {
	if u.Email != "" {
		all = append(all, byEmail(u.Realm, u.Email))
	}
	if u.ExternalID != "" {
		all = append(all, byExternalID(u.Realm, u.ExternalID))
	}
	return all
}

// addLogins lets the user be found.
func addLogins(c *sqlite.Conn, userID string, logins ...login) error {
	for _, l := range logins {
		n, err := exec(c, `INSERT INTO logins (login, user_id) VALUES (?1, ?2) ON CONFLICT (login) DO NOTHING`, l[:], userID)
		if err == nil && n == 0 {
			err = cloakroom.ErrTaken
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func dropLogins(c *sqlite.Conn, logins ...login) error {
	for _, l := range logins {
		if _, err := exec(c, `DELETE FROM logins WHERE login = ?1`, l[:]); err != nil {
			return err
		}
	}
	return nil
}

func moveLogins(c *sqlite.Conn, old, next cloakroom.User) error {
	before, after := loginsOf(old), loginsOf(next)
	if err := dropLogins(c, without(before, after)...); err != nil {
		return err
	}
	return addLogins(c, next.ID, without(after, before)...)
}

func without(all, those []login) []login {
	return slices.DeleteFunc(slices.Clone(all), func(l login) bool { return slices.Contains(those, l) })
}

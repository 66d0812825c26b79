package sqlite

import (
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// addHolder lets the user be found by its roles.
func addHolder(c *sqlite.Conn, u cloakroom.User) error {
	for _, role := range u.Roles {
		if _, err := exec(c, `INSERT INTO holders (realm, role, user_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`,
			u.Realm, role, u.ID); err != nil {
			return err
		}
	}
	return nil
}

func dropHolder(c *sqlite.Conn, u cloakroom.User) error {
	for _, role := range u.Roles {
		if _, err := exec(c, `DELETE FROM holders WHERE realm = ?1 AND role = ?2 AND user_id = ?3`,
			u.Realm, role, u.ID); err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether u counts as a holder of the role in the realm: who is banned does not.
func holds(u cloakroom.User, realm, role string) bool {
	return u.Realm == realm && !u.Banned() && slices.Contains(u.Roles, role)
}

// mayGiveUp is ErrLastHolder if u holds the role and nobody else of its realm does.
func mayGiveUp(c *sqlite.Conn, u cloakroom.User, role string) error {
	if role == "" || !holds(u, u.Realm, role) {
		return nil
	}
	another, err := one(c, `SELECT 1 FROM holders h JOIN users u ON u.id = h.user_id
		WHERE h.realm = ?1 AND h.role = ?2 AND h.user_id <> ?3 AND u.banned_at = ?4 LIMIT 1`,
		func(*sqlite.Stmt) {}, u.Realm, role, u.ID, cloakroom.User{}.BannedAt)
	if err == nil && !another {
		err = cloakroom.ErrLastHolder
	}
	return err
}

func moveHolder(c *sqlite.Conn, old, next cloakroom.User) error {
	if old.Realm == next.Realm && slices.Equal(old.Roles, next.Roles) {
		return nil
	}
	if err := dropHolder(c, old); err != nil {
		return err
	}
	return addHolder(c, next)
}

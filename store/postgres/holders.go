package postgres

import (
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

// addHolder lets the user be found by its roles.
func (t *tx) addHolder(u cloakroom.User) {
	for _, role := range u.Roles {
		t.queue(`INSERT INTO holders (realm, role, user_id) VALUES ($1, $2, $3) ON CONFLICT (realm, role, user_id) DO NOTHING`,
			u.Realm, role, u.ID)
	}
}

func (t *tx) dropHolder(u cloakroom.User) {
	for _, role := range u.Roles {
		t.queue(`DELETE FROM holders WHERE realm = $1 AND role = $2 AND user_id = $3`, u.Realm, role, u.ID)
	}
}

func (t *tx) moveHolder(old, next cloakroom.User) {
	if old.Realm == next.Realm && slices.Equal(old.Roles, next.Roles) {
		return
	}
	t.dropHolder(old)
	t.addHolder(next)
}

// holds reports whether u counts as a holder of the role in the realm: who is banned does not.
func holds(u cloakroom.User, realm, role string) bool {
	return u.Realm == realm && !u.Banned() && slices.Contains(u.Roles, role)
}

// mayGiveUp is ErrLastHolder if u, whose row this transaction has locked, holds the role and nobody else of its realm
// does. Whoever gives a role up locks the row of that role first: the second of two looks when the first has committed.
func (t *tx) mayGiveUp(u cloakroom.User, role string) error {
	if role == "" || !holds(u, u.Realm, role) {
		return nil
	}
	t.queue(`INSERT INTO kept_roles (realm, role) VALUES ($1, $2) ON CONFLICT (realm, role) DO UPDATE SET role = excluded.role`,
		u.Realm, role)
	var another bool
	t.find(&another, `SELECT 1 FROM holders h JOIN users u ON u.id = h.user_id
		WHERE h.realm = $1 AND h.role = $2 AND h.user_id <> $3 AND u.banned_at = $4 LIMIT 1`,
		u.Realm, role, u.ID, cloakroom.User{}.BannedAt.UnixMicro())
	err := t.send()
	if err == nil && !another {
		err = cloakroom.ErrLastHolder
	}
	return err
}

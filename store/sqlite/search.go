package sqlite

import (
	"context"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// Users implements cloakroom.Directory.
func (s *Store) Users(ctx context.Context, q cloakroom.UserQuery) (found []cloakroom.User, err error) {
	sql, args := usersQuery(q)
	err = s.readers.read(ctx, func(c *sqlite.Conn) error {
		return each(c, sql, func(s *sqlite.Stmt) { found = append(found, scanUser(s)) }, args...)
	})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return found, nil
}

// usersQuery begins with the least: those who leave, then those who hold the role, then all of the realm.
func usersQuery(q cloakroom.UserQuery) (sql string, args []any) {
	from, where := `users u`, `u.realm = ?1 AND u.id > ?2`
	args = []any{q.Realm, q.After, max(q.Max, 0)}
	and := func(condition string, arg any) {
		args = append(args, arg)
		where += fmt.Sprintf(" AND "+condition, len(args))
	}
	switch leaving := !q.LeavingBefore.IsZero(); {
	case leaving:
		from = `users u INDEXED BY users_leaving`
		and(`u.leaves_at <= ?%d`, q.LeavingBefore)
		if q.Role != "" {
			and(`EXISTS (SELECT 1 FROM holders h WHERE h.realm = ?1 AND h.role = ?%d AND h.user_id = u.id)`, q.Role)
		}
	case q.Role != "":
		from, where = `holders h JOIN users u ON u.id = h.user_id`, `h.realm = ?1 AND h.user_id > ?2`
		and(`h.role = ?%d`, q.Role)
	}
	if q.Search != "" {
		and(`(contains(u.email, ?%[1]d) OR contains(u.name, ?%[1]d))`, q.Search)
	}
	order := ` ORDER BY u.id LIMIT ?3`
	if strings.HasPrefix(from, "holders") {
		order = ` ORDER BY h.user_id LIMIT ?3`
	}
	return `SELECT ` + userColumns + ` FROM ` + from + ` WHERE ` + where + order, args
}

// contains is a function of SQL: whether a text, put in lower case, has another in it. SQLite's own lower knows ASCII alone.
var contains = &sqlite.FunctionImpl{
	NArgs:         2,
	Deterministic: true,
	Scalar: func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
		if strings.Contains(strings.ToLower(args[0].Text()), args[1].Text()) {
			return sqlite.IntegerValue(1), nil
		}
		return sqlite.IntegerValue(0), nil
	},
}

package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// TestLeavingReadsNobodyElse asks the server how it finds the few of many who leave.
func TestLeavingReadsNobodyElse(t *testing.T) {
	s := openAny(t, Config{})
	_, err := s.pool.Exec(t.Context(), `INSERT INTO users
		(id, realm, email, email_verified, name, roles, created_at, updated_at, banned_at, epoch, revision)
		SELECT 'usr_' || n, 'default', '', false, '', '{}', 0, 0, 0, 0, 1 FROM generate_series(1, 2000) n`)
	if err == nil {
		_, err = s.pool.Exec(t.Context(), `ANALYZE users`)
	}
	if err != nil {
		t.Fatal(err)
	}
	sql, args := selectUsers(cloakroom.UserQuery{Realm: "default", LeavingBefore: epoch, Max: 100})
	plan, err := list(t.Context(), s, func(row pgx.CollectableRow) (string, error) { return scalar[string](row) }, `EXPLAIN `+sql, args...)
	if err != nil || !strings.Contains(strings.Join(plan, "\n"), "users_leaving") {
		t.Errorf("LeavingBefore is answered by %s, %v; want the index users_leaving", strings.Join(plan, "\n"), err)
	}
}

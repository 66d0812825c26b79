package sqlite

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

// TestUsersReadNoMoreThanTheyNeed: only Search reads all users, and only when nothing else makes them fewer.
func TestUsersReadNoMoreThanTheyNeed(t *testing.T) {
	s := openStore(t, Config{})
	for q, index := range map[cloakroom.UserQuery]string{
		{}:                                    "users_of_realm",
		{Search: "ana"}:                       "users_of_realm",
		{Role: "admin"}:                       "SEARCH h USING PRIMARY KEY",
		{Role: "admin", Search: "ana"}:        "SEARCH h USING PRIMARY KEY",
		{LeavingBefore: epoch}:                "users_leaving (realm=? AND leaves_at<?)",
		{LeavingBefore: epoch, Role: "admin"}: "users_leaving (realm=? AND leaves_at<?)",
		{LeavingBefore: epoch, Search: "ana"}: "users_leaving (realm=? AND leaves_at<?)",
	} {
		sql, _ := usersQuery(q)
		plans := plansOf(t, s, sql)
		if !strings.Contains(plans[0], index) {
			t.Errorf("%+v is answered by %q, want %s", q, plans, index)
		}
		for _, plan := range plans {
			if strings.HasPrefix(plan, "SCAN") {
				t.Errorf("%+v is answered by %s", q, plan)
			}
		}
	}
}

// BenchmarkSearch is a search that finds nobody, so it reads all users.
func BenchmarkSearch(b *testing.B) {
	const n = 20_000
	s, ctx := openStore(b, Config{InsecureNoSync: true}), context.Background()
	for i := range n {
		u := newUser()
		u.Email, u.Name = fmt.Sprintf("user%d@example.com", i), "Ana María Öztürk"
		if err := s.CreateUser(ctx, cloakroom.UserChange{User: u}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if got, err := s.Users(ctx, cloakroom.UserQuery{Realm: "default", Search: "nobody", Max: 10}); err != nil || len(got) > 0 {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/user")
}

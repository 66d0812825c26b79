package authtest

import (
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

// Password is the password method with hashes that cost next to nothing. Whoever steals them has the passwords, so it is
// for tests only, and asks for one.
func Password(tb testing.TB) cloakroom.Method {
	tb.Helper()
	pool, err := argon.NewPool(argon.Config{Params: argon.Params{Memory: 64, Time: 1, Threads: 1}, Workers: 4, Queue: 4096})
	if err != nil {
		tb.Fatal(err)
	}
	return password.Method{Pool: pool}
}

package password_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

// cheap hashes are for tests of what goes around them; package password alone cannot make such a pool.
func cheap(t testing.TB, c argon.Config) *password.Pool {
	t.Helper()
	if c.Params == (argon.Params{}) {
		c.Params = argon.Params{Memory: 64, Time: 1, Threads: 1}
	}
	p, err := argon.NewPool(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func method(t testing.TB) password.Method { return password.Method{Pool: cheap(t, argon.Config{})} }

var ana = cloakroom.User{ID: "usr_1", Email: "ana.garcia@acme-mail.example", Name: "Ana María García"}

// claim is what somebody says who has data on file; empty: who has no password.
func claim(data, secret string) cloakroom.Claim {
	c := cloakroom.Claim{User: &ana, Secret: secret}
	if data != "" {
		c.Credentials = []cloakroom.Credential{{UserID: ana.ID, Method: "password", Data: []byte(data), Revision: 7}}
	}
	return c
}

func enroll(t testing.TB, m password.Method, secret string) string {
	t.Helper()
	data, err := m.Enroll(t.Context(), cloakroom.Enrolment{User: ana, Secret: secret})
	if err != nil {
		t.Fatalf("Enroll(%q): %v", secret, err)
	}
	return string(data)
}

// code of the one field error that err is; empty if it is none.
func code(t *testing.T, err error) string {
	t.Helper()
	bad, ok := errors.AsType[cloakroom.FieldErrors](err)
	if !ok {
		return ""
	}
	if len(bad) != 1 || bad[0].Field != "password" || bad[0].Message == "" {
		t.Errorf("field errors %+v, want one of password with its reason", bad)
	}
	return bad[0].Code
}

func TestName(t *testing.T) {
	if got := (password.Method{}).Name(); got != "password" {
		t.Errorf("Name = %q: it is stored with credentials and must stay", got)
	}
}

func TestCheckSaysAllAtOnce(t *testing.T) {
	for _, m := range []password.Method{
		{}, {MinLength: 8}, {MinLength: 15, Words: []string{"Acme", "東京"}, Pool: cheap(t, argon.Config{})}, {MinLength: 64},
	} {
		if err := m.Check(); err != nil {
			t.Errorf("%+v: %v", m, err)
		}
	}
	for _, min := range []int{-1, 7, 65} {
		if err := (password.Method{MinLength: min}).Check(); !mentions(err, "password.Method.MinLength") {
			t.Errorf("MinLength %d: %v", min, err)
		}
	}
	for _, n := range []int{-1, 25} {
		if err := (password.Method{History: n}).Check(); !mentions(err, "password.Method.History") {
			t.Errorf("History %d: %v", n, err)
		}
	}
	err := password.Method{MinLength: 6, Words: []string{"Acme", "2026", ""}, Pool: new(password.Pool)}.Check()
	if !mentions(err, "password.Method.MinLength", "password.Method.Words", "password.Method.Pool") {
		t.Errorf("Check = %v, want all three", err)
	}
}

// mentions reports whether err joins config errors of exactly these fields.
func mentions(err error, fields ...string) bool {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != len(fields) {
		return false
	}
	for i, e := range joined.Unwrap() {
		mistake, ok := errors.AsType[*cloakroom.ConfigError](e)
		if !ok || mistake.Field != fields[i] || mistake.Reason == "" || mistake.Mend == "" {
			return false
		}
	}
	return true
}

func TestNewPoolRefusesWeakParams(t *testing.T) {
	for _, p := range []password.Params{
		{Memory: 64, Time: 1, Threads: 1}, {Memory: 19 * 1024, Time: 1, Threads: 1}, {Memory: 46*1024 - 1, Time: 1, Threads: 1},
		{Memory: 19 * 1024, Time: 2}, {Time: 2, Threads: 1}, {Memory: 1 << 31, Time: 2, Threads: 1},
	} {
		_, err := password.NewPool(password.PoolConfig{Params: p})
		if _, ok := errors.AsType[*cloakroom.ConfigError](err); !ok {
			t.Errorf("%v: %v, want a ConfigError", p, err)
		}
	}
	for _, c := range []password.PoolConfig{
		{}, {Params: argon.Default}, {Params: password.Params{Memory: 64 * 1024, Time: 3, Threads: 4}, Workers: 2, Queue: 5},
	} {
		if _, err := password.NewPool(c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestDefaultIsStrongAndShared(t *testing.T) {
	data := enroll(t, password.Method{}, "correct horse battery")
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(data, want) {
		t.Errorf("the zero Method stores %s…, want %s", data[:len(want)], want)
	}
	if _, err := (password.Method{MinLength: 15}).Prove(t.Context(), claim(data, "correct horse battery")); err != nil {
		t.Errorf("another Method of the process: %v", err)
	}
}

func TestBusyIsUnavailable(t *testing.T) { synctest.Test(t, testBusyIsUnavailable) }

func testBusyIsUnavailable(t *testing.T) {
	pool := cheap(t, argon.Config{Workers: 1, Queue: 1})
	m := password.Method{Pool: pool}
	data := enroll(t, m, "correct horse battery")
	gate := make(chan struct{})
	defer close(gate)
	go pool.Do(context.Background(), 64, func() { <-gate })
	synctest.Wait()

	prove := func(ctx context.Context, c cloakroom.Claim) error { _, err := m.Prove(ctx, c); return err }
	gone, cancel := context.WithCancel(t.Context())
	waits := make(chan error, 1)
	go func() { waits <- prove(gone, claim(data, "correct horse battery")) }()
	synctest.Wait()

	for name, err := range map[string]error{
		"right":        prove(t.Context(), claim(data, "correct horse battery")),
		"wrong":        prove(t.Context(), claim(data, "correct horse")),
		"corrupt":      prove(t.Context(), claim("?", "correct horse")),
		"unknown user": prove(t.Context(), cloakroom.Claim{Secret: "correct horse"}),
		"enrolment":    enrolError(t, m, "correct horse battery"),
	} {
		un, ok := errors.AsType[*cloakroom.UnavailableError](err)
		if !ok || un.RetryAfter <= 0 || errors.Is(err, cloakroom.ErrInvalidCredentials) {
			t.Errorf("%s: %v, want an UnavailableError with RetryAfter", name, err)
		}
	}
	cancel()
	err := <-waits
	if _, ok := errors.AsType[*cloakroom.UnavailableError](err); !ok || !errors.Is(err, context.Canceled) {
		t.Errorf("who left the queue got %v", err)
	}
}

func enrolError(t *testing.T, m password.Method, secret string) error {
	_, err := m.Enroll(t.Context(), cloakroom.Enrolment{User: ana, Secret: secret})
	return err
}

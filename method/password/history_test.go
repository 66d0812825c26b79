package password_test

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

// change enrolls a new password over the data on file, which it replaces if that goes well.
func change(t testing.TB, m password.Method, data *string, secret string) error {
	t.Helper()
	fresh, err := m.Enroll(t.Context(), cloakroom.Enrolment{User: ana, Secret: secret, Credentials: claim(*data, "").Credentials})
	if err == nil {
		*data = string(fresh)
	}
	return err
}

func TestUnchanged(t *testing.T) {
	m := method(t)
	const secret = "café crème brûlée"
	for name, data := range map[string]string{
		"S138 the same as the one in force":    enroll(t, m, secret),
		"S138 a bcrypt hash of another system": "$2b$04$Q9wXk3vQ8sP0aLmZ7tYb1.VjoM8yDU7d2Tk6.UFW7plcuQdok/e66",
		"S138 a wrapped fast hash":             adopt(t, m, "md5$Xk3vQ8sP$b6bcb5496d3412f10cadd4dab295b4ea"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, same := range []string{secret, norm.NFD.String(secret)} {
				before := data
				if got := code(t, change(t, m, &data, same)); got != "password_unchanged" || data != before {
					t.Errorf("Enroll(%+q) = %q", same, got)
				}
			}
			if err := change(t, m, &data, secret+"!"); err != nil {
				t.Errorf("another one: %v", err)
			}
			if strings.Contains(data, "\n") {
				t.Errorf("a past without a History: %s", data)
			}
		})
	}
	t.Run("who has none yet", func(t *testing.T) {
		var data string
		if err := change(t, m, &data, secret); err != nil {
			t.Error(err)
		}
	})
	t.Run("a damaged hash keeps nobody from a new password", func(t *testing.T) {
		m := method(t)
		m.History = 1
		for _, data := range []string{"?", "?\n", "\n", "$argon2id$v=19$m=64"} {
			if err := change(t, m, &data, secret); err != nil || strings.Contains(data, "\n") {
				t.Errorf("%v, kept as %s", err, data)
			}
			if _, err := m.Prove(t.Context(), claim(data, secret)); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestHistory(t *testing.T) {
	m := method(t)
	m.History = 2
	data := enroll(t, m, "the first of them")
	for _, next := range []string{"the second of them", "the third of them", "the fourth of them"} {
		if err := change(t, m, &data, next); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("S139 the last two cannot be used again", func(t *testing.T) {
		for secret, want := range map[string]string{
			"the fourth of them": "password_unchanged",
			"the third of them":  "password_reused",
			"the second of them": "password_reused",
		} {
			if got := code(t, change(t, m, &data, secret)); got != want {
				t.Errorf("%s: %q, want %q", secret, got, want)
			}
		}
	})
	t.Run("past passwords open nothing", func(t *testing.T) {
		for _, old := range []string{"the first of them", "the second of them", "the third of them"} {
			if _, err := m.Prove(t.Context(), claim(data, old)); err != cloakroom.ErrInvalidCredentials {
				t.Errorf("%s: %v", old, err)
			}
		}
		if p, err := m.Prove(t.Context(), claim(data, "the fourth of them")); err != nil || p.Credential != nil {
			t.Errorf("the one in force: %+v, %v", p, err)
		}
	})
	t.Run("S139 older ones can", func(t *testing.T) {
		later := data
		if err := change(t, m, &later, "the first of them"); err != nil {
			t.Error(err)
		}
		if lines := strings.Count(later, "\n") + 1; lines != 3 {
			t.Errorf("%d hashes on file, want 3", lines)
		}
	})
	t.Run("without it any can, and the past is forgotten", func(t *testing.T) {
		free, later := method(t), data
		if err := change(t, free, &later, "the third of them"); err != nil || strings.Contains(later, "\n") {
			t.Errorf("%v, %s", err, later)
		}
	})
}

func TestHistoryOutlivesANewHash(t *testing.T) {
	grown := password.Method{History: 2, Pool: cheap(t, argon.Config{Params: argon.Params{Memory: 128, Time: 2, Threads: 1}})}
	m := method(t)
	m.History = 2
	data := enroll(t, m, "the first of them")
	if err := change(t, m, &data, "the second of them"); err != nil {
		t.Fatal(err)
	}
	t.Run("S139 a sign-in that replaces the hash keeps the history", func(t *testing.T) {
		fresh := replaced(t, grown, data, "the second of them")
		if _, past, _ := strings.Cut(data, "\n"); past == "" || !strings.HasSuffix(fresh, "\n"+past) {
			t.Errorf("%s became %s", data, fresh)
		}
		if got := code(t, change(t, grown, &fresh, "the first of them")); got != "password_reused" {
			t.Errorf("then the first: %q", got)
		}
	})
}

func TestHistoryOfForeignHashes(t *testing.T) {
	m := method(t)
	m.History = 1
	data := foreignSlow["Django"].hash
	if err := change(t, m, &data, "a wholly new one"); err != nil {
		t.Fatal(err)
	}
	if got := code(t, change(t, m, &data, foreignSlow["Django"].secret)); got != "password_reused" {
		t.Errorf("the one of the system before: %q", got)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	m := method(t)
	line := enroll(t, m, "some password of old")
	long := line + strings.Repeat("\n"+line, 100)
	m.History = 3
	before := m.Pool.Stats().Done
	if err := change(t, m, &long, "a wholly new one"); err != nil {
		t.Fatal(err)
	}
	if got := m.Pool.Stats().Done - before; got != 1+3+1 {
		t.Errorf("%d turns in the pool, want one for the hash in force, three for the past, one for the new", got)
	}
	if got := strings.Count(long, "\n"); got != 3 {
		t.Errorf("%d past hashes kept, want 3", got)
	}
}

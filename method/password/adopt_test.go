package password_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

func adopt(t testing.TB, m password.Method, hash string) string {
	t.Helper()
	data, err := m.Adopt(t.Context(), hash)
	if err != nil {
		t.Fatalf("Adopt(%s): %v", hash, err)
	}
	return string(data)
}

// See internal/legacyhash for how these were made.
var foreignSlow = map[string]struct{ secret, hash string }{
	"bcrypt":           {"motör-head 1", "$2b$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa"},
	"WordPress":        {"motör-head 1", "$wp$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.3IS4.fjO02eP8YbhkfzLRUFRcwSqtrG"},
	"phpass":           {"test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"},
	"phpass of phpBB":  {"motör-head 1", "$H$7Xk3vQ8sP8WHh72wd9rTZa7Jh4gsHv0"},
	"argon2i":          {"motör-head 1", "$argon2i$v=19$m=1024,t=3,p=1$WGszdlE4c1AwYUxt$boEVeKUrJksnvXL28jP3oKkrlUVEUb3GK1bWINW89j8"},
	"argon2 of Django": {"motör-head 1", "argon2$argon2id$v=19$m=1024,t=2,p=2$WGszdlE4c1AwYUxt$0ywmQIMVQU7rKS61Bu2T2mZDZSkIfFkSTLdX8gn0ESI"},
	"scrypt":           {"motör-head 1", "$scrypt$ln=10,r=8,p=2$8PHy8/T19vf4+fr7/P3+/w$3SCYf/uOyIf0FjwJARw3YrG2IAOEk3igdLhTBXPT68M"},
	"Firebase":         {"user1password", "$firebase-scrypt$hash=lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$salt=42xEC+ixf3L2lw==$sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$ss=Bw==$r=8$m=14"},
	"Django":           {"motör-head 1", "pbkdf2_sha256$1200$Xk3vQ8sP0aLm$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w="},
	"Django, sha1":     {"motör-head 1", "pbkdf2_sha1$1200$Xk3vQ8sP0aLm$M1k+0L9Oq1Z4sGQCGzL0ov/p9u4="},
	"Keycloak":         {"motör-head 1", "$keycloak-pbkdf2-sha256$1500$MDEyMzQ1Njc4OTo7PD0+Pw==$YpWwemYfvERxpxZMNtfcu4ahMbSc26JRJZmo/sOKLhrCboZdvPINsuypJBVlENNKPpldh4/vueqwt+eafWodww=="},
	"Keycloak, sha512": {"motör-head 1", "$keycloak-pbkdf2-sha512$1500$MDEyMzQ1Njc4OTo7PD0+Pw==$sfd5aIZh8av0IIwJMddxgHjNWfuM6gFKAS4h8wUqPRdnEOKND2c4K9LxQ+2/Dt8PYLdwHSFkYwq3vXQdHprseQ=="},
	"ASP.NET 2":        {"my password", "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg=="},
	"ASP.NET 3":        {"my password", "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw=="},
}

func TestAdoptSlow(t *testing.T) {
	m := method(t)
	for name, c := range foreignSlow {
		t.Run("S104 "+name, func(t *testing.T) {
			before := m.Pool.Stats().Done
			data := adopt(t, m, c.hash)
			if data != c.hash || m.Pool.Stats().Done != before {
				t.Errorf("kept as %s, want it as it came, without work", data)
			}
			if _, err := m.Prove(t.Context(), claim(data, c.secret+"!")); err != cloakroom.ErrInvalidCredentials {
				t.Errorf("wrong password: %v", err)
			}
			if fresh := replaced(t, m, data, c.secret); !strings.HasPrefix(fresh, "$argon2id$") {
				t.Errorf("replaced by %s", fresh)
			}
		})
	}
}

func TestAdoptFast(t *testing.T) {
	m := method(t)
	for name, hash := range map[string]string{
		"MD5":             "1650817a34c4e26bddac1a63b6d35a08",
		"SHA-1":           "c618d7131c92aa7b46e5da1410f0aac4e85cc20e",
		"SHA-256":         "b46dcea735cc0a2a8d6a7ac1854a8065ebc9343fc7355e5050f832276a46d13a",
		"salted SHA-1":    "sha1$Xk3vQ8sP$e4495da4552595f1bf9eef74b2ea261f81bb66c5",
		"salted SHA-256":  "sha256$Xk3vQ8sP$1cbd919475af82f8d30053601401e5969d6caebf1c36bf2b37bc1ce8bc7b48f1",
		"SHA of LDAP":     "{SHA}xhjXExySqntG5doUEPCqxOhcwg4=",
		"SSHA of LDAP":    "{SSHA}wUVpS/oOrIkrg5kLXMpoEicY+NgBc2FsdP8Aeg==",
		"SSHA256 of LDAP": "{SSHA256}QBEgHVzcp8D2iYo+yMAq5ihhIWScdlJ3udEQKFg9HVkBc2FsdP8Aeg==",
		"SSHA512 of LDAP": "{SSHA512}cvEKVj6Fxbsf5x0YxNdOA03fEVjH1qq1NJYdeHxb/+JFTs8NvxB6YvrHNpgvdsGw4qIvZ7OluYqZScmOshjz3wFzYWx0/wB6",
	} {
		t.Run("S104 "+name, func(t *testing.T) {
			before := m.Pool.Stats().Done
			data := adopt(t, m, hash)
			if got := m.Pool.Stats().Done - before; got != 1 {
				t.Errorf("%d turns in the pool, want 1", got)
			}
			sum := hash[strings.LastIndexAny(hash, "$}")+1:]
			if strings.Contains(data, sum) || !strings.Contains(data, argon.Prefix) {
				t.Errorf("kept as %s, want it in argon2id", data)
			}
			if again := adopt(t, m, hash); again == data {
				t.Error("two adoptions have one salt")
			}
			if again := adopt(t, m, data); again != data {
				t.Errorf("what was exported is adopted as %s", again)
			}
			for _, wrong := range []string{"motör-head 2", hash, sum} {
				if _, err := m.Prove(t.Context(), claim(data, wrong)); err != cloakroom.ErrInvalidCredentials {
					t.Errorf("%q: %v", wrong, err)
				}
			}
			if fresh := replaced(t, m, data, "motör-head 1"); !strings.HasPrefix(fresh, "$argon2id$") {
				t.Errorf("replaced by %s", fresh)
			}
		})
	}
}

func TestFastHashOnFileOpensNothing(t *testing.T) {
	const md5 = "1650817a34c4e26bddac1a63b6d35a08" // of what is presented
	if _, err := method(t).Prove(t.Context(), claim(md5, "motör-head 1")); !errors.Is(err, cloakroom.ErrInvalidCredentials) {
		t.Errorf("Prove = %v: a fast hash is not to lie there, so nobody signs in with one", err)
	}
}

func TestAdoptOwn(t *testing.T) {
	m := method(t)
	m.History = 2
	first := enroll(t, m, "correct horse battery")
	if data := adopt(t, m, first); data != first {
		t.Errorf("adopted as %s", data)
	}
	second, err := m.Enroll(t.Context(), cloakroom.Enrolment{User: ana, Secret: "a wholly new one", Credentials: claim(first, "").Credentials})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("S139 an export brings its history along", func(t *testing.T) {
		data := adopt(t, m, string(second))
		if data != string(second) {
			t.Errorf("adopted as %s", data)
		}
		if got := code(t, change(t, m, &data, "correct horse battery")); got != "password_reused" {
			t.Errorf("the password before: %q", got)
		}
	})
}

func TestAdoptRefuses(t *testing.T) {
	m := method(t)
	own := enroll(t, m, "correct horse battery")
	before := m.Pool.Stats().Done
	for name, hash := range map[string]string{
		"empty":             "",
		"a password":        "correct horse battery",
		"crypt's MD5":       "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
		"cost of years":     "$2b$31$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"absurd argon2id":   strings.Replace(own, "m=64", "m=4000000", 1),
		"a damaged one":     own[:50],
		"a line break":      own + "\n",
		"a line of nothing": own + "\n\n" + own,
		"a stranger behind": own + "\nhunter2",
		"too many lines":    strings.Repeat(own+"\n", 25) + own,
	} {
		_, err := m.Adopt(t.Context(), hash)
		bad, ok := errors.AsType[cloakroom.FieldErrors](err)
		if !ok || len(bad) != 1 || bad[0].Field != "password_hash" || bad[0].Code != "unknown_hash" || bad[0].Message == "" {
			t.Errorf("%s: %v, want unknown_hash", name, err)
		}
		if hash != "" && err != nil && strings.Contains(err.Error(), hash) {
			t.Errorf("%s: the hash is in the error: %v", name, err)
		}
	}
	if done := m.Pool.Stats().Done - before; done != 0 {
		t.Errorf("%d hashes for what is refused", done)
	}
}

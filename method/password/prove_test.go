package password_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

func TestEveryByteCounts(t *testing.T) {
	m := method(t)
	long := strings.Repeat("longer than bcrypt ", 60)
	for name, c := range map[string]struct{ right, wrong string }{
		"S-9 the last byte of 200":         {long[:200], long[:199] + "!"},
		"V85 a tail after 72 bytes":        {long[:72] + "tail", long[:72] + "liar"},
		"V85 73 bytes are not 72":          {long[:73], long[:72]},
		"the last byte of 1,024":           {long[:1024], long[:1023] + "!"},
		"S-9 upper and lower case":         {"Correct horse battery", "correct horse battery"},
		"S-9 spaces at the end":            {"correct horse battery ", "correct horse battery"},
		"what follows a control character": {"correct\x01horse", "correct\x01house"},
		"compatible characters (not NFKC)": {"ﬁnanzminister 9", "finanzminister 9"},
	} {
		t.Run(name, func(t *testing.T) {
			data := enroll(t, m, c.right)
			if p, err := m.Prove(t.Context(), claim(data, c.right)); err != nil || p.Credential != nil || p.Factors > 1 {
				t.Errorf("right: %+v, %v", p, err)
			}
			if _, err := m.Prove(t.Context(), claim(data, c.wrong)); err != cloakroom.ErrInvalidCredentials {
				t.Errorf("wrong: %v", err)
			}
		})
	}
	t.Run("S-51 é composed and decomposed are one password", func(t *testing.T) {
		const secret = "café crème brûlée"
		nfd := norm.NFD.String(secret)
		if nfd == secret {
			t.Fatal("the test wants two spellings")
		}
		for _, pair := range [][2]string{{secret, nfd}, {nfd, secret}} {
			if _, err := m.Prove(t.Context(), claim(enroll(t, m, pair[0]), pair[1])); err != nil {
				t.Errorf("enrolled %+q, presented %+q: %v", pair[0], pair[1], err)
			}
		}
		if _, err := m.Prove(t.Context(), claim(enroll(t, m, secret), "cafe creme brulee")); err == nil {
			t.Error("accents do not count")
		}
	})
}

func TestMalformedCostsNothing(t *testing.T) {
	m := method(t)
	data := enroll(t, m, "correct horse battery")
	before := m.Pool.Stats().Done
	for name, c := range map[string]struct{ secret, want string }{
		"S97 empty":                       {"", "password_required"},
		"S102 1,025 bytes":                {strings.Repeat("a", 1025), "password_too_long"},
		"S102 a megabyte":                 {strings.Repeat("a", 1<<20), "password_too_long"},
		"1,025 bytes in 513 characters":   {strings.Repeat("é", 512) + "e", "password_too_long"},
		"not UTF-8":                       {"correct horse \xff", "invalid_password"},
		"NUL":                             {"correct\x00horse", "invalid_password"},
		"NUL at the end":                  {"correct horse battery\x00", "invalid_password"},
		"half a surrogate, as UTF-8":      {"correct horse \xed\xa0\x80", "invalid_password"},
		"a letter in two bytes, overlong": {"correct horse \xc1\xa1", "invalid_password"},
	} {
		t.Run(name, func(t *testing.T) {
			_, known := m.Prove(t.Context(), claim(data, c.secret))
			_, unknown := m.Prove(t.Context(), cloakroom.Claim{Secret: c.secret})
			if code(t, known) != c.want || code(t, unknown) != c.want {
				t.Errorf("known user: %v; unknown user: %v; want %s", known, unknown, c.want)
			}
		})
	}
	if got := m.Pool.Stats().Done - before; got != 0 {
		t.Errorf("%d hashes before the refusal", got)
	}
}

func TestRefusalsCostOneHash(t *testing.T) {
	m := method(t)
	data := enroll(t, m, "correct horse battery")
	for name, c := range map[string]cloakroom.Claim{
		"S90 wrong password":                 claim(data, "correct horse"),
		"S91 V10 unknown e-mail":             {Secret: "correct horse"},
		"S92 V11 account without a password": claim("", "correct horse"),
		"unknown user with somebody's hash":  {Secret: "correct horse battery", Credentials: claim(data, "").Credentials},
		"V11 the right one costs no more":    claim(data, "correct horse battery"),
		"S105 corrupt hash costs as much":    claim("$argon2id$v=19$m=64", "correct horse"),
		"S105 empty hash costs as much":      {User: &ana, Secret: "correct horse", Credentials: []cloakroom.Credential{{}}},
		"S105 absurd hash costs as much":     claim(strings.Replace(data, "m=64", "m=4000000000", 1), "correct horse"),
	} {
		t.Run(name, func(t *testing.T) {
			before := m.Pool.Stats().Done
			_, err := m.Prove(t.Context(), c)
			if right := strings.HasPrefix(name, "V11 the right"); right != (err == nil) || !right && !errors.Is(err, cloakroom.ErrInvalidCredentials) {
				t.Errorf("Prove = %v", err)
			}
			if !strings.HasPrefix(name, "S105") && err != nil && err != cloakroom.ErrInvalidCredentials {
				t.Errorf("Prove = %v, which tells more than a wrong password", err)
			}
			if got := m.Pool.Stats().Done - before; got != 1 {
				t.Errorf("%d hashes, want 1", got)
			}
		})
	}
}

func TestCorruptHashReachesTheLogOnly(t *testing.T) {
	m := method(t)
	data := enroll(t, m, "correct horse battery")
	for _, corrupt := range []string{data[:50], data + "\n", "sha1$" + data, "$2b$31$Q9wXk3vQ8sP0aLmZ7tYb1.", "correct horse battery"} {
		_, err := m.Prove(t.Context(), claim(corrupt, "correct horse battery"))
		if !errors.Is(err, cloakroom.ErrInvalidCredentials) {
			t.Fatalf("S105 corrupt hash: %v, want ErrInvalidCredentials", err)
		}
		if text := err.Error(); !strings.Contains(text, ana.ID) || strings.Contains(text, corrupt) || strings.Contains(text, data[40:]) {
			t.Errorf("the log line must name the user and not hold the hash: %s", text)
		}
	}
}

func TestRehash(t *testing.T) {
	old := method(t)
	data := enroll(t, old, "correct horse battery")
	grown := password.Method{Pool: cheap(t, argon.Config{Params: argon.Params{Memory: 128, Time: 2, Threads: 1}})}

	t.Run("S103 a hash with older parameters is replaced on sign-in", func(t *testing.T) {
		fresh := replaced(t, grown, data, "correct horse battery")
		if !strings.HasPrefix(fresh, "$argon2id$v=19$m=128,t=2,p=1$") {
			t.Errorf("replaced by %s", fresh)
		}
	})
	t.Run("a wrong password replaces nothing", func(t *testing.T) {
		if p, err := grown.Prove(t.Context(), claim(data, "correct horse")); err != cloakroom.ErrInvalidCredentials || p.Credential != nil {
			t.Errorf("%+v, %v", p, err)
		}
	})
	t.Run("a stronger hash stays", func(t *testing.T) {
		strong := enroll(t, grown, "correct horse battery")
		if p, err := old.Prove(t.Context(), claim(strong, "correct horse battery")); err != nil || p.Credential != nil {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// replaced signs in with a hash that is to be replaced, and returns the new one, which it has tried.
func replaced(t *testing.T, m password.Method, data, secret string) string {
	t.Helper()
	p, err := m.Prove(t.Context(), claim(data, secret))
	if err != nil || p.Credential == nil {
		t.Fatalf("Prove = %+v, %v; want a new credential", p, err)
	}
	c := *p.Credential
	if c.UserID != ana.ID || c.Method != "password" || c.Revision != 7 {
		t.Errorf("credential %+v, want the one that was read", c)
	}
	if p, err = m.Prove(t.Context(), claim(string(c.Data), secret)); err != nil || p.Credential != nil {
		t.Errorf("next sign-in: %+v, %v; want the new hash to hold and to stay", p, err)
	}
	return string(c.Data)
}

// See internal/legacyhash for how these were made.
func TestLegacyHashes(t *testing.T) {
	m := method(t)
	for name, data := range map[string]string{
		"S104 bcrypt":         "$2y$05$1.YUvURP67afZBMUIazwe.1OluoU4Pjb6RpAHdkUZ1vnSjlzUEcDi",
		"S104 scrypt":         "$scrypt$ln=10,r=8,p=2$8PHy8/T19vf4+fr7/P3+/w$3SCYf/uOyIf0FjwJARw3YrG2IAOEk3igdLhTBXPT68M",
		"S104 pbkdf2":         "pbkdf2_sha256$1200$Xk3vQ8sP0aLm$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w=",
		"S104 pbkdf2, sha512": "$pbkdf2-sha512$1500$8PHy8/T19vf4.fr7/P3./w$H1YuzEe3KbD.VJdhrZ2VaR8w5jvYLTFcYFTbps79.zb.EoX0AGTh170iIKUoXGEe3kWbKYQfQ11dP9ity9Ls1g",
	} {
		t.Run(name, func(t *testing.T) {
			const secret = "motör-head 1"
			for _, right := range []string{secret, norm.NFD.String(secret)} {
				if fresh := replaced(t, m, data, right); !strings.HasPrefix(fresh, "$argon2id$") {
					t.Errorf("replaced by %s", fresh)
				}
			}
			before := m.Pool.Stats().Done
			if p, err := m.Prove(t.Context(), claim(data, "motor-head 1")); err != cloakroom.ErrInvalidCredentials || p.Credential != nil {
				t.Errorf("wrong: %+v, %v", p, err)
			}
			if got := m.Pool.Stats().Done - before; got != 1 {
				t.Errorf("%d turns in the pool, want 1: foreign work has the same budget", got)
			}
		})
	}
}

func TestLegacyHashOfAnOddSpelling(t *testing.T) {
	// python3: hashlib.pbkdf2_hmac of the decomposed bytes, put together as Django does
	const data = "pbkdf2_sha256$1200$Xk3vQ8sP0aLm$OWQbpqVHNyJfUnQIIQjD8SkniCnDcxTUAKGIel+xRAA="
	replaced(t, method(t), data, "cafe\u0301 cre\u0300me")
}

func TestBcryptTailCountsAfterTheFirstSignIn(t *testing.T) {
	m := method(t)
	const data = "$2b$04$Q9wXk3vQ8sP0aLmZ7tYb1.SsweJ3KVurZL17gAE5gQCiRPCR4/h5G" // of 80 bytes
	long := strings.Repeat("0123456789", 8)
	fresh := replaced(t, m, data, long)
	for _, wrong := range []string{long[:72], long[:79] + "x", long[:79]} {
		if _, err := m.Prove(t.Context(), claim(fresh, wrong)); err != cloakroom.ErrInvalidCredentials {
			t.Errorf("V85 %q is taken for %q: %v", wrong, long, err)
		}
	}
}

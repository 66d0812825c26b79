package recovery_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"math/bits"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/recovery"
)

var (
	ana = cloakroom.User{ID: "usr_1", Email: "ana@example.com"}
	bob = cloakroom.User{ID: "usr_2", Email: "bob@example.com"}

	method recovery.Method
)

// generate returns the codes of a user and what is on file of them.
func generate(t *testing.T, u cloakroom.User) ([]string, cloakroom.Credential) {
	t.Helper()
	codes, data, err := method.Generate(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return codes, cloakroom.Credential{UserID: u.ID, Method: method.Name(), Data: data, Revision: 7}
}

// prove presents a code. When it is right, what is on file changes as the engine would do.
func prove(t *testing.T, u cloakroom.User, cred *cloakroom.Credential, code string) error {
	t.Helper()
	before := bytes.Clone(cred.Data)
	proof, err := method.Prove(t.Context(), cloakroom.Claim{User: &u, Credentials: []cloakroom.Credential{*cred}, Secret: code})
	if !bytes.Equal(before, cred.Data) {
		t.Error("the claim was written to")
	}
	if err != nil {
		if !reflect.DeepEqual(proof, cloakroom.Proof{}) {
			t.Errorf("refused with %+v", proof)
		}
		return err
	}
	next := proof.Credential
	if !proof.Once || proof.Factors > 1 || next == nil || next.Revision != 7 || next.UserID != u.ID {
		t.Fatalf("proof %+v", proof)
	}
	*cred = *next
	return nil
}

func remaining(t *testing.T, cred cloakroom.Credential, want int) {
	t.Helper()
	if got := method.Describe(cred); got != (recovery.Status{Remaining: want, Total: 10}) {
		t.Errorf("%+v, want %d of 10", got, want)
	}
}

func TestOnce(t *testing.T) {
	t.Run("S204 S-22 each works once, in any order, and the count drops", func(t *testing.T) {
		codes, cred := generate(t, ana)
		slices.Reverse(codes)
		remaining(t, cred, 10)
		for i, c := range codes {
			if err := prove(t, ana, &cred, c); err != nil {
				t.Fatalf("code %d: %v", i, err)
			}
			remaining(t, cred, 9-i)
			for _, used := range codes[:i+1] {
				if err := prove(t, ana, &cred, used); err != cloakroom.ErrInvalidCredentials {
					t.Fatalf("again: %v", err)
				}
			}
		}
	})
	t.Run("S205 old codes are dead after Generate", func(t *testing.T) {
		old, _ := generate(t, ana)
		_, cred := generate(t, ana)
		for _, c := range old {
			if err := prove(t, ana, &cred, c); err != cloakroom.ErrInvalidCredentials {
				t.Error(err)
			}
		}
	})
	t.Run("a wrong one uses nothing up", func(t *testing.T) {
		codes, cred := generate(t, ana)
		if err := prove(t, ana, &cred, "7K3M-9QXT-0VWE-R5ZD-2HAP-84NC"); err != cloakroom.ErrInvalidCredentials {
			t.Error(err)
		}
		remaining(t, cred, 10)
		if err := prove(t, ana, &cred, codes[3]); err != nil {
			t.Error(err)
		}
	})
}

func TestTyped(t *testing.T) {
	replace := func(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }
	for name, c := range map[string]struct {
		typed func(string) string
		ok    bool
	}{
		"S204 lower case":           {strings.ToLower, true},
		"S204 without dashes":       {replace("-", ""), true},
		"S204 spaces for dashes":    {replace("-", " "), true},
		"S204 spaces around":        {func(c string) string { return "\t " + c + "\r\n" }, true},
		"S204 dashes elsewhere":     {func(c string) string { return c[:2] + "-" + c[2:] + "-" }, true},
		"S204 typographic":          {replace("-", "\u2013"), true},
		"S204 no-break spaces":      {replace("-", "\u00a0"), true},
		"zero as the letter O":      {replace("0", "O"), true},
		"zero as a small o":         {replace("0", "o"), true},
		"one as I":                  {replace("1", "I"), true},
		"one as a small l":          {replace("1", "l"), true},
		"V as U":                    {replace("V", "u"), true},
		"as it is shown":            {replace(), true},
		"empty":                     {func(string) string { return "" }, false},
		"dashes alone":              {func(string) string { return "-----" }, false},
		"the last symbol missing":   {func(c string) string { return c[:len(c)-1] }, false},
		"a symbol too many":         {func(c string) string { return c + "0" }, false},
		"the first symbol missing":  {func(c string) string { return c[1:] }, false},
		"twice":                     {func(c string) string { return c + c }, false},
		"another last symbol":       {another(-1), false},
		"another first symbol":      {another(0), false},
		"NUL at the end":            {func(c string) string { return c + "\x00" }, false},
		"not UTF-8":                 {func(c string) string { return c + "\xff" }, false},
		"padding":                   {func(c string) string { return c + "=" }, false},
		"fullwidth":                 {fullwidth, false},
		"a code in a megabyte":      {func(c string) string { return c + strings.Repeat(" ", 1<<20) }, false},
		"a megabyte":                {func(c string) string { return strings.Repeat(c, 1<<15) }, false},
		"the hash in place of code": {func(string) string { return strings.Repeat("\x00", 15) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			codes, cred := generate(t, ana)
			for len(regexp.MustCompile("[01V]").FindAllString(codes[0], -1)) < 3 || !has(codes[0], "0", "1", "V") {
				codes, cred = generate(t, ana) // one with all that has look-alikes
			}
			err := prove(t, ana, &cred, c.typed(codes[0]))
			if c.ok && err != nil || !c.ok && err != cloakroom.ErrInvalidCredentials {
				t.Errorf("%q as %.60q: %v", codes[0], c.typed(codes[0]), err)
			}
		})
	}
}

func has(s string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(s, p) })
}

// another changes the symbol at an index, from the end if that is negative.
func another(at int) func(string) string {
	return func(c string) string {
		b := []byte(c)
		i := (at + len(b)) % len(b)
		if b[i]++; b[i] == '9'+1 || b[i] > 'Z' {
			b[i] = '2'
		}
		for strings.ContainsRune("ILOU", rune(b[i])) {
			b[i]++
		}
		return string(b)
	}
}

func fullwidth(c string) string {
	return strings.Map(func(r rune) rune { return r - '!' + '！' }, strings.ReplaceAll(c, "-", ""))
}

func TestBoundToTheUser(t *testing.T) {
	codes, cred := generate(t, ana)
	if err := prove(t, bob, &cred, codes[0]); err != cloakroom.ErrInvalidCredentials {
		t.Errorf("another user's row with these hashes: %v", err)
	}
	if _, _, err := method.Generate(t.Context(), cloakroom.User{Email: "new@example.com"}); err == nil {
		t.Error("codes for a user without id")
	}
}

func TestNothingOnFile(t *testing.T) {
	codes, cred := generate(t, ana)
	for name, c := range map[string]cloakroom.Claim{
		"nobody":                       {},
		"nobody, though something is":  {Credentials: []cloakroom.Credential{cred}},
		"an account without any codes": {User: &ana},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c.Secret = range []string{codes[0], "0000-0000-0000-0000-0000-0000", ""} {
				proof, err := method.Prove(t.Context(), c)
				if err != cloakroom.ErrInvalidCredentials || proof.Credential != nil {
					t.Errorf("%+v, %v", proof, err)
				}
			}
		})
	}
}

func TestCorrupt(t *testing.T) {
	codes, cred := generate(t, ana)
	good := cred.Data
	for name, data := range map[string][]byte{
		"nothing":         {},
		"cut":             good[:len(good)-1],
		"longer":          append(bytes.Clone(good), 0),
		"another version": append([]byte{2}, good[1:]...),
		"text":            []byte(strings.Repeat("A", 321)),
	} {
		t.Run(name, func(t *testing.T) {
			cred.Data = data
			err := prove(t, ana, &cred, codes[0])
			if !errors.Is(err, cloakroom.ErrInvalidCredentials) || err == cloakroom.ErrInvalidCredentials {
				t.Errorf("no cause for the log: %v", err)
			}
			if method.Describe(cred) != (recovery.Status{}) {
				t.Errorf("%+v", method.Describe(cred))
			}
		})
	}
}

func TestKeptAsHashes(t *testing.T) {
	t.Run("S-23 120 bits, and nothing but their SHA-256 is on file", func(t *testing.T) {
		codes, cred := generate(t, ana)
		want := []byte{1}
		for _, c := range codes {
			raw := decode(t, c)
			if len(raw)*8 < 112 || bytes.Contains(cred.Data, raw) || bytes.Contains(cred.Data, []byte(c)) {
				t.Errorf("%q is on file, or short", c)
			}
			sum := sha256.Sum256([]byte("cloakroom recovery code 1\x00" + string(raw) + ana.ID))
			want = append(want, sum[:]...)
		}
		if !bytes.Equal(cred.Data, want) {
			t.Errorf("%x, want %x", cred.Data, want)
		}
		if err := prove(t, ana, &cred, codes[4]); err != nil {
			t.Fatal(err)
		}
		copy(want[1+4*32:], make([]byte, 32))
		if !bytes.Equal(cred.Data, want) {
			t.Errorf("the hash of a used code is still there")
		}
	})
}

func TestCodesAreRandom(t *testing.T) {
	t.Run("S-24 120 bits of a generator that cannot be foretold", func(t *testing.T) {
		shape := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){5}$`)
		ones, seen := 0, map[string]bool{}
		var everOne, everZero [15]byte
		for range 100 {
			codes, _ := generate(t, ana)
			if len(codes) != 10 {
				t.Fatalf("%d codes", len(codes))
			}
			for _, c := range codes {
				seen[c] = true
				if !shape.MatchString(c) {
					t.Errorf("%q", c)
				}
				for i, b := range decode(t, c) {
					ones += bits.OnesCount8(b)
					everOne[i] |= b
					everZero[i] |= ^b
				}
			}
		}
		// The standard deviation of 120,000 fair bits is 173; seven of it happen once in 10^11 runs.
		if len(seen) != 1000 || ones < 60_000-1_212 || ones > 60_000+1_212 {
			t.Errorf("%d codes, %d ones", len(seen), ones)
		}
		for i := range everOne {
			if everOne[i]&everZero[i] != 0xff {
				t.Errorf("a bit of byte %d stands still", i)
			}
		}
	})
}

// decode reads a code with the standard alphabet, by translation.
func decode(t *testing.T, c string) []byte {
	t.Helper()
	const from, to = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	raw, err := base32.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if r == '-' {
			return -1
		}
		return rune(to[strings.IndexRune(from, r)])
	}, c))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestDescribe(t *testing.T) {
	_, cred := generate(t, ana)
	if got, err := json.Marshal(method.Describe(cred)); err != nil || string(got) != `{"remaining":10,"total":10}` {
		t.Errorf("%s, %v", got, err)
	}
	if method.Name() != "recovery_code" {
		t.Error(method.Name())
	}
}

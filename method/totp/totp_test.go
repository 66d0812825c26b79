package totp_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/totp"
)

var ana = cloakroom.User{ID: "usr_1", Email: "ana@example.com"}

// phone is an authenticator app that was set up, and the server's side of it.
type phone struct {
	t      *testing.T
	method totp.Method
	now    time.Time // of the server
	secret string
	cred   cloakroom.Credential
}

// start is the first second of a step.
var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// pair sets an app up at start, with the code of the step before, so that the one of start is unused.
func pair(t *testing.T) *phone {
	p := &phone{t: t, now: start}
	p.method.Now = func() time.Time { return p.now }
	offer, err := p.method.Offer(t.Context(), cloakroom.Binding{User: ana})
	if err != nil {
		t.Fatal(err)
	}
	p.secret = offer.Show.(totp.Setup).Secret
	bound, err := p.method.Bind(t.Context(), cloakroom.Binding{User: ana, Kept: offer.Keep, Answer: p.shows(-time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	p.cred = bound
	p.cred.UserID, p.cred.Method, p.cred.Revision = ana.ID, "totp", 7
	return p
}

// shows is the code on the app at so much after start.
func (p *phone) shows(after time.Duration) string {
	p.t.Helper()
	c, err := totp.Code(p.secret, start.Add(after))
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// prove presents a code at so much after start. When it is right, what is on file changes as the engine would do.
func (p *phone) prove(after time.Duration, code string) error {
	p.t.Helper()
	p.now = start.Add(after)
	before := bytes.Clone(p.cred.Data)
	proof, err := p.method.Prove(p.t.Context(), cloakroom.Claim{User: &ana, Credentials: []cloakroom.Credential{p.cred}, Secret: code})
	if !bytes.Equal(before, p.cred.Data) {
		p.t.Error("the claim was written to")
	}
	if err != nil {
		if !reflect.DeepEqual(proof, cloakroom.Proof{}) {
			p.t.Errorf("refused with %+v", proof)
		}
		return err
	}
	next := proof.Credential
	if !proof.Once || proof.Factors > 1 || next == nil || next.Revision != 7 || next.UserID != ana.ID || bytes.Equal(next.Data, before) {
		p.t.Errorf("proof %+v", proof)
	}
	p.cred = *next
	return nil
}

func (p *phone) right(after time.Duration, code string) {
	p.t.Helper()
	if err := p.prove(after, code); err != nil {
		p.t.Errorf("%q at %v: %v", code, after, err)
	}
}

func (p *phone) wrong(after time.Duration, code string) {
	p.t.Helper()
	if err := p.prove(after, code); err != cloakroom.ErrInvalidCredentials {
		p.t.Errorf("%q at %v: %v", code, after, err)
	}
}

// settle makes a phone whose codes of five steps differ, as all but five in a million do.
func settle(t *testing.T) *phone {
	for {
		p, seen := pair(t), map[string]bool{}
		for step := -2; step <= 2; step++ {
			seen[p.shows(time.Duration(step)*30*time.Second)] = true
		}
		if len(seen) == 5 {
			return p
		}
	}
}

func TestOnce(t *testing.T) {
	t.Run("S198 S-22 a code again is refused", func(t *testing.T) {
		p := settle(t)
		p.right(0, p.shows(0))
		p.wrong(0, p.shows(0))
		p.wrong(29*time.Second, p.shows(0))
		p.wrong(31*time.Second, p.shows(0))
		p.right(31*time.Second, p.shows(31*time.Second))
	})
	t.Run("S198 an older step after a newer one is refused", func(t *testing.T) {
		p := settle(t)
		p.right(0, p.shows(30*time.Second))
		p.wrong(0, p.shows(0))
		p.wrong(0, p.shows(30*time.Second))
		p.wrong(31*time.Second, p.shows(0))
		p.right(31*time.Second, p.shows(60*time.Second))
	})
	t.Run("S198 the code that confirmed is refused", func(t *testing.T) {
		p := settle(t)
		p.wrong(0, p.shows(-time.Second))
		p.right(0, p.shows(0))
	})
	t.Run("a wrong code uses nothing up", func(t *testing.T) {
		p := settle(t)
		p.wrong(0, p.shows(60*time.Second))
		p.right(0, p.shows(0))
	})
	t.Run("a clock that is put back brings no code back", func(t *testing.T) {
		p := settle(t)
		p.right(60*time.Second, p.shows(60*time.Second))
		p.wrong(0, p.shows(0))
		p.wrong(0, p.shows(30*time.Second))
	})
}

func TestSkew(t *testing.T) {
	const ns = time.Nanosecond
	for name, c := range map[string]struct {
		at, shown time.Duration
		ok        bool
	}{
		"the present step":                                    {0, 0, true},
		"its last moment":                                     {30*time.Second - ns, 0, true},
		"S-25 one step late, last moment":                     {60*time.Second - ns, 0, true},
		"S-25 two steps late is over":                         {60 * time.Second, 0, false},
		"an app that is ahead":                                {30*time.Second - ns, 30 * time.Second, true},
		"an app that is ahead by a step":                      {0, 60*time.Second - ns, true},
		"an app that is ahead by two":                         {0, 60 * time.Second, false},
		"S-25 a code of eleven minutes ago":                   {11 * time.Minute, 0, false},
		"a code of a day ahead, where another clock would be": {0, 24 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			for {
				p := settle(t)
				if !c.ok && inWindow(p, c.at, p.shows(c.shown)) {
					continue // the same digits by chance
				}
				if err := p.prove(c.at, p.shows(c.shown)); (err == nil) != c.ok {
					t.Error(err)
				}
				return
			}
		})
	}
}

func inWindow(p *phone, at time.Duration, code string) bool {
	for skew := -30 * time.Second; skew <= 30*time.Second; skew += 30 * time.Second {
		if p.shows(at+skew) == code {
			return true
		}
	}
	return false
}

func TestTyped(t *testing.T) {
	spell := func(format string) func(string) string {
		return func(c string) string { return strings.NewReplacer("A", c[:3], "B", c[3:]).Replace(format) }
	}
	for name, c := range map[string]struct {
		typed func(string) string
		ok    bool
	}{
		"S197 123 456":               {spell("A B"), true},
		"S197 spaces around":         {spell(" \tAB\r\n"), true},
		"S197 a dash":                {spell("A-B"), true},
		"S197 as pages copy it":      {spell("A\u00a0B\u202f"), true},
		"S197 a typographic dash":    {spell("A\u2013B"), true},
		"empty":                      {spell(""), false},
		"spaces alone":               {spell("      "), false},
		"five digits":                {func(c string) string { return c[:5] }, false},
		"seven digits":               {spell("AB0"), false},
		"seven digits, from the top": {spell("0AB"), false},
		"a sign":                     {spell("+AB"), false},
		"a point":                    {spell("A.B"), false},
		"NUL":                        {spell("AB\x00"), false},
		"not UTF-8":                  {spell("AB\xff"), false},
		"six zero bytes":             {spell("\x00\x00\x00\x00\x00\x00"), false},
		"fullwidth digits":           {other('０'), false},
		"Arabic-Indic digits":        {other('٠'), false},
		"mathematical digits":        {other('𝟎'), false},
		"a code in a megabyte":       {func(c string) string { return strings.Repeat(" ", 1<<20) + c }, false},
		"a megabyte of digits":       {func(c string) string { return strings.Repeat(c, 1<<18) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := settle(t)
			if err := p.prove(0, c.typed(p.shows(0))); c.ok && err != nil || !c.ok && err != cloakroom.ErrInvalidCredentials {
				t.Error(err)
			}
		})
	}
}

// other writes a code in the digits of another script.
func other(zero rune) func(string) string {
	return func(c string) string {
		return strings.Map(func(r rune) rune { return zero + r - '0' }, c)
	}
}

func TestNothingOnFile(t *testing.T) {
	p := settle(t)
	zeros, err := totp.Code(strings.Repeat("A", 32), start) // of a secret of zeros, which a decoy may have
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]cloakroom.Claim{
		"nobody":                         {},
		"nobody, though something is":    {Credentials: []cloakroom.Credential{p.cred}},
		"an account without this factor": {User: &ana},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c.Secret = range []string{p.shows(0), zeros, ""} {
				proof, err := p.method.Prove(t.Context(), c)
				if err != cloakroom.ErrInvalidCredentials || proof.Credential != nil {
					t.Errorf("%+v, %v", proof, err)
				}
			}
		})
	}
}

func TestCorrupt(t *testing.T) {
	p := settle(t)
	zeros, _ := totp.Code(strings.Repeat("A", 32), start)
	good := p.cred.Data
	for name, data := range map[string][]byte{
		"nothing":         {},
		"cut":             good[:len(good)-1],
		"longer":          append(bytes.Clone(good), 0),
		"another version": append([]byte{2}, good[1:]...),
		"a negative step": append([]byte{1, 0x80}, good[2:]...),
		"text":            []byte("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3"),
	} {
		t.Run(name, func(t *testing.T) {
			p.cred.Data = data
			for _, code := range []string{p.shows(0), zeros} {
				err := p.prove(0, code)
				if !errors.Is(err, cloakroom.ErrInvalidCredentials) || err == cloakroom.ErrInvalidCredentials {
					t.Errorf("no cause for the log: %v", err)
				}
				if len(data) > 0 && strings.Contains(err.Error(), string(data)) {
					t.Errorf("quotes what is on file: %v", err)
				}
			}
		})
	}
}

func TestIssuer(t *testing.T) {
	for issuer, ok := range map[string]bool{
		"": true, "Acme & Söhne": true, strings.Repeat("é", 64): true,
		"a:b": false, "a\nb": false, "\xff": false, strings.Repeat("é", 65): false,
	} {
		err := totp.Method{Issuer: issuer}.Check()
		bad, is := errors.AsType[*cloakroom.ConfigError](err)
		if is == ok || !ok && (bad.Field == "" || bad.Mend == "") {
			t.Errorf("%q: %v", issuer, err)
		}
	}
}

func TestZeroValue(t *testing.T) {
	var m totp.Method
	offer, err := m.Offer(t.Context(), cloakroom.Binding{User: ana})
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.Code(offer.Show.(totp.Setup).Secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Bind(t.Context(), cloakroom.Binding{User: ana, Kept: offer.Keep, Answer: code}); err != nil {
		t.Error(err)
	}
	if m.Name() != "totp" || !m.Seals() {
		t.Error(m.Name(), m.Seals())
	}
}

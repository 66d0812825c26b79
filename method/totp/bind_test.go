package totp_test

import (
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/bits"
	"net/url"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/totp"
)

func offer(t *testing.T, m totp.Method, u cloakroom.User) (cloakroom.Offer, totp.Setup) {
	t.Helper()
	o, err := m.Offer(t.Context(), cloakroom.Binding{User: u})
	if err != nil {
		t.Fatal(err)
	}
	return o, o.Show.(totp.Setup)
}

func TestOffer(t *testing.T) {
	o, setup := offer(t, totp.Method{}, ana)
	raw, err := base32.StdEncoding.DecodeString(setup.Secret)
	if err != nil || string(raw) != string(o.Keep) || len(raw) != 20 {
		t.Errorf("%q is not the %d bytes that are kept: %v", setup.Secret, len(o.Keep), err)
	}
	blob, err := json.Marshal(o.Show)
	if err != nil {
		t.Fatal(err)
	}
	var wire map[string]string
	want := map[string]string{"secret": setup.Secret, "uri": setup.URI, "qr_svg": setup.QR}
	if err := json.Unmarshal(blob, &wire); err != nil || !maps.Equal(wire, want) {
		t.Errorf("%s, %v", blob, err)
	}
	if len(setup.QR) > 8<<10 {
		t.Errorf("%d bytes of SVG", len(setup.QR))
	}
	_, err = totp.Method{}.Offer(t.Context(), cloakroom.Binding{User: ana, Credentials: []cloakroom.Credential{{}}})
	if !errors.Is(err, cloakroom.ErrFactorExists) {
		t.Errorf("a second one: %v", err)
	}
}

func TestURI(t *testing.T) {
	for name, c := range map[string]struct {
		issuer, label string
		user          cloakroom.User
	}{
		"the default":        {"", "Cloakroom:ana@example.com", ana},
		"spaces and signs":   {"Acme & Söhne / R+D?#%=", "Acme & Söhne / R+D?#%=:ana@example.com", ana},
		"a plus":             {"Acme", "Acme:ana+shop@example.com", cloakroom.User{Email: "ana+shop@example.com"}},
		"no address":         {"Acme", "Acme:usr_1", cloakroom.User{ID: "usr_1", Name: "Ana"}},
		"characters for XML": {`<a href="x">&'`, `<a href="x">&':` + ana.Email, ana},
		"an address that is no longer than others": {strings.Repeat("日", 64),
			strings.Repeat("日", 64) + ":" + strings.Repeat("é", 32) + "@" + strings.Repeat("ü.", 94) + "at",
			cloakroom.User{Email: strings.Repeat("é", 32) + "@" + strings.Repeat("ü.", 94) + "at"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := totp.Method{Issuer: c.issuer}
			_, setup := offer(t, m, c.user)
			u, err := url.Parse(setup.URI)
			if err != nil {
				t.Fatal(err)
			}
			wantIssuer, _, _ := strings.Cut(c.label, ":")
			q := u.Query()
			if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/"+c.label || q.Get("issuer") != wantIssuer ||
				q.Get("secret") != setup.Secret || len(q) != 2 || u.Fragment != "" || strings.ContainsAny(setup.URI, "+ <>\"'") {
				t.Errorf("%s", setup.URI)
			}
			if !strings.HasPrefix(setup.QR, "<svg ") || strings.Contains(setup.QR, "Acme") {
				t.Errorf("%s", setup.QR)
			}
		})
	}
}

func TestBind(t *testing.T) {
	m := totp.Method{}
	p := settle(t)
	m.Now = p.method.Now
	kept, err := base32.StdEncoding.DecodeString(p.secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		b    cloakroom.Binding
		want error
	}{
		"right":               {cloakroom.Binding{User: ana, Kept: kept, Answer: p.shows(0)}, nil},
		"S197 with a space":   {cloakroom.Binding{User: ana, Kept: kept, Answer: p.shows(0)[:3] + " " + p.shows(0)[3:]}, nil},
		"wrong":               {cloakroom.Binding{User: ana, Kept: kept, Answer: p.shows(2 * 30e9)}, cloakroom.ErrInvalidCredentials},
		"empty":               {cloakroom.Binding{User: ana, Kept: kept}, cloakroom.ErrInvalidCredentials},
		"nothing was offered": {cloakroom.Binding{User: ana, Answer: p.shows(0)}, cloakroom.ErrInvalidCredentials},
		"kept is cut":         {cloakroom.Binding{User: ana, Kept: kept[:19], Answer: p.shows(0)}, cloakroom.ErrInvalidCredentials},
		"there is one meanwhile": {cloakroom.Binding{User: ana, Kept: kept, Answer: p.shows(0),
			Credentials: []cloakroom.Credential{p.cred}}, cloakroom.ErrFactorExists},
	} {
		t.Run(name, func(t *testing.T) {
			cred, err := m.Bind(t.Context(), c.b)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if (err == nil) != (len(cred.Data) > 0) || cred.ID != "" {
				t.Errorf("%+v", cred)
			}
		})
	}
}

func TestSecretsAreRandom(t *testing.T) {
	t.Run("S-24 160 bits of a generator that cannot be foretold", func(t *testing.T) {
		const n = 500
		ones, seen := 0, map[string]bool{}
		var everOne, everZero [20]byte
		for range n {
			o, _ := offer(t, totp.Method{}, ana)
			seen[string(o.Keep)] = true
			for i, b := range o.Keep {
				ones += bits.OnesCount8(b)
				everOne[i] |= b
				everZero[i] |= ^b
			}
		}
		// The standard deviation of 80,000 fair bits is 141; seven of it happen once in 10^11 runs.
		if len(seen) != n || ones < 40_000-990 || ones > 40_000+990 {
			t.Errorf("%d secrets, %d ones", len(seen), ones)
		}
		for i := range everOne {
			if everOne[i]&everZero[i] != 0xff {
				t.Errorf("a bit of byte %d stands still", i)
			}
		}
	})
}

func TestSetupIsNotLogged(t *testing.T) {
	_, setup := offer(t, totp.Method{}, ana)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("offer", "show", setup)
	said := []string{fmt.Sprint(setup), fmt.Sprintf("%+v %#v %s %q", setup, setup, setup, setup), fmt.Sprintf("%v", &setup), log.String()}
	for _, s := range said {
		if strings.Contains(s, setup.Secret) || !strings.Contains(s, "[redacted]") {
			t.Error(s)
		}
	}
}

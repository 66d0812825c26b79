package password_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

func TestPolicy(t *testing.T) {
	m := method(t)
	m.Words = []string{"Cloakroom", "H&M", "Grand Hôtel"}
	for name, c := range map[string]struct{ secret, want string }{
		"S-4 S-50 S126 V84 seven characters":  {"tr4veli", "password_too_short"},
		"S-4 S-50 V84 eight characters":       {"tr4velix", ""},
		"S-50 characters, not bytes":          {"éàüößñç", "password_too_short"},
		"S-50 eight characters of many bytes": {"日本語日本語日本", ""},
		"S-51 counted after NFC":              {norm.NFD.String("éàüöêñç"), "password_too_short"},
		"empty":                               {"", "password_too_short"},
		"S-10 V84 64 characters":              {strings.Repeat("tr4velix", 8), ""},
		"S-10 1,024 bytes":                    {strings.Repeat("tr4velix", 128), ""},
		"S-10 1,025 bytes":                    {strings.Repeat("tr4velix", 128) + "x", "password_too_long"},
		"not UTF-8":                           {"tr4velix\xff", "invalid_password"},
		"S-51 space":                          {"one two three", ""},
		"S-51 an emoji":                       {"seven 🐴 run", ""},
		"control characters":                  {"tab\tand bell\a", ""},
		"NUL":                                 {"tr4veli\x00x", "invalid_password"},
		"NUL alone":                           {"\x00", "invalid_password"},
		"S-7 fifteen lower-case letters":      {"tangerinelizard", ""},
		"S-6 S-52 password1":                  {"password1", "password_common"},
		"S-6 in capitals":                     {"PassWord1", "password_common"},
		"S-6 qwertyuiop":                      {"qwertyuiop", "password_common"},
		"S-6 iloveyou1":                       {"iloveyou1", "password_common"},
		"S-6 12345678":                        {"12345678", "password_common"},
		"S-6 P@ssw0rd":                        {"P@ssw0rd", "password_common"},
		"S-52 the whole password only":        {"my password1 is long", ""},
		"S-2 product":                         {"cloakroom", "password_context"},
		"S-2 product and year":                {"Cloakroom2026!", "password_context"},
		"S-2 product twice":                   {"cloakroom-CLOAKROOM", "password_context"},
		"S-2 short product":                   {"h&m20262026", "password_context"},
		"S-2 product of two words":            {"GrandHôtel1", "password_context"},
		"S-2 part of a product":               {"12grand34", "password_context"},
		"S-2 product, decomposed":             {norm.NFD.String("GrandHôtel1"), "password_context"},
		"S-2 product and more":                {"cloakroom ticket", ""},
		"S-2 e-mail":                          {"ana.garcia@acme-mail.example", "password_context"},
		"S-2 local part":                      {"Ana.Garcia", "password_context"},
		"S-2 local part and digits":           {"anagarcia99", "password_context"},
		"S-2 domain":                          {"acme-mail", "password_context"},
		"S-2 domain and product":              {"acme.Cloakroom.1", "password_context"},
		"S-2 name":                            {"ana maría garcía", "password_context"},
		"S-2 parts of the name":               {"Garcíamaría7", "password_context"},
		"S-2 a short part counts not":         {"ana12345678ana", ""},
		"S-2 digits alone are no name":        {"84629174", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := m.Enroll(t.Context(), cloakroom.Enrolment{User: ana, Secret: c.secret})
			if got := code(t, err); got != c.want || (err == nil) != (c.want == "") {
				t.Errorf("Enroll(%q) = %v, want %q", c.secret, err, c.want)
			}
		})
	}
}

func TestContextOfDigits(t *testing.T) {
	u := cloakroom.User{Email: "0615384296@phone.example"}
	_, err := method(t).Enroll(t.Context(), cloakroom.Enrolment{User: u, Secret: "0615384296"})
	if got := code(t, err); got != "password_context" {
		t.Errorf("a number that is the e-mail's local part: %v", err)
	}
}

func TestMinLength(t *testing.T) {
	pool := method(t).Pool
	for min, c := range map[int]struct{ short, enough string }{
		0:  {"tr4veli", "tr4velix"},
		1:  {"tr4veli", "tr4velix"}, // New would have refused it
		15: {"tangerinelizar", "tangerinelizard"},
	} {
		m := password.Method{MinLength: min, Pool: pool}
		if got := code(t, enrolError(t, m, c.short)); got != "password_too_short" {
			t.Errorf("MinLength %d takes %q (%s)", min, c.short, got)
		}
		if err := enrolError(t, m, c.enough); err != nil {
			t.Errorf("MinLength %d refuses %q: %v", min, c.enough, err)
		}
	}
}

func TestRefusalsHashNothingAndQuoteNothing(t *testing.T) {
	m := method(t)
	for _, secret := range []string{"", "tr4veli", "password1", "Ana.Garcia", strings.Repeat("x", 1025), "tr4velix\xff", "tr4veli\x00x"} {
		err := enrolError(t, m, secret)
		if code(t, err) == "" || secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("Enroll(%q) = %v", secret, err)
		}
	}
	if done := m.Pool.Stats().Done; done != 0 {
		t.Errorf("%d hashes for what is refused", done)
	}
}

// FuzzEnroll: what is taken can be used to sign in, in every spelling of its characters, and one byte less cannot.
func FuzzEnroll(f *testing.F) {
	for _, s := range []string{"correct horse battery", "password1", "café crème brûlée", "日本語日本語日本", "tab\tnul\x00bell", "\xff", "e\u0301\u0301\u0323\u0323xxxx", "eight " + strings.Repeat("é\u0301\u0323", 70)} {
		f.Add(s)
	}
	m := method(f)
	f.Fuzz(func(t *testing.T, secret string) {
		data, err := m.Enroll(t.Context(), cloakroom.Enrolment{User: ana, Secret: secret})
		if err != nil {
			if code(t, err) == "" {
				t.Errorf("Enroll(%q) = %v", secret, err)
			}
			return
		}
		for _, same := range []string{secret, norm.NFC.String(secret), norm.NFD.String(secret)} {
			if len(same) > 1024 {
				continue
			}
			if _, err := m.Prove(t.Context(), claim(string(data), same)); err != nil {
				t.Errorf("enrolled %+q, presented %+q: %v", secret, same, err)
			}
		}
		_, last := utf8.DecodeLastRuneInString(secret)
		if less := secret[:len(secret)-last]; less != "" {
			if _, err := m.Prove(t.Context(), claim(string(data), less)); err != cloakroom.ErrInvalidCredentials {
				t.Errorf("enrolled %+q, presented %+q: %v", secret, less, err)
			}
		}
	})
}

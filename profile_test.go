package cloakroom_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

// refusedFields are the fields and codes of an error that answers 422.
func refusedFields(t testing.TB, err error) (all []string) {
	t.Helper()
	fields, ok := errors.AsType[cloakroom.FieldErrors](err)
	if err != nil && !ok {
		t.Errorf("error %v, want FieldErrors", err)
	}
	for _, f := range fields {
		all = append(all, f.Field+" "+f.Code)
	}
	return all
}

func TestProfile(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	edit := func(change func(*cloakroom.User)) (*cloakroom.User, error) {
		return w.Users().Update(t.Context(), ana.ID, func(u *cloakroom.User) error {
			change(u)
			return nil
		})
	}
	check := func(name, field, code string, good, bad []string, set func(*cloakroom.User, string)) {
		t.Run(name, func(t *testing.T) {
			for _, value := range good {
				if _, err := edit(func(u *cloakroom.User) { set(u, value) }); err != nil {
					t.Errorf("%q: %v", value, err)
				}
			}
			for _, value := range bad {
				_, err := edit(func(u *cloakroom.User) { set(u, value) })
				if got := strings.Join(refusedFields(t, err), ","); got != field+" "+code {
					t.Errorf("%q: refused %q, want %s", value, got, field)
				}
			}
		})
	}
	check("a locale is a language tag of RFC 5646", "locale", "invalid_locale", []string{
		"", "de", "de-AT", "zh-Hant-TW", "zh-cmn-Hans-CN", "sl-rozaj-biske", "de-CH-1901", "es-419", "en-u-ca-gregory", "en-a-bbb-x-a-ccc",
		"x-whatever", "DE-at", "qaa-Qaaa-QM-x-southern",
	}, []string{
		"d", "de_AT", "de-", "-de", "de--AT", "de AT", "deutsch-AT-", "de-AT-DE-FR", "en-a", "a-DE", "en-x", "en-toolongsubtag",
		"de\n", "<b>", "de;q=1", "sr-Latn-RS-" + strings.Repeat("variant-", 3) + "variant", "日本",
	}, func(u *cloakroom.User, v string) { u.Locale = v })
	check("S124 a picture is an https address", "picture", "invalid_picture", []string{
		"", "https://example.com/a.png", "https://cdn.example.com:8443/a?size=200#x", "HTTPS://example.com/ä.png",
	}, []string{
		"javascript:alert(1)", "data:image/png;base64,AAAA", "ftp://example.com/a.png", "http://example.com/a.png", "//example.com/a.png",
		"/a.png", "a.png", "https:", "https:a.png", "https:///a.png", "https://:443/a.png", "https://ana:secret@example.com/a.png", "https://ana@example.com",
		"https://example.com/a b.png", "https://example.com/\na.png", "https://example.com/\x00", " https://example.com", "https://exa\xffmple.com",
		"https://example.com/" + strings.Repeat("a", 2048-len("https://example.com/")+1),
	}, func(u *cloakroom.User, v string) { u.Picture = v })
	check("S125 a phone number is one of E.164", "phone_number", "invalid_phone", []string{
		"", "+4366012345678", "+43 660 123-456-78", "+1 (555) 010-9999", "+123456789012345",
	}, []string{
		"call me", "+43 660 ABC", "066012345678", "+43", "+1234567890123456", "+0660123456", "++4366012345", "4366012345678", "+43660123456x12", "+٤٣٦٦٠١٢٣٤٥",
	}, func(u *cloakroom.User, v string) { u.Phone = v })
	t.Run("a phone number is kept without what is between its digits", func(t *testing.T) {
		user, err := edit(func(u *cloakroom.User) { u.Phone = "+43 (660) 123-45.67/8" })
		done(t, err)
		if user.Phone != "+4366012345678" {
			t.Errorf("kept as %q", user.Phone)
		}
	})
}

func TestProfileAtSignUp(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	d := w.browser()
	signUp := func(in cloakroom.SignUp) error {
		in.Email, in.Secret = "ana@example.com", "correct horse battery staple"
		_, err := d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return d.SignUp(rw, r, in) })
		return err
	}
	for name, c := range map[string]struct {
		in   cloakroom.SignUp
		want string
	}{
		"S124 a picture that runs":         {cloakroom.SignUp{Picture: "javascript:alert(1)"}, "picture invalid_picture"},
		"S125 a phone number with letters": {cloakroom.SignUp{Phone: "+43 CALL ME"}, "phone_number invalid_phone"},
		"a locale that is none":            {cloakroom.SignUp{Locale: "de_AT"}, "locale invalid_locale"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(refusedFields(t, signUp(c.in)), ","); got != c.want {
				t.Errorf("refused %q, want %q", got, c.want)
			}
		})
	}
	w.happened()
	done(t, signUp(cloakroom.SignUp{Picture: "https://example.com/ana.png", Phone: "+43 660 12345678", Locale: "de-AT"}))
	user, err := w.Users().ByEmail(t.Context(), "ana@example.com")
	done(t, err)
	if user.Picture != "https://example.com/ana.png" || user.Phone != "+4366012345678" || user.Locale != "de-AT" {
		t.Errorf("kept as %+v", user)
	}
}

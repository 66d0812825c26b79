package letter

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata anew")

// given is what letters of the tests tell, but for hostile ones.
func given() Data {
	return Data{
		Site: "Example", Base: "https://example.com", Name: "Ana", To: "ana@example.com",
		Link: "https://example.com/auth/verify?a=1&token=abc", Code: "12345678", Life: time.Hour, Address: "new@example.com",
		Until: time.Date(2026, 3, 1, 9, 5, 0, 0, time.UTC), IP: "192.0.2.1", Device: "Firefox on Linux",
		Happenings: []Happening{
			{Type: "new_device", At: time.Date(2026, 2, 1, 0, 5, 0, 0, time.FixedZone("", 3600)), IP: "2001:db8::1", Device: "Safari on iPhone"},
			{Type: "factor_added", At: time.Date(2026, 2, 2, 13, 0, 0, 0, time.UTC), IP: "192.0.2.1", Detail: "My key"},
		},
	}
}

var ours = sync.OnceValues(func() (*Set, error) { return New(nil) })

// newSet gives a Set of the caller's own, so that it may change Fallback.
func newSet(t testing.TB) *Set {
	t.Helper()
	set, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	own := *set
	return &own
}

func write(t testing.TB, name, locale string, d Data) Letter {
	t.Helper()
	l, err := newSet(t).Write(name, locale, d)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The letters as they are sent, for eyes. Run with -update after a change of words, and read what changed.
func TestGolden(t *testing.T) {
	for _, locale := range []string{"en", "de", "fr", "es"} {
		for _, name := range names {
			l := write(t, name, locale, given())
			for ext, got := range map[string]string{".txt": "Subject: " + l.Subject + "\n\n" + l.Text, ".html": l.HTML} {
				if ext == ".html" && locale != "en" {
					continue
				}
				file := filepath.Join("testdata", locale, name+ext)
				if *update {
					if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("%s differs; got\n%s", file, got)
				}
			}
		}
	}
}

// All languages say the same: each letter names the same values, in the same kinds of blocks.
func TestLanguagesAgree(t *testing.T) {
	set := newSet(t)
	first := set.languages[0]
	if len(set.languages) != 4 || first.tag.String() != english {
		t.Fatalf("languages %v", set.tags())
	}
	for _, l := range set.languages[1:] {
		for _, name := range names {
			if got, want := fields(l.letters[name]), fields(first.letters[name]); got != want {
				t.Errorf("%v/%s names %s, the English one %s", l.tag, name, got, want)
			}
			if got, want := len(l.letters[name].blocks), len(first.letters[name].blocks); got != want {
				t.Errorf("%v/%s has %d blocks, the English one %d", l.tag, name, got, want)
			}
		}
		for key, entry := range first.words.entries {
			if got, want := named(l.words.entries[key]), named(entry); got != want {
				t.Errorf("%v/words.txt, %s: names %s, the English one %s", l.tag, key, got, want)
			}
		}
		if got, want := len(l.words.entries), len(first.words.entries); got != want {
			t.Errorf("%v/words.txt has %d entries, the English one %d", l.tag, got, want)
		}
	}
}

func fields(t *template) string {
	all := named(t.subject)
	for _, b := range t.blocks {
		all += "|" + named(b.prose)
	}
	return all
}

// named lists the values in a phrase, each once.
func named(p phrase) string {
	found := map[string]bool{}
	var walk func(phrase)
	walk = func(p phrase) {
		for _, piece := range p {
			found[piece.value+piece.condition] = true
			walk(piece.then)
			walk(piece.otherwise)
		}
	}
	walk(p)
	delete(found, "")
	return strings.Join(slices.Sorted(maps.Keys(found)), " ")
}

func TestLocale(t *testing.T) {
	for locale, want := range map[string]string{
		"": "en", "de": "de", "de-AT": "de", "FR_ca": "fr", "es-419": "es", "gsw": "de", "en-GB": "en", "ja": "en", "und": "en", "mul": "en",
		"no such": "en", "de; DROP": "en", "\x00": "en", strings.Repeat("de-", 10_000): "en", "../../de": "en", "de-DE-u-co-phonebk": "de",
	} {
		if l := write(t, VerifyEmail, locale, given()); l.Locale != want {
			t.Errorf("%.20q is answered in %s, not %s", locale, l.Locale, want)
		}
	}
	set := newSet(t)
	for fallback, want := range map[string]string{"fr": "fr", "de-CH": "de", "ja": "en", "nothing at all": "en"} {
		set.Fallback = fallback
		if l, err := set.Write(VerifyEmail, "ja", given()); err != nil || l.Locale != want {
			t.Errorf("with the fallback %q Japanese is answered in %s: %v", fallback, l.Locale, err)
		}
		if l, err := set.Write(VerifyEmail, "es", given()); err != nil || l.Locale != "es" {
			t.Errorf("with the fallback %q Spanish is answered in %s: %v", fallback, l.Locale, err)
		}
	}
}

func TestLife(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration][4]string{
		time.Minute:      {"1 minute", "1 Minute", "1 minute", "1 minuto"},
		10 * time.Minute: {"10 minutes", "10 Minuten", "10 minutes", "10 minutos"},
		time.Hour:        {"1 hour", "1 Stunde", "1 heure", "1 hora"},
		90 * time.Minute: {"90 minutes", "90 Minuten", "90 minutes", "90 minutos"},
		2 * time.Hour:    {"2 hours", "2 Stunden", "2 heures", "2 horas"},
		day:              {"1 day", "1 Tag", "1 jour", "1 día"},
		36 * time.Hour:   {"36 hours", "36 Stunden", "36 heures", "36 horas"},
		7 * day:          {"7 days", "7 Tage", "7 jours", "7 días"},
		0:                {"1 minute", "1 Minute", "1 minute", "1 minuto"},
		-time.Hour:       {"1 minute", "1 Minute", "1 minute", "1 minuto"},
	} {
		for i, locale := range []string{"en", "de", "fr", "es"} {
			given := given()
			given.Life = d
			if l := write(t, VerifyEmail, locale, given); !strings.Contains(strings.ReplaceAll(l.Text, "\n", " "), " "+want[i]+" ") {
				t.Errorf("%v in %s is not %q:\n%s", d, locale, want[i], l.Text)
			}
		}
	}
}

func TestDates(t *testing.T) {
	for locale, want := range map[string]string{
		"en": "1 March 2026, 09:05 UTC", "de": "1. März 2026, 09:05 Uhr UTC", "fr": "1er mars 2026, 09:05 UTC", "es": "1 de marzo de 2026, 09:05 UTC",
	} {
		if l := write(t, Deletion, locale, given()); !strings.Contains(strings.ReplaceAll(l.Text, "\n", " "), want) {
			t.Errorf("%s does not say %q:\n%s", locale, want, l.Text)
		}
	}
}

// A happening that has no words is told nevertheless, and its name cannot choose other words of the file.
func TestUnknownHappening(t *testing.T) {
	for _, unknown := range []string{"", "invented", "footer", "months", "greeting"} {
		d := given()
		d.Happenings = []Happening{{Type: unknown, Detail: "x"}}
		if l := write(t, Notice, "en", d); !strings.Contains(l.Text, "* Something in the security settings was changed.") {
			t.Errorf("%q:\n%s", unknown, l.Text)
		}
	}
}

func TestRefused(t *testing.T) {
	set := newSet(t)
	for _, name := range []string{"", "welcome", "words", "../en/notice"} {
		if _, err := set.Write(name, "en", given()); err == nil {
			t.Errorf("there is a letter %q", name)
		}
	}
	for _, link := range []string{
		"", "/relative", "//example.com/x", "javascript:alert(1)", "https:opaque", "data:text/html,x", "https://", "ftp://example.com",
		"https://example.com/a b", "https://example.com/\r\nBcc: x", "https://example.com/\u202egpj", "https://example.com/\u2028",
	} {
		d := given()
		d.Link = link
		for _, name := range names {
			if l, err := set.Write(name, "en", d); err == nil {
				t.Errorf("%s with the link %q:\n%s", name, link, l.Text)
			}
		}
	}
}

func ExampleSet_Write() {
	set, err := New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := set.Write(ResetPassword, "es-MX", Data{Site: "Ejemplo", Name: "Ana", Link: "https://example.com/reset", Life: time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(l.Subject)
	fmt.Println(l.Locale)
	// Output:
	// Elija una nueva contraseña para Ejemplo
	// es
}

// New runs at each start of a program.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(nil); err != nil {
			b.Fatal(err)
		}
	}
}

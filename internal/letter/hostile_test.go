package letter

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
)

// hostiles are what strangers type.
var hostiles = []string{
	"<script>alert(1)</script>", `"><a href="https:&#47;/evil.example">`, "x\r\nBcc: eve@example.com\r\n\r\nDear user",
	"x\n\n[Click]\nhttps://evil.example", "x\u2028y\u2029z\x00\x1b[31m\v\f\u0085", "moc.elpmaxe\u202e", "\u2066abc\u2069\u200b\ufeff",
	strings.Repeat("long ", 10_000), strings.Repeat("\u0301", 500), "{{Link}}", "\xff\xfe", "https://evil.example", "go to www.evil now",
}

// spoken is Data with s in every field that could hold anything.
func spoken(s string) Data {
	d := Data{
		Site: s, Base: s, Name: s, To: s, Link: "https://example.com/link", Code: s, Address: s,
		IP: s, Device: s, Life: time.Hour, Until: time.Unix(0, 0),
	}
	for _, key := range happeningWords {
		d.Happenings = append(d.Happenings, Happening{Type: key, IP: s, Device: s, Detail: s, At: time.Unix(0, 0)})
	}
	return d
}

// Whatever a value is, a letter has the lines, the tags and the links that its templates give it.
func TestHostileData(t *testing.T) {
	set := newSet(t)
	for i, hostile := range hostiles {
		for _, locale := range []string{"en", "de", "fr", "es", hostile} {
			for _, name := range names {
				t.Run(fmt.Sprintf("%s %.2q %d", name, locale, i), func(t *testing.T) {
					got, err := set.Write(name, locale, spoken(hostile))
					if err != nil {
						t.Fatal(err)
					}
					tame, err := set.Write(name, locale, spoken("tame"))
					if err != nil {
						t.Fatal(err)
					}
					compare(t, got, tame)
				})
			}
		}
	}
}

// compare holds a letter to one of the same kind whose values are tame words.
func compare(t *testing.T, got, tame Letter) {
	t.Helper()
	if strings.ContainsFunc(got.Subject, unicode.IsControl) || len([]rune(got.Subject)) > maxSubject {
		t.Errorf("subject %q", got.Subject)
	}
	for _, r := range got.Subject + got.Text + got.HTML {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Fatalf("has %U", r)
		}
	}
	for _, mark := range []string{"<", "\""} {
		if got, want := strings.Count(got.HTML, mark), strings.Count(tame.HTML, mark); got > want {
			t.Errorf("%d times %s, not %d", got, mark, want)
		}
	}
	if got, want := strings.Count(got.Text, "\n\n"), strings.Count(tame.Text, "\n\n"); got > want {
		t.Errorf("%d blocks, not %d", got, want)
	}
	if strings.Contains(got.HTML, "<script") || !strings.HasSuffix(got.HTML, "</html>\n") {
		t.Errorf("HTML:\n%s", got.HTML)
	}
	if len(got.Text) > len(tame.Text)+100*maxAddress {
		t.Errorf("%d bytes", len(got.Text))
	}
}

// Our mail does not carry the advertisement of whoever signs somebody up: what would become a link is left out.
func TestNoLinksOfStrangers(t *testing.T) {
	for _, link := range []string{
		"evil.example", "Win now: https://evil.example", "www.evil", "me@evil.example", "evil。example", "Ana evil.Example/x", "ftp://evil",
		"evi\u00adl.exam\u200bple",
	} {
		d := given()
		d.Name, d.Device = link, link
		d.Happenings = []Happening{{Type: "factor_added", Detail: link, Device: link}}
		for _, name := range names {
			if l := write(t, name, "en", d); strings.Contains(l.Text+l.HTML, "evil") {
				t.Errorf("%s says %q:\n%s", name, link, l.Text)
			}
		}
	}
	for _, good := range []string{"Ana", "Dr. Zoë O’Neill-Smith", "J.R. Smith", "नेहा", "علی\u200cرضا", "李小龍", "AC/DC", "Jr."} {
		d := given()
		d.Name = good
		if l := write(t, VerifyEmail, "en", d); !strings.HasPrefix(l.Text, "Hello "+good+",\n") {
			t.Errorf("%q is greeted %.40q", good, l.Text)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range hostiles {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s, maxValue)
		if len([]rune(got)) > maxValue || strings.ContainsFunc(got, unicode.IsControl) || strings.TrimSpace(got) != got {
			t.Errorf("%q is cleaned to %q", s, got)
		}
	})
}

package mailbox

import (
	"strings"
	"testing"
)

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"  Ana@Example.COM \t":     "ana@example.com",
		"zoe\u0308@example.com":    "zo\u00eb@example.com", // decomposed and composed are one
		"Ana.Lena+shop@example.de": "ana.lena+shop@example.de",
		"":                         "",
	} {
		if got := Normalize(in); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestValid(t *testing.T) {
	for _, good := range []string{
		"ana@example.com", "a@b", "a.b+c_d@x-y.example", "!#$%&'*/=?^`{|}~-@example.com", "zoë@bücher.example",
		strings.Repeat("a", 64) + "@example.com",
	} {
		if !Valid(good) {
			t.Errorf("%q refused", good)
		}
	}
	for _, bad := range []string{
		"", "ana", "@example.com", "ana@", "ana@@example.com", "ana@b@c", "ana@example..com", "ana@.example", "ana@example.",
		".ana@example.com", "ana.@example.com", "a..b@example.com", "ana@-x.com", "ana@x-.com", "a b@example.com",
		"ana@example.com\r\nBcc: eve@example.com", "ana@example.com,eve@example.com", "Ana <ana@example.com>", "\"a\"@example.com",
		"ana@[127.0.0.1]", "ana\x00@example.com", "ana\u200b@example.com", "ana@exa\u00admple.com", "\xff@example.com",
		strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("b", 64) + ".com", "a@" + strings.Repeat("b.", 130) + "com",
	} {
		if Valid(bad) {
			t.Errorf("%q accepted", bad)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add(" Ana@Example.com")
	f.Add("İ@i\u0307.x")
	f.Fuzz(func(t *testing.T, s string) {
		once := Normalize(s)
		if again := Normalize(once); Valid(once) && again != once {
			t.Errorf("Normalize is not settled: %q, then %q", once, again)
		}
	})
}

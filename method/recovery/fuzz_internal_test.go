package recovery

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzParse: what is taken for a code is the same code when it is written as we write it, in lower case or without dashes.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "7K3M-9QXT-0VWE-R5ZD-2HAP-84NC", "oil0 oil0 oil0 oil0 oil0 oiuv", strings.Repeat("-", 300), "\xff", "７K3M",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		c, ok := parse(typed)
		if !ok {
			if c != (code{}) {
				t.Errorf("parse(%q) = %x and false", typed, c)
			}
			return
		}
		text := c.String()
		for _, again := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "-", "")} {
			if got, ok := parse(again); !ok || got != c {
				t.Errorf("%q is %x, but %q is %x, %v", typed, c, again, got, ok)
			}
		}
	})
}

// FuzzOpen: what is read is written again as it was, and using up one hash touches no other.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(nil), 0)
	f.Add(sheet{3: {1}, 5: {1}, 9: {2}}.data(), 3)
	f.Add(bytes.Repeat([]byte{1}, 321), 9)
	f.Fuzz(func(t *testing.T, data []byte, i int) {
		s, err := open(data)
		if err != nil {
			if s != (sheet{}) {
				t.Error("an error and a sheet")
			}
			return
		}
		if !bytes.Equal(s.data(), data) {
			t.Errorf("%x is written as %x", data, s.data())
		}
		h := s[uint(i)%perUser]
		rest, found := s.without(h)
		if !found {
			t.Errorf("%x is not found", h)
		}
		for i := range rest {
			if want := s[i]; want == h && rest[i] != (hash{}) || want != h && rest[i] != want {
				t.Errorf("hash %d is %x, was %x", i, rest[i], want)
			}
		}
	})
}

package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// unzip gives the lines of a file, each with its end.
func unzip(t testing.TB, file []byte) []string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(text)))
}

func zip(lines ...string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, strings.Join(lines, ""))
	_ = z.Close()
	return b.Bytes()
}

// readAll returns what a file has, or what is wrong with a file.
func readAll(t testing.TB, file []byte) (totals Totals, err error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return totals, err
	}
	return Sum(t.Context(), r)
}

// wantDamage asserts that the damage is found at its place.
func wantDamage(t *testing.T, what string, file []byte, record int) {
	t.Helper()
	_, err := readAll(t, file)
	var d *Damage
	if !errors.As(err, &d) || d.Record != int64(record) {
		t.Errorf("%s: %v, want damage after record %d", what, err, record)
	}
}

func TestDamageIsFoundWhereItIs(t *testing.T) {
	lines := unzip(t, file(t, samples(), Header{Engine: "sqlite"}))
	if len(lines) != len(samples().items)+2 {
		t.Fatalf("%d lines", len(lines))
	}
	edited := func(edit func([]string) []string) []byte { return zip(edit(slices.Clone(lines))...) }
	for i := range lines {
		before := max(0, i-1) // whole records
		for at := 0; at < len(lines[i])-1; at += 7 {
			altered := edited(func(l []string) []string {
				b := []byte(l[i])
				b[at] ^= 1
				l[i] = string(b)
				return l
			})
			wantDamage(t, fmt.Sprintf("line %d altered at %d", i, at), altered, before)
		}
		if i > 0 {
			wantDamage(t, fmt.Sprintf("cut before line %d", i), zip(lines[:i]...), i-1)
		}
		if i < len(lines)-1 {
			wantDamage(t, fmt.Sprintf("line %d left out", i), edited(func(l []string) []string { return slices.Delete(l, i, i+1) }), before)
			wantDamage(t, fmt.Sprintf("line %d moved", i), edited(func(l []string) []string {
				l[i], l[i+1] = l[i+1], l[i]
				return l
			}), before)
		}
		repeated := i
		if i == len(lines)-1 {
			repeated = i - 1
		}
		wantDamage(t, fmt.Sprintf("line %d repeated", i), edited(func(l []string) []string { return slices.Insert(l, i, l[i]) }), repeated)
	}
	wantDamage(t, "something behind the end", zip(append(slices.Clone(lines), "more\n")...), len(lines)-2)
	other := unzip(t, file(t, &shelf{items: samples().items[1:]}, Header{Engine: "sqlite"}))
	wantDamage(t, "the end of another file", zip(append(slices.Clone(lines[:len(lines)-1]), other[len(other)-1])...), len(lines)-2)
}

// TestEveryByteCounts cuts a file at each place and alters each byte. What remains unnoticed has changed nothing.
func TestEveryByteCounts(t *testing.T) {
	whole := file(t, samples(), Header{Engine: "sqlite"})
	want := sum(t, open(t, whole))
	for n := range whole {
		if _, err := readAll(t, whole[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes it is taken for whole", n, len(whole))
		}
		altered := slices.Clone(whole)
		altered[n] ^= 0x10
		if got, err := readAll(t, altered); err == nil && got != want {
			t.Errorf("with byte %d altered it is taken for another", n)
		}
	}
	if _, err := readAll(t, append(slices.Clone(whole), "more"...)); err == nil {
		t.Error("something behind the file is not noticed")
	}
}

func TestOtherFormats(t *testing.T) {
	line := func(c *chain, said string) string { return c.next([]byte(said)) + " " + said + "\n" }
	for name, said := range map[string][]string{
		"a later format":       {`header {"format":2,"more":1}`},
		"a header with more":   {`header {"format":1,"more":1}`},
		"no header":            {`user {}`},
		"a kind from later":    {`header {"format":1,"counts":{}}`, `passkey {}`, `totals {}`},
		"a field from later":   {`header {"format":1,"counts":{}}`, `user {"shoe_size":44}`, `totals {}`},
		"totals that are none": {`header {"format":1,"counts":{}}`, `totals {"user":{"items":1}}`},
		"counts that are none": {`header {"format":1,"counts":{"user":1}}`, `totals {}`},
	} {
		var c chain
		var lines []string
		for _, s := range said {
			lines = append(lines, line(&c, s))
		}
		if _, err := readAll(t, zip(lines...)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for name, file := range map[string][]byte{"nothing": nil, "text": []byte("this is no backup"), "a zip of text": zip("hello\n"), "an empty zip": zip()} {
		if _, err := readAll(t, file); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := NewWriter(&bytes.Buffer{}, Header{}).Close(); err == nil {
		t.Error("a file to which nothing was exported ends well")
	}
}

func FuzzReader(f *testing.F) {
	f.Add(file(f, samples(), Header{Engine: "sqlite"}))
	f.Add(zip("hello\n"))
	f.Fuzz(func(t *testing.T, file []byte) { _, _ = readAll(t, file) })
}

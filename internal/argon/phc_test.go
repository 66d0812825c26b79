package argon

import (
	"errors"
	"strings"
	"testing"
)

// Made by the reference implementation's command line (Debian package argon2):
//
//	printf 'correct horse' | argon2 saltsaltsaltsalt -id -m 12 -t 3 -p 2 -l 32 -e
//	printf 'paé' | argon2 somesalt -id -k 19456 -t 2 -p 1 -l 24 -e
const (
	horse = "$argon2id$v=19$m=4096,t=3,p=2$c2FsdHNhbHRzYWx0c2FsdA$BPLyWyvnAcpmA7B4Brd/0YfLNtAXIiKNyEMWc7UqNQw"
	short = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$kIVUNfBRZSjHPV8+5H+3slHl59dBgU4E"
)

func TestVectors(t *testing.T) {
	for phc, password := range map[string]string{horse: "correct horse", short: "paé"} {
		h, err := Parse(phc)
		if err != nil {
			t.Fatal(err)
		}
		if !h.Matches([]byte(password)) {
			t.Errorf("%s: %q does not match", phc, password)
		}
		if h.Matches([]byte(password + "x")) {
			t.Errorf("%s: another password matches", phc)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const tail = "$c2FsdHNhbHRzYWx0c2FsdA$BPLyWyvnAcpmA7B4Brd/0YfLNtAXIiKNyEMWc7UqNQw"
	for name, s := range map[string]string{
		"empty":              "",
		"argon2i":            "$argon2i$v=19$m=4096,t=3,p=2" + tail,
		"old version":        "$argon2id$v=16$m=4096,t=3,p=2" + tail,
		"no version":         "$argon2id$m=4096,t=3,p=2" + tail,
		"order":              "$argon2id$v=19$t=3,m=4096,p=2" + tail,
		"key id":             "$argon2id$v=19$m=4096,t=3,p=2,keyid=AA" + tail,
		"leading zero":       "$argon2id$v=19$m=04096,t=3,p=2" + tail,
		"sign":               "$argon2id$v=19$m=+4096,t=3,p=2" + tail,
		"t 0":                "$argon2id$v=19$m=4096,t=0,p=2" + tail,
		"p 0":                "$argon2id$v=19$m=4096,t=3,p=0" + tail,
		"m under 8p":         "$argon2id$v=19$m=15,t=3,p=2" + tail,
		"m of 4 TiB":         "$argon2id$v=19$m=4294967295,t=1,p=1" + tail,
		"m of 512 MiB":       "$argon2id$v=19$m=524288,t=1,p=1" + tail,
		"m over 32 bits":     "$argon2id$v=19$m=4294971392,t=3,p=2" + tail,
		"work of minutes":    "$argon2id$v=19$m=4096,t=4294967295,p=2" + tail,
		"p over a byte":      "$argon2id$v=19$m=4096,t=3,p=258" + tail,
		"many lanes":         "$argon2id$v=19$m=4096,t=3,p=17" + tail,
		"empty salt":         "$argon2id$v=19$m=4096,t=3,p=2$$BPLyWyvnAcpmA7B4Brd/0YfLNtAXIiKNyEMWc7UqNQw",
		"empty sum":          "$argon2id$v=19$m=4096,t=3,p=2$c2FsdHNhbHRzYWx0c2FsdA$",
		"sum of 15 bytes":    "$argon2id$v=19$m=4096,t=3,p=2$c2FsdHNhbHRzYWx0c2FsdA$BPLyWyvnAcpmA7B4Brd/",
		"padding":            horse + "=",
		"spare bits":         horse[:len(horse)-1] + "x",
		"line break":         horse[:70] + "\n" + horse[70:],
		"space before":       " " + horse,
		"something behind":   horse + "$",
		"longer than needed": "$argon2id$v=19$m=4096,t=3,p=2$c2FsdHNhbHRzYWx0c2FsdA$" + strings.Repeat("A", 300),
	} {
		t.Run(name, func(t *testing.T) {
			if h, err := Parse(s); !errors.Is(err, ErrMalformed) {
				t.Errorf("Parse = %v, %v; want ErrMalformed", h, err)
			}
		})
	}
}

func TestWeak(t *testing.T) {
	for p, want := range map[Params]bool{
		Default:              false,
		{19 * 1024, 3, 1}:    false,
		{46 * 1024, 1, 1}:    false,
		{64 * 1024, 3, 4}:    false,
		{19*1024 - 1, 2, 1}:  true,
		{19 * 1024, 1, 1}:    true,
		{46*1024 - 1, 1, 1}:  true,
		{1 << 10, 1 << 9, 1}: true,
		{}:                   true,
	} {
		if p.Weak() != want {
			t.Errorf("%v weak: %v, want %v", p, p.Weak(), want)
		}
	}
}

func TestOutdated(t *testing.T) {
	long := func(p Params) Hash { return Hash{Params: p, Salt: make([]byte, 16), Sum: make([]byte, 32)} }
	for name, c := range map[string]struct {
		on   Hash
		want bool
	}{
		"the same":             {long(Default), false},
		"less memory":          {long(Params{12 * 1024, 4, 1}), true},
		"fewer passes":         {long(Params{19 * 1024, 1, 1}), true},
		"other, as costly":     {long(Params{46 * 1024, 1, 1}), false},
		"stronger":             {long(Params{64 * 1024, 3, 4}), false},
		"other lanes":          {long(Params{19 * 1024, 2, 4}), false},
		"salt of 8 bytes":      {Hash{Default, make([]byte, 8), make([]byte, 32)}, true},
		"sum of 16 bytes only": {Hash{Default, make([]byte, 16), make([]byte, 16)}, true},
	} {
		if got := c.on.Outdated(Default); got != c.want {
			t.Errorf("%s: outdated %v, want %v", name, got, c.want)
		}
	}
}

// FuzzParse: every row either is refused or has one spelling and bounded costs. It hashes nothing.
func FuzzParse(f *testing.F) {
	f.Add(horse)
	f.Add(short)
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := Parse(s)
		if err != nil {
			return
		}
		if h.String() != s {
			t.Errorf("%q is written %q", s, h)
		}
		if err := h.Params.Check(); err != nil {
			t.Error(err)
		}
	})
}

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the servers that the tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A run that is far too short to say anything has every row of the table all the same.
func TestTable(t *testing.T) {
	b := bench{each: 10 * time.Millisecond, repeats: 2, sessions: 2000, accounts: 3, starts: 2, progress: io.Discard}
	if err := b.choose(""); err != nil {
		t.Fatal(err)
	}
	table, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range b.rows {
		if !slices.ContainsFunc(table, func(l line) bool { return l.Row == row }) {
			t.Errorf("no row %s", row)
		}
	}
	for _, l := range table {
		if l.Target.met(l.Ours) == "–" {
			t.Errorf("%s %q has no target", l.Row, l.What)
		}
		for _, f := range append([]peer{{figure: l.Ours}}, l.Peers...) {
			if !(f.Min <= f.Median && f.Median <= f.Max) {
				t.Errorf("%s %q: %+v", l.Row, l.What, f)
			}
		}
	}
	var out bytes.Buffer
	if err := printTable(&out, table); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(table)+2 {
		t.Errorf("%d lines for %d figures:\n%s", len(lines), len(table), out.String())
	}
	for _, l := range lines {
		if strings.Count(l, "|") != 7 {
			t.Errorf("not six columns: %s", l)
		}
	}
	if _, err := os.Stat(b.dir); !os.IsNotExist(err) {
		t.Errorf("scratch is left: %v", err)
	}
}

func TestCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.json")
	var out bytes.Buffer
	args := []string{"-seconds", "0.01", "-repeats", "1", "-only", "t10", "-json", file}
	if err := command(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "| T10 |") || strings.Contains(out.String(), "| T1 |") {
		t.Errorf("%s", out.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var figures []struct {
		Row  string
		Ours struct{ Median float64 }
		Met  string
	}
	if err := json.Unmarshal(text, &figures); err != nil || len(figures) != 1 || figures[0].Ours.Median <= 0 || figures[0].Met == "" {
		t.Errorf("%v: %s", err, text)
	}
}

func TestCommandRefuses(t *testing.T) {
	for _, args := range [][]string{{"-only", "T99"}, {"-seconds", "0"}, {"-repeats", "0"}, {"T1"}, {"-fast"}} {
		if err := command(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

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

	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

// TestMain lets the test binary be the servers that the tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	testbed.Main(m)
}

// A run that is far too short to say anything has every row of the table all the same.
func TestTable(t *testing.T) {
	t.Parallel()
	b := bench{
		each: 10 * time.Millisecond, repeats: 2, sessions: 2000, fewest: 200, most: 2000, accounts: 3, starts: 2,
		nodeless: true, progress: io.Discard,
	}
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
		if l.met() == "–" {
			t.Errorf("%s %q has no target", l.Row, l.What)
		}
		for _, p := range append([]peer{{Name: "ours", Figure: l.Ours, Missing: l.Missing}}, l.Peers...) {
			left := strings.Contains(p.Missing, "-node=false")
			if f := p.Figure; !left && (p.Missing != "" || f == figure{} || !(f.Min <= f.Median && f.Median <= f.Max)) {
				t.Errorf("%s %q: %+v", l.Row, l.What, p)
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
	file, svg := filepath.Join(t.TempDir(), "run.json"), filepath.Join(t.TempDir(), "run.svg")
	var out bytes.Buffer
	args := []string{"-seconds", "0.01", "-repeats", "1", "-only", "t10", "-json", file, "-svg", svg}
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
	var run struct {
		Date    time.Time
		Go      string
		Machine struct{ Cores int }
		Repeats int
		Rows    []struct {
			Row  string
			Ours struct{ Median float64 }
			Met  string
		}
	}
	if err := json.Unmarshal(text, &run); err != nil || len(run.Rows) != 1 || run.Rows[0].Ours.Median <= 0 || run.Rows[0].Met == "" {
		t.Errorf("%v: %s", err, text)
	}
	if run.Date.IsZero() || run.Go == "" || run.Machine.Cores == 0 || run.Repeats != 1 {
		t.Errorf("%+v", run)
	}
	if chart, err := os.ReadFile(svg); err != nil || !strings.Contains(string(chart), "T10") {
		t.Errorf("%v: %s", err, chart)
	}
}

func TestCommandRefuses(t *testing.T) {
	for _, args := range [][]string{{"-only", "T99"}, {"-seconds", "0"}, {"-repeats", "0"}, {"T1"}, {"-fast"}} {
		if err := command(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

// testBinary is this program, as a server that tests start.
func testBinary(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

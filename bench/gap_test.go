package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestGaps(t *testing.T) {
	var g gaps
	if g.err() != nil {
		t.Errorf("nothing is missing: %v", g.err())
	}
	if text := g.note("node", fmt.Errorf("%w: node is not there", errAbsent)); !strings.Contains(text, "node is not there") || g.err() != nil {
		t.Errorf("%q, %v", text, g.err())
	}
	if text := g.note("scs", errors.New(strings.Repeat("long ", 100))); len([]rune(text)) != gapLength+1 || !strings.HasSuffix(text, "…") {
		t.Errorf("%q", text)
	}
	if err := g.err(); err == nil || !strings.Contains(err.Error(), "scs: long") || strings.Contains(err.Error(), "node") {
		t.Errorf("%v", err)
	}
}

// A row without a figure says why in the table and in the file, and its target is not met.
func TestMissingRow(t *testing.T) {
	l := line{Row: "T4", What: "on a server", Missing: "it ended", Target: atMost(3), Peers: []peer{{Name: "scs", Missing: "it is not there"}}}
	var out bytes.Buffer
	if err := printTable(&out, []line{l}); err != nil {
		t.Fatal(err)
	}
	if want := "| T4 | on a server | not measured: it ended | scs not measured: it is not there | ≤ 3 | no |\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("%s", out.String())
	}
	text, err := json.Marshal(l)
	if err != nil || strings.Contains(string(text), "median") || !strings.Contains(string(text), `"missing":"it ended"`) || !strings.Contains(string(text), `"met":"no"`) {
		t.Errorf("%s, %v", text, err)
	}
}

// A group that fails as a whole leaves a line for each of its rows.
func TestUnmeasured(t *testing.T) {
	b := bench{progress: io.Discard}
	lines := b.unmeasured(group{rows: []string{"T12", "T13"}}, context.DeadlineExceeded)
	if len(lines) != 2 || lines[0].Row != "T12" || lines[1].Row != "T13" || lines[1].Missing == "" || b.gaps.err() == nil {
		t.Errorf("%+v, %v", lines, b.gaps.err())
	}
}

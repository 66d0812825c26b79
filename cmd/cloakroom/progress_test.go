package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// shown is what a progress shows of 1,000 things, of which one is done each 10 ms.
func shown(terminal bool) string {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p := &progress{out: &out, terminal: terminal, now: func() time.Time { return now }}
	for n := range int64(1000) {
		p.watch("copying", n+1, 1000)
		now = now.Add(10 * time.Millisecond)
	}
	p.watch("comparing", 1, 1000)
	p.end()
	p.end()
	return out.String()
}

func TestProgress(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(shown(false)), "\n")
	if len(lines) != 9 || lines[0] != "copying: 101 of 1000, 10 %" || lines[8] != "copying: 901 of 1000, 90 %" {
		t.Errorf("to a file it says, in ten seconds, %d lines: %q", len(lines), lines)
	}
	bar := shown(true)
	moves := strings.Count(bar, "\r")
	if moves < 90 || moves > 101 || strings.Contains(bar, "\n") || !strings.HasSuffix(bar, "\r\x1b[K") {
		t.Errorf("on a terminal it moves %d times in ten seconds: %q", moves, bar)
	}
	if want := "copying [###############...............]  50 %  501 of 1000, 5s left"; !strings.Contains(bar, want) {
		t.Errorf("no %q in %q", want, bar)
	}
}

func TestProgressOfWhatIsShort(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p := &progress{out: &out, now: func() time.Time { return now }}
	for n := range int64(50) {
		p.watch("copying", n, 0)
		now = now.Add(10 * time.Millisecond)
	}
	p.end()
	if out.Len() > 0 {
		t.Errorf("half a second is worth %q", out.String())
	}
	p.told = "1 account"
	now = now.Add(2 * time.Second)
	p.watch("copying", 1, 0)
	if out.String() != "copying: 1 account\n" {
		t.Errorf("of nobody knows how many it says %q", out.String())
	}
	out.Reset()
	p.told = ""
	now = now.Add(2 * time.Second)
	p.watch("copying", 1, 0)
	if out.String() != "copying: 1 of 0, 100 %\n" {
		t.Errorf("of nothing it says %q", out.String())
	}
}

package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const text = "4711 (a (strange) name) S 1 4711 4711 0 -1 4194560 1 2 3 4 150 25 7 8 20 0 9 0 1234 5678 90\n"
	if got, err := parseStat(text); got != 1750*time.Millisecond || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "1 (x) S 1 2", "4711 (x) S 1 4711 4711 0 -1 4194560 1 2 3 4 many 25"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestLaunch(t *testing.T) {
	dir := t.TempDir()
	p, err := launch(t.Context(), nil, os.Args[0], "serve", "trivial", dir)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := readCredentials(dir)
	if err != nil || len(credentials) == 0 {
		t.Fatalf("%v, %v", credentials, err)
	}
	c := contestant{process: p, load: load{addr: p.addr, requests: gets(p.addr, hello, credentials), want: answer{200, greeting}, connections: 2}}
	if err := c.measure(t.Context(), 100*time.Millisecond); err != nil || c.rate[0] <= 0 || c.p99[0] <= 0 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, key := range []string{"VmRSS", "VmHWM"} {
		if mib, err := p.memory(key); err != nil || mib < 1 {
			t.Errorf("%s: %v MiB, %v", key, mib, err)
		}
	}
	if _, err := p.memory("VmNone"); err == nil {
		t.Error("no error for a line that is not there")
	}
	p.stop()
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

func TestLaunchTellsWhyNot(t *testing.T) {
	_, err := launch(t.Context(), nil, os.Args[0], "serve", "express", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "no kind") {
		t.Errorf("%v", err)
	}
}

package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// The peers from npm are installed and answer as they should: to whoever has a session and to nobody else.
func TestNode(t *testing.T) {
	t.Parallel()
	b := bench{dir: t.TempDir(), progress: io.Discard}
	for _, c := range contestants() {
		if c.node == "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			err := b.ready(t.Context(), c)
			if b.node.err != nil {
				t.Fatalf("the peers could not be installed: %v", b.node.err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.process.stop()
			c.load.connections = 2
			if err := c.measure(t.Context(), 50*time.Millisecond); err != nil || c.rate[0] <= 0 {
				t.Errorf("%v, %v requests in a second", err, c.rate)
			}
			if c.node == "trivial" {
				return
			}
			c.load.requests = gets(c.load.addr, c.path, []string{"X-Nothing: 1", "Cookie: session=crs_unknown", "Authorization: Bearer a.b.c"})
			if s, err := c.load.run(t.Context(), 50*time.Millisecond); err == nil {
				t.Errorf("%d requests of nobody are answered like those of somebody", s.answers)
			}
		})
	}
}

// Without Node its peers are left out, by name and without failing the run.
func TestNoNode(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	b := bench{dir: t.TempDir(), progress: io.Discard, rows: []string{"T2"}}
	r := &race{b: &b, field: map[string]*contestant{}}
	c := &contestant{name: "express-session", node: "express-session"}
	if err := r.out(t.Context(), c, b.ready(t.Context(), c)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.missing, "node is not there") || b.gaps.err() != nil {
		t.Errorf("missing %q, error %v", c.missing, b.gaps.err())
	}
}

// A folder that npm cannot install into says so, and with what to do.
func TestNodeTellsWhyNot(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := bench{dir: t.TempDir(), progress: io.Discard}
	_, err := b.installNode(ctx)
	if err == nil || errors.Is(err, errAbsent) || !strings.Contains(err.Error(), "npm ci") || !strings.Contains(err.Error(), "hint") {
		t.Errorf("%v", err)
	}
}

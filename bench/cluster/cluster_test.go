package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every fault once, on one store each, for a moment; the program does all of them on all stores, and for longer.
func TestFaults(t *testing.T) {
	o := options{lasts: time.Second, seed: uint64(time.Now().UnixNano()), plan: []chapter{
		{onPostgres, []string{"node-kill", "postgres-restart", "promotion", "feed-hole", "feed-reset", "feed-slow", "clock-jump", "rolling-restart"}},
		{onValkey, []string{"valkey-failover", "valkey-flush"}},
		{onSQLite, []string{"disk-full"}},
	}}
	for _, f := range faults() {
		if !slices.ContainsFunc(o.plan, func(c chapter) bool { return slices.Contains(c.faults, f.name) && slices.Contains(f.on, c.stores) }) {
			t.Errorf("%s is left out", f.name)
		}
	}
	var out bytes.Buffer
	err := o.run(t.Context(), &out)
	t.Log("\n" + out.String())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), " 0 sign-ups") + strings.Count(out.String(), " 0 sign-outs"); n > 0 {
		t.Error("too little was done to show anything")
	}
}

func TestChoose(t *testing.T) {
	var o options
	if err := o.choose("postgres,sqlite", "promotion,disk-full"); err != nil || len(o.plan) != 2 || len(o.plan[0].faults) != 2 {
		t.Errorf("%v, %v", o.plan, err)
	}
	if err := o.choose("postgres", "earthquake"); err == nil || !strings.Contains(err.Error(), "promotion") {
		t.Errorf("an unknown fault: %v", err)
	}
	if err := o.choose("oracle", ""); err == nil || !strings.Contains(err.Error(), onValkey) {
		t.Errorf("an unknown store: %v", err)
	}
}

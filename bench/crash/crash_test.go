package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// A few kills for every run of the tests; the program does a hundred by itself.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, 4, 8); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	lines := strings.Split(out.String(), "\r")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "4 kills") || strings.Contains(last, " 0 ") {
		t.Errorf("too little was done to show anything: %s", last)
	}
}

// The journal must notice what it is there to notice.
func TestJournalNotices(t *testing.T) {
	dir := t.TempDir()
	binary, err := build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(t.Context(), binary, dir+"/data")
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	for what, j := range map[string]*journal{
		"a lost session": {alive: []entry{{token: "crs_lost", email: "ana@example.com"}}},
		"a lost account": {users: []string{"nobody@example.com"}},
	} {
		if err := j.verify(s.url, true); err == nil {
			t.Errorf("%s was not noticed", what)
		}
	}
	var j journal
	if err := j.turn(clientOf(t), s.url); err != nil {
		t.Fatal(err)
	}
	j.ended = append(j.ended, j.alive[0])
	if err := j.verify(s.url, true); err == nil || !strings.Contains(err.Error(), "came back") {
		t.Errorf("a session that came back was not noticed: %v", err)
	}
}

func clientOf(t *testing.T) *http.Client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

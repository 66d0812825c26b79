package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cloakroom-auth/cloakroom/internal/archive"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// truncate is a command of the stories: truncate FILE NEW N makes a file of another without its last N bytes.
func truncate(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 3, "truncate FILE NEW N")
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	whole := []byte(ts.ReadFile(args[0]))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), whole[:len(whole)-n], 0o600))
}

// nodeConfig is a command of the stories: pgconfig URLFILE NEW makes the configuration of a node on that database.
func nodeConfig(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "pgconfig URLFILE NEW")
	text := "base_url: http://127.0.0.1:8400\nsecrets: [7b1f0a52c39d4e86a1b7c4d2e9f03816557a90cbde4321f08899aabbccddeeff]\n" +
		"metrics:\n  listen: off\nstore:\n  url: " + strings.TrimSpace(ts.ReadFile(args[0])) + "\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// TestCopyIsKilled kills a copy again and again, wherever it is, or tells it to stop, until one comes to its end.
func TestCopyIsKilled(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from.db"), filepath.Join(t.TempDir(), "to.db")
	want := filled(t, from)
	program, err := exec.LookPath("cloakroom")
	if err != nil {
		t.Fatal(err)
	}
	killed, stopped := 0, 0
	for round := range 60 {
		var said bytes.Buffer
		cmd := exec.Command(program, "store", "copy", "--from", "sqlite:"+from, "--to", "sqlite:"+to)
		cmd.Env, cmd.Stderr = []string{}, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		signal := []os.Signal{os.Kill, os.Interrupt}[round%2]
		end := time.AfterFunc(time.Duration(20+10*round)*time.Millisecond, func() { _ = cmd.Process.Signal(signal) })
		err := cmd.Wait()
		end.Stop()
		if err == nil {
			break
		}
		killed++
		if strings.Contains(said.String(), "cloakroom: interrupted\nhint: run the same command again") {
			stopped++
		}
	}
	out, err := exec.Command(program, "store", "copy", "--from", "sqlite:"+from, "--to", "sqlite:"+to, "--json").CombinedOutput()
	if err != nil {
		t.Fatalf("after %d that were killed: %v\n%s", killed, err, out)
	}
	if killed == 0 || stopped == 0 {
		t.Fatalf("%d were killed, %d told that they were: the test tests nothing", killed, stopped)
	}
	if got := summed(t, to); got != want {
		t.Errorf("after %d that were killed there are %v, want %v", killed, got.Counts(), want.Counts())
	}
}

// filled makes a database that takes a while to copy.
func filled(t *testing.T, path string) archive.Totals {
	t.Helper()
	store, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for part := range 60 {
		items := make([]archive.Item, 256)
		for i := range items {
			n := 256*part + i
			items[i] = archive.User{ID: fmt.Sprintf("usr_%06d", n), Email: fmt.Sprintf("u%d@example.com", n), Roles: []string{"editor"}, Credentials: []archive.Credential{{Method: "password", Data: make([]byte, 100)}}}
		}
		if err := store.Import(t.Context(), items); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Shutdown(); err != nil {
		t.Fatal(err)
	}
	return summed(t, path)
}

func summed(t *testing.T, path string) archive.Totals {
	t.Helper()
	store, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Shutdown()
	totals, err := archive.Sum(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	return totals
}

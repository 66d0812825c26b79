package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSize holds the program to 30 MB as it is released. What makes it jump by a half is a call of a method by a computed
// name, in whatever package it links: then every exported method of everything is kept.
func TestSize(t *testing.T) {
	const most = 30_000_000
	program := filepath.Join(t.TempDir(), "cloakroom")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if f.Size() > most {
		t.Errorf("%d bytes, at most %d", f.Size(), most)
	}
}

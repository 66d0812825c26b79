package cloakroom_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Promise 6: a forgotten guard does not compile.
func TestForgottenGuardDoesNotCompile(t *testing.T) {
	if out, err := compile(t, "guarded"); err != nil {
		t.Fatalf("the guarded program must compile: %v\n%s", err, out)
	}
	out, err := compile(t, "forgotten")
	if err == nil {
		t.Fatal("a protected handler went to a mux without a guard, and it compiled")
	}
	for _, want := range []string{"main.go:14", "main.go:15", "HandleFunc", "does not implement http.Handler"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not compile for another reason than the missing guards, no %q in:\n%s", want, out)
		}
	}
}

func compile(t *testing.T, program string) (string, error) {
	t.Helper()
	out, err := exec.Command("go", "build", "-o", os.DevNull, "./testdata/"+program).CombinedOutput()
	return string(out), err
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

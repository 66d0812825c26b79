package secretfile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// childEnv makes the test binary load one file, print the secret and leave.
const childEnv = "SECRETFILE_TEST_LOAD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		secrets, err := Load(path)
		if err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Stdout.WriteString(hex.EncodeToString(secrets[0]))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestLoadMakesAPrivateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	made, err := Load(path)
	if err != nil || len(made) != 1 || len(made[0]) != 32 {
		t.Fatalf("Load: %d secrets, %v; want one of 32 bytes", len(made), err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	again, err := Load(path)
	if err != nil || !slices.EqualFunc(made, again, bytes.Equal) {
		t.Errorf("a second Load gave something else, %v", err)
	}
	only(t, path, "secrets")
}

// only asserts which files are in the folder of path: no temporary one stays.
func only(t *testing.T, path string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
}

func TestLoadByManyAtOnce(t *testing.T) {
	t.Run("goroutines", func(t *testing.T) {
		atOnce(t, func(path string) (string, error) {
			secrets, err := Load(path)
			if err != nil {
				return "", err
			}
			return hex.EncodeToString(secrets[0]), nil
		})
	})
	t.Run("processes", func(t *testing.T) {
		atOnce(t, func(path string) (string, error) {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childEnv+"="+path)
			out, err := child.Output()
			return string(out), err
		})
	})
}

func atOnce(t *testing.T, load func(path string) (string, error)) {
	const callers = 16
	path := filepath.Join(t.TempDir(), "secrets")
	var got [callers]string
	var ready, all sync.WaitGroup
	ready.Add(callers)
	for i := range callers {
		all.Go(func() {
			ready.Done()
			ready.Wait()
			secret, err := load(path)
			if err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
			got[i] = secret
		})
	}
	all.Wait()
	for i, secret := range got {
		if secret != got[0] {
			t.Errorf("caller %d got another secret than caller 0", i)
		}
	}
	only(t, path, "secrets")
}

func TestLoadRefuses(t *testing.T) {
	secret := strings.Repeat("5ec2e7a1", 8)
	for name, c := range map[string]struct {
		text string
		mode fs.FileMode
		want string
	}{
		"what others may read": {secret, 0o644, "chmod 600"},
		"what a group writes":  {secret, 0o620, "chmod 600"},
		"an empty file":        {"", 0o600, "no secret"},
		"comments only":        {"# nothing\n\n", 0o600, "no secret"},
		"what is not hex":      {"# head\n" + secret + "\n" + secret[:60] + "zz11\n", 0o600, "line 3: not hexadecimal"},
		"an odd digit":         {secret + "5", 0o600, "line 1: not hexadecimal"},
		"a short secret":       {secret + "\n" + secret[:62], 0o600, "line 2: 31 bytes"},
		"a huge file":          {strings.Repeat(secret+"\n", maxBytes/64), 0o600, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "secrets")
			if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil { // whatever the umask
				t.Fatal(err)
			}
			_, err := Load(path)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), secret[:16]) {
				t.Errorf("the error tells a secret: %v", err)
			}
			if now, _ := os.ReadFile(path); string(now) != c.text {
				t.Error("the refused file was changed")
			}
		})
	}
	t.Run("a folder", func(t *testing.T) {
		if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "regular") {
			t.Errorf("error %v, want one that says it is not a regular file", err)
		}
	})
	t.Run("a missing folder", func(t *testing.T) {
		if _, err := Load(filepath.Join(t.TempDir(), "no", "secrets")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v, want fs.ErrNotExist", err)
		}
	})
}

func TestRotate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	last := load(t, path)
	for _, c := range []struct{ keep, want int }{{3, 2}, {3, 3}, {3, 4}, {3, 4}, {1, 2}, {0, 2}, {-5, 2}} {
		if err := Rotate(path, c.keep); err != nil {
			t.Fatal(err)
		}
		now := load(t, path)
		if len(now) != c.want {
			t.Fatalf("keep %d: %d secrets, want %d", c.keep, len(now), c.want)
		}
		if bytes.Equal(now[0], last[0]) || !slices.EqualFunc(now[1:], last[:c.want-1], bytes.Equal) {
			t.Fatalf("keep %d: want a fresh secret in front of the newest old ones", c.keep)
		}
		last = now
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	only(t, path, "secrets", "secrets.lock")
}

func load(t *testing.T, path string) [][]byte {
	t.Helper()
	secrets, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

func TestRotateRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	if err := Rotate(path, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v, want fs.ErrNotExist", err)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Rotate(path, 1); err == nil {
		t.Error("a broken file was replaced")
	}
	if text, _ := os.ReadFile(path); string(text) != "nonsense" {
		t.Error("the refused file was changed")
	}
}

func TestRotateByManyAtOnce(t *testing.T) {
	const callers = 16
	path := filepath.Join(t.TempDir(), "secrets")
	first := load(t, path)[0]
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			if err := Rotate(path, callers); err != nil {
				t.Error(err)
			}
			load(t, path) // never half a file
		})
	}
	all.Wait()
	now := load(t, path)
	if len(now) != callers+1 || !bytes.Equal(now[callers], first) {
		t.Errorf("%d secrets after %d rotations that keep all, want %d: one was lost", len(now), callers, callers+1)
	}
}

func FuzzParse(f *testing.F) {
	secret := strings.Repeat("0123456789abcdef", 4)
	for _, seed := range []string{"", "#", secret, secret + "\r\n# c\n\n " + secret + "\t\n", secret[:62], "zz", "\xff\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		secrets, err := parse(text)
		if err != nil {
			if secrets != nil {
				t.Error("secrets beside an error")
			}
			return
		}
		if len(secrets) == 0 || slices.ContainsFunc(secrets, func(s []byte) bool { return len(s) < size }) {
			t.Error("want at least one secret, none of them short")
		}
		again, err := parse(format(secrets))
		if err != nil || !slices.EqualFunc(secrets, again, bytes.Equal) {
			t.Errorf("what is written does not read the same: %v", err)
		}
	})
}

package secretfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestMake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	want := [][]byte{fresh(), fresh()}
	if err := Make(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil || len(got) != 2 || !bytes.Equal(got[0], want[0]) || !bytes.Equal(got[1], want[1]) {
		t.Errorf("made of %d secrets, it has %d, %v", len(want), len(got), err)
	}
	if err := Make(path, [][]byte{fresh()}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	for name, secrets := range map[string][][]byte{"none": nil, "a short one": {[]byte("short")}} {
		if err := Make(path+"-2", secrets); err == nil || bytes.Contains([]byte(err.Error()), []byte("short")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v; want the secrets alone", len(entries), err)
	}
}

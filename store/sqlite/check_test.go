package sqlite

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), path); err != nil {
		t.Errorf("a whole database beside its server: %v", err)
	}
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	junk := make([]byte, info.Size()-4096) // every page but the first, which has the schema
	for i := range junk {
		junk[i] = 0xa5
	}
	if _, err := f.WriteAt(junk, 4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), path); err == nil {
		t.Error("a damaged database passed")
	}
	if err := Check(t.Context(), path+"-not-there"); err == nil {
		t.Error("a missing file passed")
	}
}

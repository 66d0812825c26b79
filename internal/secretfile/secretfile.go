// Package secretfile keeps secrets in a file beside the data they protect: the newest first, one to a line.
//
//	# Secrets of Cloakroom. The first signs, all verify. Keep this file private.
//	8f3c…64 hexadecimal digits…
//	02ab…
//
// The first secret signs, all of them verify, so rotation ends nobody's session: Rotate puts a fresh secret in front
// and keeps some old ones. Empty lines and lines that begin with # say nothing. Programs that start at once agree on
// one file, and nobody ever reads half of one.
//
// It refuses a file that others may read, and it never puts a secret into an error.
//
// Not here: encryption of the file, and watching it for changes; Load reads it anew each time.
package secretfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
)

const (
	size     = 32      // bytes of a fresh secret, and the least of one that is read
	maxBytes = 1 << 20 // of a file: far more secrets than anybody rotates through
)

// Load reads the secrets in the file at path, at least one. A missing file is made first, with one fresh secret and
// mode 0600; of many callers that find none, in one process or several, all get the secret of the one who was first.
// The folder must exist.
//
// A file that its group or others may read is an error that says how to mend it; so is a line that is no secret.
func Load(path string) ([][]byte, error) {
	secrets, err := read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secrets, err
	}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("make the secret file: %w", err)
	}
	return read(path)
}

// Rotate puts a fresh secret in front of the others and keeps the newest keep of those, at least one. The file is
// replaced in one step; rotations in several processes at once follow one another. Comments are not kept.
//
// A missing file is an error: there is nothing to rotate, or the path is wrong.
func Rotate(path string, keep int) error {
	unlock, err := lock(path + ".lock")
	if err != nil {
		return fmt.Errorf("lock the secret file: %w", err)
	}
	defer unlock()
	old, err := read(path)
	if err != nil {
		return err
	}
	old = old[:min(len(old), max(keep, 1))]
	if err := replace(path, append([][]byte{fresh()}, old...)); err != nil {
		return fmt.Errorf("replace the secret file: %w", err)
	}
	return nil
}

func fresh() []byte {
	secret := make([]byte, size)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	return secret
}

func read(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := private(path, info.Mode()); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, err
	}
	secrets, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return secrets, nil
}

// private refuses a mode under which somebody else could sign. Windows has no such modes.
func private(path string, mode fs.FileMode) error {
	if !mode.IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if runtime.GOOS != "windows" && mode.Perm()&0o077 != 0 {
		return fmt.Errorf("%s may be read by others (mode %04o); run: chmod 600 %s", path, mode.Perm(), path)
	}
	return nil
}

// parse reads the text of a file. Its errors name lines, never what stands there.
func parse(text []byte) ([][]byte, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("longer than %d bytes", maxBytes)
	}
	var secrets [][]byte
	for i, line := range lines(text) {
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		secret := make([]byte, hex.DecodedLen(len(line)))
		if _, err := hex.Decode(secret, line); err != nil {
			return nil, fmt.Errorf("line %d: not hexadecimal", i+1)
		}
		if len(secret) < size {
			return nil, fmt.Errorf("line %d: %d bytes, a secret has at least %d", i+1, len(secret), size)
		}
		secrets = append(secrets, secret)
	}
	if len(secrets) == 0 {
		return nil, errors.New("no secret in the file; remove it to get a fresh one, which signs everybody out")
	}
	return secrets, nil
}

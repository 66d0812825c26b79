package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// patience is how long a connection waits for another process that writes.
const patience = 10 * time.Second

// connect opens one more connection to a file that exists.
func connect(path string, pragmas ...string) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(patience)
	for _, pragma := range append([]string{"trusted_schema = off", "temp_store = memory"}, pragmas...) {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+pragma, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("pragma %s: %w", pragma, err), conn.Close())
		}
	}
	if err := conn.CreateFunction("contains", contains); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// makeFile makes an empty file of mode 0600, unless there is one; SQLite gives its mode to the files it puts beside it.
// The file gets its name only after it was closed: closing a file that some connection of this process has open would
// end that connection's locks (POSIX fcntl).
func makeFile(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if err := temp.Close(); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// retry runs step until it does not fail for being busy, at most for patience. It is for what SQLite does not wait for
// by itself, and it looks more often than SQLite would: another process that writes much leaves only short gaps.
func retry(step func() error) error {
	return retryUntil(context.Background(), time.Now().Add(patience), step)
}

// retryUntil is retry up to a deadline, and no longer than ctx lasts. Then the error is that of the step.
func retryUntil(ctx context.Context, deadline time.Time, step func() error) error {
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, 5*time.Millisecond) {
		err := step()
		if !busy(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(wait/2 + rand.N(wait))
	}
}

func busy(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultLocked:
		return err != nil
	}
	return false
}

// connectExisting is connect for a file that may be missing.
func connectExisting(path string) (*sqlite.Conn, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return connect(path)
}

//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package secretfile

import (
	"os"
	"syscall"
)

// lock waits until nobody else holds the lock file, in this process or another. The lock ends with the process, so a
// crash leaves none behind; the file itself stays, because removing it would let two in.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, &os.PathError{Op: "flock", Path: path, Err: err}
	}
	return func() { f.Close() }, nil
}

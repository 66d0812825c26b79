//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package secretfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

const patience = 10 * time.Second

// lock waits until nobody else holds the lock file. Without flock, holding it means having made it; what a crash left
// behind has to be removed by hand, as the error says.
func lock(path string) (unlock func(), err error) {
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err == nil {
			return func() { f.Close(); os.Remove(path) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if time.Since(start) > patience {
			return nil, fmt.Errorf("%w; if no rotation is running, remove it", err)
		}
	}
}

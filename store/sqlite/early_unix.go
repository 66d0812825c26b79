//go:build unix

package sqlite

import (
	"os"
	"strconv"
	"syscall"
)

// syncEarly has the system write the file at path to the disk, so that the sync of a checkpoint has little left to do.
// That one counts: this one may fail, and tells nobody.
//
// It cannot open the file, because closing it again would end the locks of all connections of this process (POSIX
// fcntl). It borrows a descriptor that SQLite has open. Should that be closed just now, and its number be given to
// another file, then this is synced: no harm either.
func syncEarly(path string) {
	want, err := os.Stat(path)
	if err != nil {
		return
	}
	const open = "/dev/fd/"
	numbers, err := os.ReadDir(open)
	if err != nil {
		return
	}
	for _, number := range numbers {
		file, err := os.Stat(open + number.Name())
		if err != nil || !os.SameFile(file, want) {
			continue
		}
		if fd, err := strconv.Atoi(number.Name()); err == nil {
			_ = syscall.Fsync(fd)
		}
		return
	}
}

//go:build darwin || linux

package doctor

import "syscall"

// cannotWrite is why this process may not write to a folder, or nil.
func cannotWrite(folder string) error {
	const write = 2 // W_OK
	return syscall.Access(folder, write)
}

// freeBytes is how much an ordinary user may still write on the disk of a folder.
func freeBytes(folder string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}

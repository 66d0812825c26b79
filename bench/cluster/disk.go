package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// disk is where SQLite writes, and can be full. Root gets a small file system in memory. Others get a folder, and the
// process a limit on the size of its files, which looks like a full disk to it.
type disk struct {
	dir     string
	mounted bool
}

// diskSize is enough for what clients write in a minute.
const diskSize = "64m"

func newDisk(dir string) (*disk, error) {
	d := &disk{dir: dir}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		err := run("mount", "-t", "tmpfs", "-o", "mode=0700,size="+diskSize, "cloakroom-cluster", dir)
		d.mounted = err == nil // root of a container may not mount
	}
	return d, nil
}

func run(program string, args ...string) error {
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no room to the process.
func (d *disk) fill(pid int) error {
	if !d.mounted {
		return limitFiles(pid, "4096:")
	}
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; { // the last bytes, too
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk is not full: %w", err)
	}
	return nil
}

// free gives room again.
func (d *disk) free(pid int) error {
	if !d.mounted {
		return limitFiles(pid, "unlimited:")
	}
	return os.Remove(d.ballast())
}

// limitFiles changes the soft limit on the size of the files of a process (RLIMIT_FSIZE).
func limitFiles(pid int, limit string) error {
	return run("prlimit", "--pid", strconv.Itoa(pid), "--fsize="+limit)
}

func (d *disk) close() error {
	if !d.mounted {
		return nil
	}
	return run("umount", d.dir)
}

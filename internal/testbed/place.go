package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// account is who a server runs as. None means whoever runs us.
type account struct{ uid, gid uint32 }

// unprivileged finds an account for servers that refuse to run as root, when we are root.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &account{uint32(uid), uint32(gid)}, nil
}

// place is the folder of one server, which owns it.
type place struct {
	dir string
	as  *account
}

// newPlace makes the folder where it is missing, hands it to the server's account and sees to it that this account can
// reach it.
func newPlace(dir string) (place, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return place{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return place{}, err
	}
	as, err := unprivileged()
	if err != nil || as == nil {
		return place{dir: dir}, err
	}
	if err := os.Chown(dir, int(as.uid), int(as.gid)); err != nil {
		return place{}, err
	}
	return place{dir, as}, openRoad(filepath.Dir(dir))
}

// openRoad lets everybody through the folder and all above it. It changes only what lies below os.TempDir, where
// folders are made private by default.
func openRoad(dir string) error {
	for parent := filepath.Dir(dir); ; dir, parent = parent, filepath.Dir(parent) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			if !strings.HasPrefix(dir, filepath.Clean(os.TempDir())+string(filepath.Separator)) {
				return fmt.Errorf("%s is closed to the unprivileged user that root's servers run as; hint: name a folder below %s", dir, os.TempDir())
			}
			if err := os.Chmod(dir, info.Mode().Perm()|0o001); err != nil {
				return err
			}
		}
		if parent == dir {
			return nil
		}
	}
}

func (p place) path(name string) string { return filepath.Join(p.dir, name) }

// write makes a file that the server owns, or replaces it.
func (p place) write(name, text string) error {
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil || p.as == nil {
		return err
	}
	return os.Chown(p.path(name), int(p.as.uid), int(p.as.gid))
}

// command is a program to run in this place, as its account, in plain English, and without the variables that would
// lead PostgreSQL's programs to other servers.
func (p place) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = p.dir
	cmd.Env = slices.DeleteFunc(cmd.Environ(), func(v string) bool { return strings.HasPrefix(v, "PG") })
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	cmd.SysProcAttr = attributes(p.as)
	return cmd
}

// run runs a program to its end and gives what it printed. What it complained about is in the error.
func (p place) run(input, program string, args ...string) (string, error) {
	var complaint strings.Builder
	cmd := p.command(program, args...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(program), err, strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

package testbed

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// postgresBin finds the folder with PostgreSQL's programs: that of postgres on the PATH, or the newest of Debian's,
// which are not on it. Debian's psql on the PATH is not the program but a script that looks for servers.
func postgresBin() (string, error) {
	if found, err := exec.LookPath("postgres"); err == nil {
		if found, err = filepath.EvalSymlinks(found); err == nil && complete(filepath.Dir(found)) {
			return filepath.Dir(found), nil
		}
	}
	newest, bin := -1.0, ""
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // its only error is a bad pattern
	for _, dir := range found {
		version, err := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64)
		if err == nil && version > newest && complete(dir) {
			newest, bin = version, dir
		}
	}
	if bin == "" {
		return "", errors.New("PostgreSQL is not installed; hint: apt-get install postgresql")
	}
	return bin, nil
}

// complete says whether the folder has all the programs that are used here.
func complete(bin string) bool {
	for _, program := range []string{"postgres", "initdb", "psql", "pg_basebackup"} {
		if !isFile(filepath.Join(bin, program)) {
			return false
		}
	}
	return true
}

func valkeyProgram() (string, error) {
	for _, name := range []string{"valkey-server", "redis-server"} {
		if found, err := exec.LookPath(name); err == nil {
			return found, nil
		}
	}
	return "", errors.New("neither valkey-server nor redis-server is installed; hint: apt-get install valkey-server, or redis-server where there is none")
}

// bouncerProgram looks in /usr/sbin too, which is not on everybody's PATH.
func bouncerProgram() (string, error) {
	if found, err := exec.LookPath("pgbouncer"); err == nil {
		return found, nil
	}
	if isFile("/usr/sbin/pgbouncer") {
		return "/usr/sbin/pgbouncer", nil
	}
	return "", errors.New("pgbouncer is not installed; hint: apt-get install pgbouncer")
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

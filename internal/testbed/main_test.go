package testbed

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// orphanage names the folder in which the test binary, run again as another process, starts servers and waits.
const orphanage = "TESTBED_ORPHANAGE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(orphanage); dir != "" {
		fmt.Println(startOrphans(dir))
		io.Copy(io.Discard, os.Stdin) // until killed, or the tests are
		return
	}
	Main(m)
}

// startOrphans gives the process ids of its servers, or what went wrong, on one line.
func startOrphans(dir string) string {
	p, err := StartPostgres(filepath.Join(dir, "postgres"), "fsync=off")
	if err != nil {
		return err.Error()
	}
	v, err := StartValkey(filepath.Join(dir, "valkey"))
	if err != nil {
		return err.Error()
	}
	b, err := p.Bouncer(filepath.Join(dir, "bouncer"))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintln(p.Pid(), v.Pid(), b.Pid())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// alive does not count a process that has ended and that nobody has asked about: an orphan, where process 1 asks late or
// never.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	state, _ := status(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil && state != "Z"
}

// status is the state of a process and the id of its parent, on Linux.
func status(pid int) (state string, parent int) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // proc_pid_stat(5): pid (name) state ppid …
	if _, after, found := strings.Cut(string(stat), ") "); found {
		fmt.Sscan(after, &state, &parent)
	}
	return state, parent
}

// family is a process and, on Linux, its children.
func family(pid int) []int {
	all := []int{pid}
	others, _ := filepath.Glob("/proc/[0-9]*")
	for _, other := range others {
		child, _ := strconv.Atoi(filepath.Base(other))
		if _, parent := status(child); parent == pid {
			all = append(all, child)
		}
	}
	return all
}

// noneAlive is called at once after a server was ended: its children may take a moment longer.
func noneAlive(t *testing.T, pids []int) {
	t.Helper()
	if alive(pids[0]) {
		t.Errorf("process %d runs after its server was ended", pids[0])
	}
	for _, pid := range pids[1:] {
		await(t, fmt.Sprintf("child %d of %d ends", pid, pids[0]), func() bool { return !alive(pid) })
	}
}

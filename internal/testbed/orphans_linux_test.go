package testbed

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestServersDieWithTheirProcess kills the process that has started servers: none of them stays.
func TestServersDieWithTheirProcess(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), orphanage+"="+t.TempDir())
	parent.Stderr = os.Stderr
	_, err := parent.StdinPipe() // open until we are gone
	must(t, err)
	out, err := parent.StdoutPipe()
	must(t, err)
	must(t, parent.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, errors.Join(err, parent.Process.Kill()))
	parent.Wait()
	pids := strings.Fields(line)
	if len(pids) != 3 {
		t.Fatalf("no three servers: %s", line)
	}
	for _, pid := range pids {
		n, err := strconv.Atoi(pid)
		must(t, err)
		await(t, "process "+pid+" ends", func() bool { return !alive(n) })
	}
}

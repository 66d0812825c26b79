package testbed

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Valkey is one Valkey server, or a Redis server where there is no Valkey.
type Valkey struct{ server }

// valkeyDefaults make a server that forgets everything when it ends; one that is told "appendonly yes" forgets nothing.
var valkeyDefaults = []string{
	`save ""`,
	"appendonly no",
	"appendfsync always",
	"repl-diskless-sync-delay 0", // a replica that comes is served at once
}

// StartValkey starts a server with its files in the folder dir. Settings are lines of valkey.conf, such as "appendonly
// yes". The log is dir/log. Without settings, what the server knows ends with it.
func StartValkey(dir string, settings ...string) (*Valkey, error) {
	program, err := valkeyProgram()
	if err != nil {
		return nil, err
	}
	at, err := newPlace(dir)
	if err != nil {
		return nil, err
	}
	lines := slices.Concat(valkeyDefaults, settings)
	if err := at.write("valkey.conf", strings.Join(lines, "\n")+"\n"); err != nil {
		return nil, err
	}
	v := &Valkey{server{place: at, program: program, ask: askValkey}}
	v.args = func(port int) ([]string, error) {
		return []string{v.path("valkey.conf"), "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", v.dir, "--daemonize", "no"}, nil
	}
	if err := v.open(); err != nil {
		return nil, err
	}
	return v, nil
}

// askValkey is content when the very process answers and has loaded its data.
func askValkey(port, pid int) error {
	if _, err := command(loopback(port), "PING"); err != nil {
		return err
	}
	told, err := command(loopback(port), "INFO", "server")
	if err == nil && !strings.Contains(told, fmt.Sprintf("process_id:%d\r\n", pid)) {
		return fmt.Errorf("another process than %d answers", pid)
	}
	return err
}

// Addr is the server's host and port, the same for its whole life.
func (v *Valkey) Addr() string { return loopback(v.port) }

// Pid is the process id of the server, the last one if it does not run.
func (v *Valkey) Pid() int { return v.pid() }

// Do sends one command over a connection of its own and gives the answer as text: nil is "", the elements of an array
// are lines. An answer of the kind error is an error, with the server's words.
func (v *Valkey) Do(args ...string) (string, error) {
	answer, err := command(v.Addr(), args...)
	if err != nil {
		return "", fmt.Errorf("%s of %s: %w", args[0], v.Addr(), err)
	}
	return answer, nil
}

// Kill ends the server as a crash would. It is no error if it does not run.
func (v *Valkey) Kill() error { return v.end(os.Kill) }

// Stop ends the server orderly. It is no error if it does not run.
func (v *Valkey) Stop() error { return v.end(syscall.SIGTERM) }

// Start starts the server again on the same port and folder. It knows what its settings made it keep.
func (v *Valkey) Start() error { return v.start() }

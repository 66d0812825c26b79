package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// node is a server, the program cmd/cloakroom, on an address that stays its own when it is started again.
type node struct {
	name    string
	binary  string
	dir     string   // its log lies there
	environ []string // its configuration
	wrapped []string // a program that it is run by, with its arguments; none: it is run as it is
	url     string   // after the first start

	cmd  *exec.Cmd
	dead chan struct{} // closed when the process has ended
}

// startPatience is what a crowded machine may need; a start takes some tens of milliseconds.
const startPatience = 30 * time.Second

func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "cloakroom")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/cloakroom-auth/cloakroom/cmd/cloakroom").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return binary, nil
}

// start returns when the server says where it listens.
func (n *node) start() error {
	log, err := os.OpenFile(n.log(), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	listen := "127.0.0.1:0"
	if n.url != "" {
		listen = strings.TrimPrefix(n.url, "http://")
	}
	line := append(append([]string{}, n.wrapped...), n.binary, "serve", "--listen", listen)
	n.cmd, n.dead = exec.Command(line[0], line[1:]...), make(chan struct{})
	n.cmd.Env = append(append(os.Environ(), "CLOAKROOM_METRICS_LISTEN=off", "CLOAKROOM_LIMITS_LOGIN=off", "CLOAKROOM_LIMITS_SIGNUP=off",
		"CLOAKROOM_LOG_LEVEL=error", "CLOAKROOM_BASE_URL=http://127.0.0.1:8400"), n.environ...)
	n.cmd.Stderr = log
	if err := n.cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = n.cmd.Wait()
		close(n.dead)
	}()
	return n.await(from)
}

func (n *node) log() string { return filepath.Join(n.dir, n.name+".log") }

// await reads the log from its byte from on until it says where the server listens.
func (n *node) await(from int64) error {
	for deadline := time.Now().Add(startPatience); ; {
		log, err := os.ReadFile(n.log())
		if err != nil {
			return err
		}
		if _, url, said := strings.Cut(string(log[from:]), "listening on "); said && strings.Contains(url, "\n") {
			n.url, _, _ = strings.Cut(url, "\n")
			return nil
		}
		select {
		case <-n.dead:
			return fmt.Errorf("%s ended before it listened: %s", n.name, log[from:])
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			n.kill()
			return fmt.Errorf("%s did not listen within %v: %s", n.name, startPatience, log[from:])
		}
	}
}

// kill ends the process as a power cut would, as far as the process can tell.
func (n *node) kill() {
	if n.cmd != nil && n.cmd.Process != nil {
		_ = n.cmd.Process.Kill()
		<-n.dead
	}
}

// stop ends the process in order.
func (n *node) stop() error {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	select {
	case <-n.dead:
	case <-time.After(startPatience):
		n.kill()
		return errors.New(n.name + " did not stop")
	}
	if code := n.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s stopped with exit code %d", n.name, code)
	}
	return nil
}

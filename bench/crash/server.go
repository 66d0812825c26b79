package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// server is one life of the process that is killed.
type server struct {
	url  string
	cmd  *exec.Cmd
	dead chan struct{} // closed when the process has ended
}

func build(ctx context.Context, dir string) (string, error) {
	binary := dir + "/cloakroom"
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/cloakroom-auth/cloakroom/cmd/cloakroom").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return binary, nil
}

// start runs the server on a free port and returns when it says where it listens.
func start(ctx context.Context, binary, data string) (*server, error) {
	s := &server{cmd: exec.CommandContext(ctx, binary, "serve"), dead: make(chan struct{})}
	s.cmd.Env = append(os.Environ(),
		"CLOAKROOM_DATA="+data, "CLOAKROOM_LISTEN=127.0.0.1:0", "CLOAKROOM_METRICS_LISTEN=off",
		"CLOAKROOM_LIMITS_LOGIN=off", "CLOAKROOM_LIMITS_SIGNUP=off", "CLOAKROOM_LOG_LEVEL=error")
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	said := make(chan string, 1)
	go s.listen(stderr, said)
	select {
	case s.url = <-said:
		return s, nil
	case <-s.dead:
		return nil, fmt.Errorf("the server ended before it listened: %s", <-said)
	case <-time.After(30 * time.Second):
		s.kill()
		return nil, errors.New("the server did not listen within 30 s")
	}
}

// listen reads what the process says until it ends.
func (s *server) listen(stderr io.Reader, said chan<- string) {
	var all strings.Builder
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		if _, url, ok := strings.Cut(lines.Text(), "listening on "); ok {
			said <- strings.TrimSpace(url)
			_, _ = io.Copy(io.Discard, stderr)
			break
		}
	}
	_ = s.cmd.Wait()
	close(s.dead)
	select {
	case said <- all.String():
	default:
	}
}

// kill ends the process as a power cut would, as far as the process can tell.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.dead
}

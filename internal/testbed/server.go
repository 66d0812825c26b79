package testbed

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// Waiting ends after this long. It is generous: it is what a crowded machine may need, and is only spent when something
// is wrong.
const (
	startPatience = 60 * time.Second
	stopPatience  = 30 * time.Second
)

// server is a program on a port that can be ended and started again.
type server struct {
	place
	program string
	args    func(port int) ([]string, error) // what the program is started with, after writing what it reads
	ask     func(port, pid int) error        // nil when the server answers, and is this very process

	port int // settled once the first start is over

	mu      sync.Mutex
	process *process // the last one started
}

// open starts the server for the first time, on a free port.
func (s *server) open() error {
	for range 5 {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.port = port
		if err = s.start(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return fmt.Errorf("%s: %w, five times in a row", s.program, errPortTaken)
}

func (s *server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil && s.process.running() {
		return fmt.Errorf("%s is running already", s.process.name())
	}
	args, err := s.args(s.port)
	if err != nil {
		return err
	}
	started, err := launch(s.place, s.program, args...)
	if err != nil {
		return err
	}
	s.process = started
	err = started.ready(startPatience, func() error { return s.ask(s.port, started.pid()) })
	if err != nil {
		return errors.Join(err, started.end(os.Kill, stopPatience))
	}
	return nil
}

func (s *server) end(signal os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.process.running() {
		return nil
	}
	return s.process.end(signal, stopPatience)
}

func (s *server) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.pid()
}

// freePort finds a port that nobody listens on, with its companion 10,000 above, which a cluster's nodes talk on among
// themselves. Both lie below the ports that systems give to outgoing connections, so that a stopped server finds its
// port free when it comes back.
func freePort() (int, error) {
	for range 1000 {
		port := 10_000 + rand.IntN(10_000)
		if free(port) && free(port+10_000) {
			return port, nil
		}
	}
	return 0, errors.New("found no free port on 127.0.0.1 between 10000 and 20000")
}

func free(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

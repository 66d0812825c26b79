package testbed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// errPortTaken says that a server ended because somebody else took its port first.
var errPortTaken = errors.New("port is taken")

// process is a running program whose output goes to a log file.
type process struct {
	cmd   *exec.Cmd
	log   string
	begin int64         // size of the log when the program was started
	gone  chan struct{} // closed when the program has ended and has been reaped
}

// launch starts the program in its place, with its log beside its data.
func launch(p place, program string, args ...string) (*process, error) {
	log, err := os.OpenFile(p.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	begin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	cmd := p.command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	bind(cmd.SysProcAttr)
	started := &process{cmd: cmd, log: log.Name(), begin: begin, gone: make(chan struct{})}
	if err := started.start(); err != nil {
		return nil, err
	}
	return started, nil
}

// start runs the program from a thread that lives as long as the program does: the end of the thread that started it
// is what the parent-death signal tells.
func (p *process) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait() // its error is in ProcessState
			close(p.gone)
		}
	}()
	return <-started
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) running() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// ready waits until ask has no complaint, the program has ended, or patience is at its end.
func (p *process) ready(patience time.Duration, ask func() error) error {
	deadline := time.Now().Add(patience)
	for {
		complaint := ask()
		switch {
		case !p.running():
			return p.ended()
		case complaint == nil:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%s does not answer within %v: %w%s", p.name(), patience, complaint, p.tail())
		}
		select {
		case <-p.gone:
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (p *process) ended() error {
	tail := p.tail()
	if strings.Contains(tail, "ddress already in use") || strings.Contains(tail, "ddress in use") {
		return fmt.Errorf("%s: %w%s", p.name(), errPortTaken, tail)
	}
	return fmt.Errorf("%s ended: %v%s", p.name(), p.cmd.ProcessState, tail)
}

// end sends the signal and waits until the program has ended. One that outlasts patience is killed, and that is an
// error; one that has ended before is none.
func (p *process) end(signal os.Signal, patience time.Duration) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", p.name(), err)
	}
	select {
	case <-p.gone:
		return nil
	case <-time.After(patience):
	}
	p.cmd.Process.Kill()
	<-p.gone
	return fmt.Errorf("%s had to be killed: it did not end within %v of %v%s", p.name(), patience, signal, p.tail())
}

func (p *process) name() string { return filepath.Base(p.cmd.Path) }

// tail is the end of what the program has logged since it was started, as a clause to end an error with.
func (p *process) tail() string {
	const most = 4 << 10
	log, err := os.ReadFile(p.log)
	if err != nil {
		return "; " + err.Error()
	}
	log = bytes.TrimSpace(log[min(p.begin, int64(len(log))):])
	if len(log) == 0 {
		return "; its log is empty"
	}
	return "; its log ends:\n" + string(log[max(0, len(log)-most):])
}

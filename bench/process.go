package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under test. It says "listening on http://…" on standard error when it does.
type process struct {
	addr string
	cmd  *exec.Cmd
	dead chan struct{} // closed when it has ended
	last string        // what it said instead of listening, once dead
}

// launch starts a server and returns when it listens. It is killed when ctx ends; call stop before.
func launch(ctx context.Context, env []string, path string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, path, args...), dead: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	listens := make(chan string, 1)
	go p.listen(stderr, listens)
	select {
	case p.addr = <-listens:
		return p, nil
	case <-p.dead:
		return nil, fmt.Errorf("it ended before it listened: %s", strings.TrimSpace(p.last))
	case <-time.After(stall):
		p.stop()
		return nil, fmt.Errorf("it did not listen within %v", stall)
	}
}

// listen reads what the process says until it ends, and tells the address when it comes.
func (p *process) listen(stderr io.Reader, listens chan<- string) {
	defer close(p.dead)
	var all strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		fmt.Fprintln(&all, lines.Text())
		if _, addr, ok := strings.Cut(lines.Text(), "listening on http://"); ok {
			listens <- strings.TrimSpace(addr)
			_, _ = io.Copy(io.Discard, stderr)
			break
		}
	}
	_ = p.cmd.Wait()
	p.last = all.String()
}

// stop asks the process to end and waits until it has; one that does not is killed.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.dead:
	case <-time.After(stall):
		_ = p.cmd.Process.Kill()
		<-p.dead
	}
}

// tick is the unit of time in /proc/PID/stat. The kernel's own may differ; what it shows is always 1/100 s.
const tick = 10 * time.Millisecond

// cpu is how long the process has run on processors, in its own code and in the kernel.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(text))
}

// parseStat adds utime and stime, fields 14 and 15 of proc_pid_stat(5). The name in field 2 may have spaces.
func parseStat(text string) (time.Duration, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat of a process: %q", text)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// forgetPeak lets VmHWM begin anew (proc_pid_clear_refs(5)).
func (p *process) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// memory is a line of /proc/PID/status in MiB: VmRSS is what it holds, VmHWM the most it ever held.
func (p *process) memory(key string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in the status of a process", key)
}

// build compiles a program of this module or of the one above, without what a debugger wants.
func build(ctx context.Context, file, pkg string) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, pkg).CombinedOutput()
	if err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}

package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cloakroom": func() { os.Exit(start()) }})
}

// TestStories runs the scripts in testdata. Beside testscript's own commands they have these:
//
//	server NAME ARG…    runs cloakroom ARG… in the background; its address is in $NAME afterwards, what it says in NAME.log
//	end NAME            tells it to stop and waits; it must end with exit code 0
//	exits CODE ARG…     runs cloakroom ARG… and wants this exit code
//	eventually CODE ARG…
//	                    runs cloakroom ARG… again and again until it gets this exit code
//	call STATUS METHOD URL [BODY [HEADER…]]
//	                    makes a request and wants this status; the body of the answer is stdout. BODY is JSON, or a form
//	                    if it does not begin with {
//	becomes STATUS METHOD URL [BODY [HEADER…]]
//	                    makes the request again and again until it gets this status
//	outbox HOST LETTER  waits until the development server there has written this letter
//	says NAME REGEXP    waits until a line of what server NAME says matches
//	basic NAME ID SECRET
//	                    puts the value of an Authorization header in $NAME (RFC 7617)
//	keep NAME REGEXP    keeps what the group of REGEXP matched in stdout, in $NAME
//	count N REGEXP      wants so many lines in stdout that match
//	database NAME       starts a PostgreSQL server; $NAME is a file with its URL afterwards
//	cache NAME          starts a Valkey server; $NAME is a file with its URL afterwards
//	down NAME           ends such a server
//	up NAME             starts it again
//	pgconfig FILE NEW   makes the configuration of a node on the database whose URL is in a file
//	truncate FILE NEW N makes a file of another without its last N bytes
//	mode MODE FILE      wants these permissions of a file, in octal
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Values[servers{}] = map[string]*process{}
			e.Values[machines{}] = map[string]machine{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"server": startServer, "end": endServer, "exits": wantExit, "eventually": eventually, "call": call, "becomes": becomes, "outbox": hasWritten,
			"says": says, "basic": basic, "keep": keep, "count": count,
			"database": startDatabase, "cache": startCache, "down": down, "up": up,
			"truncate": truncate, "pgconfig": nodeConfig, "mode": wantMode,
		},
	})
}

// process is a server in the background.
type process struct {
	cmd    *exec.Cmd
	log    *os.File
	ended  chan struct{} // closed when all it said was read
	exited error
}

// launch starts cloakroom in dir and waits until it listens. What it says goes to a file.
func launch(dir, logPath string, env []string, args ...string) (*process, string, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, "", err
	}
	program, err := exec.LookPath("cloakroom")
	if err != nil {
		return nil, "", err
	}
	p := &process{cmd: exec.Command(program, args...), log: log, ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, env
	said, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, "", err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, "", err
	}
	address := make(chan string, 1)
	go func() {
		defer close(p.ended)
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			fmt.Fprintln(log, lines.Text())
			if _, at, found := strings.Cut(lines.Text(), "listening on http://"); found {
				address <- at
			}
		}
		p.exited = p.cmd.Wait()
	}()
	select {
	case at := <-address:
		return p, at, nil
	case <-p.ended:
		text, _ := os.ReadFile(logPath)
		return nil, "", fmt.Errorf("ended at once: %v\n%s", p.exited, text)
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		return nil, "", errors.New("does not listen")
	}
}

// end sends a signal and waits for the end.
func (p *process) end(s os.Signal) error {
	_ = p.cmd.Process.Signal(s)
	select {
	case <-p.ended:
		return p.exited
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		return errors.New("does not end")
	}
}

// servers is the key of a story's servers by name.
type servers struct{}

func serversOf(ts *testscript.TestScript) map[string]*process {
	return ts.Value(servers{}).(map[string]*process)
}

func startServer(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) > 0, "server NAME ARG…")
	env := []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("WORK")}
	for _, name := range []string{"CLOAKROOM_STORE_URL_FILE", "CLOAKROOM_STORE_SESSIONS_FILE"} {
		if file := ts.Getenv(name); file != "" {
			env = append(env, name+"="+file)
		}
	}
	p, at, err := launch(ts.MkAbs("."), ts.MkAbs(args[0]+".log"), env, args[1:]...)
	ts.Check(err)
	ts.Setenv(args[0], at)
	serversOf(ts)[args[0]] = p
	ts.Defer(func() { _ = p.end(os.Kill) })
}

func endServer(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "end NAME")
	ts.Check(serversOf(ts)[args[0]].end(syscall.SIGTERM))
}

func wantExit(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) > 1, "exits CODE ARG…")
	if got := exitOf(ts, args[1:]); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) > 1, "eventually CODE ARG…")
	poll(ts, "exit code "+args[0], func() bool { return exitOf(ts, args[1:]) == args[0] })
}

// exitOf runs cloakroom and returns its exit code.
func exitOf(ts *testscript.TestScript, args []string) string {
	err := ts.Exec("cloakroom", args...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return strconv.Itoa(exit.ExitCode())
	}
	ts.Check(err)
	return "0"
}

func call(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) > 2, "call STATUS METHOD URL [BODY [HEADER…]]")
	status, body := send(ts, args[1:])
	_, err := io.WriteString(ts.Stdout(), body)
	ts.Check(err)
	if status != args[0] {
		ts.Fatalf("status %s, want %s", status, args[0])
	}
}

func becomes(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) > 2, "becomes STATUS METHOD URL [BODY [HEADER…]]")
	poll(ts, "status "+args[0], func() bool {
		status, _ := send(ts, args[1:])
		return status == args[0]
	})
}

func hasWritten(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "outbox HOST LETTER")
	poll(ts, "the letter "+args[1], func() bool {
		_, mails := send(ts, []string{"GET", args[0] + "/dev/outbox.json"})
		return strings.Contains(mails, `"letter":"`+args[1]+`"`)
	})
}

// send makes the request METHOD URL [BODY [HEADER…]].
func send(ts *testscript.TestScript, args []string) (status, body string) {
	r, err := http.NewRequest(args[0], "http://"+args[1], nil)
	ts.Check(err)
	if len(args) > 2 && args[2] != "" {
		r.Body = io.NopCloser(strings.NewReader(args[2]))
		r.ContentLength = int64(len(args[2]))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if strings.HasPrefix(args[2], "{") {
			r.Header.Set("Content-Type", "application/json")
		}
	}
	for _, header := range args[min(3, len(args)):] {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	ts.Check(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	ts.Check(err)
	return strconv.Itoa(res.StatusCode), string(text)
}

// poll waits for what comes true by itself, soon.
func poll(ts *testscript.TestScript, what string, holds func() bool) {
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			ts.Fatalf("in vain waited for %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func says(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "says NAME REGEXP")
	line := regexp.MustCompile("(?m)" + args[1])
	poll(ts, args[1], func() bool { return line.MatchString(ts.ReadFile(args[0] + ".log")) })
}

func basic(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 3, "basic NAME ID SECRET")
	ts.Setenv(args[0], "Basic "+base64.StdEncoding.EncodeToString([]byte(args[1]+":"+args[2])))
}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "keep NAME REGEXP")
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("nothing in stdout matches %s", args[1])
	}
	ts.Setenv(args[0], found[1])
}

func count(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "count N REGEXP")
	n := 0
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if regexp.MustCompile(args[1]).MatchString(strings.TrimSpace(line)) {
			n++
		}
	}
	if strconv.Itoa(n) != args[0] {
		ts.Fatalf("%d lines match, want %s", n, args[0])
	}
}

func wantMode(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 2, "mode MODE FILE")
	about, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := strconv.FormatUint(uint64(about.Mode().Perm()), 8); got != args[0] {
		ts.Fatalf("mode %s, want %s", got, args[0])
	}
}

func need(ts *testscript.TestScript, right bool, usage string) {
	if !right {
		ts.Fatalf("usage: %s", usage)
	}
}

// Command crash shows promise 5: an acknowledged change survives a crash, and nothing revoked comes back. It starts the
// server, lets clients sign up, sign in, begin guest sessions and sign out, kills it with SIGKILL in the middle, starts
// it again on the same files, and holds what every client was told against what the server now says.
//
//	go run ./crash -kills 100
//
// The clients keep a journal of acknowledged answers only. What was in flight when the server died may be either way.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	kills := flag.Int("kills", 100, "how often the server is killed")
	clients := flag.Int("clients", 8, "clients at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *kills, *clients); err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
}

// run kills the server so many times and returns an error if one acknowledged answer turned out untrue.
func run(ctx context.Context, out io.Writer, kills, clients int) error {
	dir, err := os.MkdirTemp("", "cloakroom-crash-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	var j journal
	began := time.Now()
	for round := 1; round <= kills && ctx.Err() == nil; round++ {
		s, err := start(ctx, binary, dir+"/data")
		if err != nil {
			return err
		}
		if err := j.verify(s.url, round == 1); err != nil {
			return fmt.Errorf("after kill %d: %w", round-1, err)
		}
		j.work(s, clients, quota(round))
		fmt.Fprintf(out, "\r%d of %d kills, %s", round, kills, j.counts())
	}
	s, err := start(ctx, binary, dir+"/data")
	if err != nil {
		return err
	}
	defer s.kill()
	if err := j.verify(s.url, true); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	fmt.Fprintf(out, "\r%d kills in %v: %s; nothing acknowledged was lost, nothing revoked came back\n",
		kills, time.Since(began).Round(time.Second), j.counts())
	return ctx.Err()
}

// quota is how many answers are acknowledged before the server dies: different in each round, so that it dies at different
// moments of its work.
func quota(round int) int64 { return int64(40 + round*37%120) }

// Command cluster shows that promises 2, 3 and 5 outlive what happens to several machines. It starts three nodes of the
// server and two apps that embed Cloakroom ("desks", for what the server's API does not offer: administration and session
// data) on one PostgreSQL, without and with a Valkey Cluster of three masters and three replicas; lets clients sign up, sign
// in and out, change passwords and roles, ban and store data; and makes one fault after the other happen.
//
//	go run ./cluster -seconds 10
//	go run ./cluster -stores postgres+valkey -only valkey-failover,promotion
//
// The clients keep a journal: what they asked for and when, who acknowledged it and when. Every answer about a session is
// held against it, from other nodes than the one that acknowledged, too; and when the fault is over everything is asked
// again. A violation is: something acknowledged is lost; something revoked is accepted, by the node that revoked it at once, by
// another one a second later (revocation.staleness); somebody is signed out, by 401 or else, who is not; an answer that is
// neither true nor 503; a node that does not recover; in a fault of one node a request that no other node serves. With
// one violation the exit code is 1.
//
// One exception is counted and printed: what Valkey forgets, by FLUSHALL or because a master died before its replica had the
// latest writes, signs people out; it never brings back who was revoked. PostgreSQL's standby is synchronous here, so a
// promotion loses nothing.
//
// A row of the table tells of one fault: how many requests there were; how many were answered 503, and how many not at all;
// how many no node served, though each was asked twice ("failed"); the longest that one node, and that all of them, served no
// reads or no writes ("node out", "all out"); the time from the fault to the last request that was not served
// ("recovered"), which includes how long the fault lasted; and how many sessions Valkey forgot ("signed out").
//
// PostgreSQL and Valkey, or Redis, must be installed; the program starts servers of its own. Root gets a small file system in
// memory for the disk that is full, others a limit on the size of files. A short form is one of the tests.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	seconds := flag.Float64("seconds", 10, "how long a fault lasts")
	only := flag.String("only", "", "only these faults, by name with commas between; empty means all")
	stores := flag.String("stores", strings.Join([]string{onPostgres, onValkey, onSQLite}, ","), "only on these stores")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of what clients do; what happens in between is left to chance")
	flag.Usage = usage
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o := options{lasts: time.Duration(*seconds * float64(time.Second)), seed: *seed}
	err := o.choose(*stores, *only)
	if err == nil {
		err = o.run(ctx, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage of cluster:")
	flag.PrintDefaults()
	fmt.Fprintln(os.Stderr, "faults:")
	for _, f := range faults() {
		fmt.Fprintf(os.Stderr, "  %-17s %s (%s)\n", f.name, f.what, strings.Join(f.on, ", "))
	}
}

// choose plans faults by flags.
func (o *options) choose(stores, only string) error {
	var names []string
	for _, f := range faults() {
		names = append(names, f.name)
	}
	wanted := names
	if only != "" {
		wanted = strings.Split(only, ",")
	}
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there is no fault %q, but %s", name, strings.Join(names, ", "))
		}
	}
	for s := range strings.SplitSeq(stores, ",") {
		if !slices.Contains([]string{onPostgres, onValkey, onSQLite}, s) {
			return fmt.Errorf("there is no store %q, but %s, %s and %s", s, onPostgres, onValkey, onSQLite)
		}
		o.plan = append(o.plan, chapter{s, wanted})
	}
	return nil
}

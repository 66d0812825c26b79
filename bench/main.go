// Command bench measures Cloakroom beside a trivial net/http handler and beside other libraries that do the same work,
// all in one run on one machine, and prints one table.
//
//	go -C bench run .                            # everything: some minutes
//	go -C bench run . -only T1,T3 -seconds 1
//	go -C bench run . -json figures.json
//
// docs/measurements.md explains the rows T1 to T17. What counts is a ratio: absolute figures are of the machine. So
// peers are measured in turn, A B C A B C, and a ratio is taken within each turn: what slows the machine down for a while
// slows all of them. A figure is the median of the turns, with the least and the most in brackets. Whether a
// target is met is computed from the median. The program ends with 0 whatever it has measured.
//
// Servers run in processes of their own (bench serve KIND; the real server is built from ../cmd/cloakroom). Load comes
// from this process over 64 keep-alive connections, each of which sends its next request when the last one is answered.
// The status and the body of every answer are checked: one wrong answer ends the run. The time that the server's
// process spent on the processors, for each request, is the steadiest figure; it stands behind "CPU".
//
// It needs Linux, for /proc.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command is main without the process around it.
func command(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) == 3 && args[0] == "serve" {
		return serve(ctx, args[1], args[2], progress)
	}
	b := bench{progress: progress, sessions: 100_000, accounts: 64, starts: 10}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(progress)
	seconds := flags.Float64("seconds", 2, "how long one measurement takes")
	flags.IntVar(&b.repeats, "repeats", 5, "how often each is repeated")
	big := flags.Bool("big", false, "T11 to T13 with a million sessions in place of 100,000")
	only := flags.String("only", "", "rows to measure, such as T1,T3; empty: all")
	file := flags.String("json", "", "file for all figures")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b.each = time.Duration(*seconds * float64(time.Second))
	if b.each <= 0 || b.repeats < 1 || flags.NArg() > 0 {
		return errors.New("seconds and repeats must be positive, and there are no arguments; see -h")
	}
	if *big {
		b.sessions *= 10
	}
	if err := b.choose(*only); err != nil {
		return err
	}
	table, err := b.run(ctx)
	if err != nil {
		return err
	}
	if *file != "" {
		if err := writeJSON(*file, table); err != nil {
			return err
		}
	}
	return printTable(out, table)
}

// bench is one run of the program.
type bench struct {
	each     time.Duration // one measurement
	repeats  int
	rows     []string // to measure
	sessions int      // of T11, and of the larger store of T12 and T13; the smaller has a tenth
	accounts int      // of T8 and T9, from which people sign in
	starts   int      // of T14
	progress io.Writer

	dir  string // scratch, on disk
	self string // the file of this program
}

// group measures rows that share their preparation.
type group struct {
	rows    []string
	measure func(*bench, context.Context) ([]line, error)
}

func groups() []group {
	return []group{
		{[]string{"T1"}, (*bench).guard},
		{[]string{"T2", "T3", "T5", "T7"}, (*bench).overHTTP},
		{[]string{"T6"}, (*bench).signedTokens},
		{[]string{"T8"}, (*bench).signIn},
		{[]string{"T9"}, (*bench).crowd},
		{[]string{"T10"}, (*bench).writers},
		{[]string{"T11"}, (*bench).pauses},
		{[]string{"T12", "T13"}, (*bench).size},
		{[]string{"T14"}, (*bench).start},
		{[]string{"T15"}, (*bench).logOuts},
		{[]string{"T16"}, (*bench).refreshes},
		{[]string{"T17"}, (*bench).revocations},
	}
}

// choose reads the list of -only.
func (b *bench) choose(only string) error {
	var known []string
	for _, g := range groups() {
		known = append(known, g.rows...)
	}
	if only == "" {
		b.rows = known
		return nil
	}
	for row := range strings.SplitSeq(strings.ToUpper(only), ",") {
		if !slices.Contains(known, row) {
			return fmt.Errorf("no row %q; there are %s", row, strings.Join(known, ", "))
		}
		b.rows = append(b.rows, row)
	}
	return nil
}

func (b *bench) wants(rows ...string) bool {
	return slices.ContainsFunc(rows, func(row string) bool { return slices.Contains(b.rows, row) })
}

// run measures what was chosen.
func (b *bench) run(ctx context.Context) (table []line, err error) {
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "cloakroom-bench-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.dir)
	for _, g := range groups() {
		if !b.wants(g.rows...) {
			continue
		}
		lines, err := g.measure(b, ctx)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(g.rows, ", "), err)
		}
		for _, l := range lines {
			if b.wants(l.Row) {
				table = append(table, l)
			}
		}
	}
	return table, nil
}

// turns calls f for each repeat, and tells where it is.
func (b *bench) turns(ctx context.Context, what string, f func() error) error {
	for i := range b.repeats {
		fmt.Fprintf(b.progress, "%s: turn %d of %d\n", what, i+1, b.repeats)
		if err := errors.Join(ctx.Err(), f()); err != nil {
			return err
		}
	}
	return nil
}

// scratch makes a new empty folder.
func (b *bench) scratch(name string) (string, error) { return os.MkdirTemp(b.dir, name+"-") }

func writeJSON(file string, table []line) error {
	text, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// Command bench measures Cloakroom beside a trivial net/http handler and beside other libraries that do the same work,
// all in one run on one machine, and prints one table.
//
//	go -C bench run .                            # everything: about a quarter of an hour
//	go -C bench run . -only T1,T3 -seconds 1
//	go -C bench run . -json ../docs/measurements.json -svg ../docs/measurements.svg
//
// docs/measurements.md explains the rows T1 to T17. What counts is a ratio: absolute figures are of the machine. So
// peers are measured in turn, A B C A B C, and a ratio is taken within each turn: what slows the machine down for a while
// slows all of them. A figure is the median of the turns, with the least and the most in brackets. Whether a
// target is met is computed from the median.
//
// Servers run in processes of their own (bench serve KIND; the real server is built from ../cmd/cloakroom; peers from
// Node are in node/). Load comes from this process over 64 keep-alive connections, each of which sends its next request
// when the last one is answered. The status and the body of every answer are checked: who gives one wrong answer is out.
// The time that the server's process spent on the processors, for each request, is the steadiest figure; it stands
// behind "CPU". What PostgreSQL and Valkey spend is not in it.
//
// PostgreSQL and Valkey (or Redis) are started by the run itself, in a temporary folder and on free ports. Packages of
// npm are installed there, too. What cannot be measured is named in its place with the reason, and the rest goes on; then
// the program ends with 1. It ends with 0 whatever it has measured, and where there is no Node.
//
// It needs Linux, for /proc.
package main

import (
	"context"
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
		return serve(ctx, args[1], args[2], servers{os.Getenv(postgresVariable), os.Getenv(valkeyVariable)}, progress)
	}
	b := bench{progress: progress, sessions: 100_000, fewest: 10_000, most: 1_000_000, accounts: 64, starts: 10}
	var files outputs
	if err := b.parse(args, &files); err != nil {
		return err
	}
	table, err := b.run(ctx)
	if len(table) == 0 {
		return err
	}
	return errors.Join(err, printTable(out, table), files.write(b.report(table)))
}

// parse reads the command line.
func (b *bench) parse(args []string, files *outputs) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(b.progress)
	seconds := flags.Float64("seconds", 2, "how long one measurement takes")
	flags.IntVar(&b.repeats, "repeats", 5, "how often each is repeated")
	big := flags.Bool("big", false, "T12 and T13 with ten million sessions in place of one, the others with a million in place of 100,000")
	node := flags.Bool("node", true, "measure the peers from npm, too, where Node is there")
	only := flags.String("only", "", "rows to measure, such as T1,T3; empty: all")
	flags.StringVar(&files.json, "json", "", "file for the whole run")
	flags.StringVar(&files.svg, "svg", "", "file for a chart of it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b.each, b.nodeless = time.Duration(*seconds*float64(time.Second)), !*node
	if b.each <= 0 || b.repeats < 1 || flags.NArg() > 0 {
		return errors.New("seconds and repeats must be positive, and there are no arguments; see -h")
	}
	if *big {
		b.sessions, b.most = 10*b.sessions, 10*b.most
	}
	return b.choose(*only)
}

// bench is one run of the program.
type bench struct {
	each     time.Duration // one measurement
	repeats  int
	rows     []string // to measure
	sessions int      // of T11, of T13 in memory, of T16 a tenth, and revocations of T17
	fewest   int      // sessions of the smaller stores of T12
	most     int      // and of the larger ones, also of T13
	accounts int      // of T8 and T9, from which people sign in
	starts   int      // of T14
	nodeless bool     // no peers from npm
	progress io.Writer

	dir     string // scratch, on disk
	self    string // the file of this program
	node    installed
	started engines
	gaps    gaps
}

// group measures rows that share their preparation.
type group struct {
	rows    []string
	measure func(*bench, context.Context) ([]line, error)
}

func groups() []group {
	return []group{
		{[]string{"T1"}, (*bench).guard},
		{[]string{"T2", "T3", "T4", "T5"}, (*bench).overHTTP},
		{[]string{"T7"}, (*bench).sliding},
		{[]string{"T6"}, (*bench).signedTokens},
		{[]string{"T8"}, (*bench).signIn},
		{[]string{"T9"}, (*bench).crowd},
		{[]string{"T10"}, (*bench).writers},
		{[]string{"T11"}, (*bench).pauses},
		{[]string{"T12", "T13"}, (*bench).growth},
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

// run measures what was chosen. With the table, it returns an error that joins why anything is missing in it.
func (b *bench) run(ctx context.Context) (table []line, err error) {
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "cloakroom-bench-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.dir)
	defer func() { err = errors.Join(err, b.started.stop()) }()
	for _, g := range groups() {
		if !b.wants(g.rows...) {
			continue
		}
		lines, err := g.measure(b, ctx)
		if ctx.Err() != nil {
			return table, errors.Join(ctx.Err(), b.gaps.err())
		}
		if err != nil {
			lines = b.unmeasured(g, err)
		}
		for _, l := range lines {
			if b.wants(l.Row) {
				table = append(table, l)
			}
		}
	}
	return table, b.gaps.err()
}

// unmeasured is a line for each row of a group that failed as a whole.
func (b *bench) unmeasured(g group, err error) (lines []line) {
	why := b.gaps.note(strings.Join(g.rows, ", "), err)
	for _, row := range g.rows {
		lines = append(lines, line{Row: row, What: "all of it", Missing: why})
	}
	return lines
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

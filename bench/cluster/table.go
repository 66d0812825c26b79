package main

import (
	"fmt"
	"io"
	"time"
)

// row is what came of one fault.
type row struct {
	fault, stores string
	figures
	lost       int // sessions that Valkey forgot
	violations []string
}

const columns = "%-17s %-16s %9s %8s %9s %7s %9s %9s %9s %10s %10s\n"

func header(out io.Writer) {
	fmt.Fprintf(out, columns, "fault", "stores", "requests", "503", "no answer", "failed", "node out", "all out", "recovered", "signed out", "violations")
}

// print writes the row, and what was wrong below it.
func (r row) print(out io.Writer) {
	n := func(v int) string { return fmt.Sprint(v) }
	d := func(v time.Duration) string { return fmt.Sprintf("%.2f s", v.Seconds()) }
	fmt.Fprintf(out, columns, r.fault, r.stores, n(r.requests), n(r.refused), n(r.unanswered), n(r.failed),
		d(r.oneOut), d(r.allOut), d(r.back), n(r.lost), n(len(r.violations)))
	complain(out, r.violations)
}

// shown is how many violations of a fault are told one by one.
const shown = 20

func complain(out io.Writer, violations []string) {
	for i, v := range violations {
		if i == shown {
			fmt.Fprintf(out, "  … and %d more\n", len(violations)-shown)
			return
		}
		fmt.Fprintln(out, "  violation:", v)
	}
}

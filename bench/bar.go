package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// bar shows on one line how much of something is done. It is safe for concurrent use.
type bar struct {
	out  io.Writer
	what string
	all  int

	mu    sync.Mutex
	done  int
	drawn int // percent
}

// barWidth is how many signs a full bar has.
const barWidth = 40

func newBar(out io.Writer, what string, all int) *bar {
	return &bar{out: out, what: what, all: all, drawn: -1}
}

// add says that n more are done. The last one ends the line.
func (b *bar) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += n
	percent := 100 * b.done / b.all
	if percent == b.drawn {
		return
	}
	b.drawn = percent
	full := barWidth * b.done / b.all
	fmt.Fprintf(b.out, "\r%s [%s%s] %3d %%", b.what, strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), percent)
	if b.done == b.all {
		fmt.Fprintln(b.out)
	}
}

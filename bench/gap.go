package main

import (
	"errors"
	"fmt"
	"strings"
)

// gaps are the figures that a run could not take. One does not stop the others: its place in the table says why.
type gaps struct {
	broken []error // what should have worked, for the exit code
}

// errAbsent is wrapped by what nobody promised: a program of others that this machine does not have.
var errAbsent = errors.New("left out")

// note remembers why a figure is missing and returns that for the table: in one line, without what ends a cell.
func (g *gaps) note(name string, err error) string {
	if !errors.Is(err, errAbsent) {
		g.broken = append(g.broken, fmt.Errorf("%s: %w", name, err))
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "|", "/")), " ")
	if runes := []rune(text); len(runes) > gapLength {
		text = string(runes[:gapLength]) + "…"
	}
	return text
}

// gapLength is how much of a reason stands in the table. All of it goes to standard error.
const gapLength = 160

// err is what the run ends with.
func (g *gaps) err() error {
	if len(g.broken) == 0 {
		return nil
	}
	return fmt.Errorf("%d could not be measured:\n%w", len(g.broken), errors.Join(g.broken...))
}

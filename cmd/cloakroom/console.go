package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// console is where a command reads and writes.
type console struct {
	env     []string
	in      io.Reader
	out     io.Writer // data
	talk    io.Writer // everything else
	grammar *commands
}

// say talks to whoever sits there.
func (c *console) say(format string, args ...any) { fmt.Fprintf(c.talk, format+"\n", args...) }

// print prints a line of data.
func (c *console) print(line string) error {
	_, err := fmt.Fprintln(c.out, line)
	return err
}

// show prints one thing: as JSON, or as lines of a name and a value.
func (c *console) show(value any, lines ...[2]string) error {
	if c.grammar.JSON {
		return json.NewEncoder(c.out).Encode(value)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		fmt.Fprintf(w, "%s\t%s\n", line[0], printable(line[1]))
	}
	return w.Flush()
}

// did tells what was done to what.
func (c *console) did(what, id string) error {
	if c.grammar.JSON {
		return c.show(map[string]string{what: id})
	}
	c.say("%s %s", what, id)
	return nil
}

// table prints a list row by row: as lines of JSON, or in columns.
type table struct {
	json    *json.Encoder
	columns *tabwriter.Writer
}

func (c *console) table(head ...string) *table {
	if c.grammar.JSON {
		return &table{json: json.NewEncoder(c.out)}
	}
	t := &table{columns: tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)}
	fmt.Fprintln(t.columns, strings.Join(head, "\t"))
	return t
}

func (t *table) row(value any, cells ...string) error {
	if t.json != nil {
		return t.json.Encode(value)
	}
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	_, err := fmt.Fprintln(t.columns, strings.Join(cells, "\t"))
	return err
}

func (t *table) end() error {
	if t.json != nil {
		return nil
	}
	return t.columns.Flush()
}

// printable keeps what users chose, such as their names and user agents, from moving the cursor of an operator.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// field is a field of the grammar as its tags tell it: a command, a flag or an argument.
type field struct {
	name     string // user, --set, EMAIL
	value    string // what stands for the value of a flag; empty for one that has none
	help     string
	argument bool
	required bool
	many     bool         // it takes all arguments that are left
	command  reflect.Type // the struct of a command
}

func fieldsOf(t reflect.Type) []field {
	var all []field
	for s := range t.Fields() {
		f := field{help: s.Tag.Get("help"), many: s.Type.Kind() == reflect.Slice}
		for key := range strings.SplitSeq(s.Tag.Get("arg"), ",") {
			switch name, isCommand := strings.CutPrefix(key, "subcommand:"); {
			case isCommand:
				f.name, f.command = name, s.Type.Elem()
			case key == "positional":
				f.name, f.argument = strings.ToUpper(s.Name), true
			case key == "required":
				f.required = true
			default:
				f.name = key
				if s.Type.Kind() != reflect.Bool {
					f.value = cmp.Or(s.Tag.Get("placeholder"), s.Tag.Get("default"), strings.ToUpper(s.Name))
				}
			}
		}
		all = append(all, f)
	}
	return all
}

// form is how the field is written on a command line.
func (f field) form() string {
	switch {
	case f.value != "":
		return f.name + "=" + f.value
	case f.many:
		return "[" + f.name + " ...]"
	}
	return f.name
}

// wished takes the word help from the front of args. It asks for what --help does: about the command that follows, if any.
func wished(args []string) (rest []string, help bool) {
	if len(args) > 0 && args[0] == "help" {
		return args[1:], true
	}
	return args, false
}

// page is what --help shows about a command: itself, and all below it.
type page struct {
	name   []string
	help   string
	fields []field // its own
}

const motto = "Sessions for your users: one on the server, any number of tickets for it."

// pageOf finds the page of a command by its name, which must be right; that of the program has none.
func pageOf(name []string) page {
	p := page{name, motto, fieldsOf(reflect.TypeFor[commands]())}
	for _, word := range name {
		i := slices.IndexFunc(p.fields, func(f field) bool { return f.command != nil && f.name == word })
		p.help, p.fields = p.fields[i].help, fieldsOf(p.fields[i].command)
	}
	return p
}

// choices are the commands right below this one.
func (p page) choices() []string {
	var names []string
	for _, f := range p.fields {
		if f.command != nil {
			names = append(names, f.name)
		}
	}
	return names
}

// required gives the form of what must be there with this value.
func (p page) required(value string) string {
	for _, f := range p.fields {
		if f.required && (f.value == value || f.name == value) {
			return f.form()
		}
	}
	return value
}

// usage is the whole of the command line.
func (p page) usage() string {
	words := append([]string{"cloakroom"}, p.name...)
	for _, f := range p.fields {
		if f.required || f.argument {
			words = append(words, f.form())
		}
	}
	if len(p.choices()) > 0 {
		words = append(words, "<command>")
	}
	return strings.Join(append(words, "[flags]"), " ")
}

// row is a line of help: a form, and what it means.
type row [2]string

func (p page) arguments() []row {
	var rows []row
	for _, f := range p.fields {
		if f.argument {
			rows = append(rows, row{f.form(), f.help})
		}
	}
	return rows
}

// flags are those of every command, and after an empty row those of this one.
func (p page) flags() []row {
	rows := []row{{"-h, --help", "Show context-sensitive help."}}
	add := func(fields []field) {
		for _, f := range fields {
			if !f.argument && f.command == nil {
				rows = append(rows, row{"    " + f.form(), f.help})
			}
		}
	}
	add(fieldsOf(reflect.TypeFor[commands]()))
	if len(p.name) > 0 {
		everywhere := len(rows)
		add(p.fields)
		if len(rows) > everywhere {
			rows = slices.Insert(rows, everywhere, row{})
		}
	}
	return rows
}

// commands are all that do something, at whatever depth.
func (p page) commands() []row {
	var rows []row
	for _, f := range p.fields {
		if f.command == nil {
			continue
		}
		below := page{append(slices.Clone(p.name), f.name), f.help, fieldsOf(f.command)}
		if len(below.choices()) > 0 {
			rows = append(rows, below.commands()...)
		} else {
			rows = append(rows, row{strings.Join(below.name, " "), f.help})
		}
	}
	return rows
}

func (p page) write(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Usage: %s\n\n%s\n", p.usage(), wrapped(p.help, 0))
	for _, part := range []struct {
		title string
		rows  []row
	}{{"Arguments", p.arguments()}, {"Flags", p.flags()}, {"Commands", p.commands()}} {
		if len(part.rows) > 0 {
			fmt.Fprintf(&text, "\n%s:\n%s", part.title, columns(part.rows))
		}
	}
	if len(p.name) == 0 {
		fmt.Fprintf(&text, "\nRun \"cloakroom <command> --help\" for more information on a command.\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// columns sets rows in two columns.
func columns(rows []row) string {
	left := 0
	for _, r := range rows {
		left = max(left, len(r[0]))
	}
	var text strings.Builder
	for _, r := range rows {
		line := fmt.Sprintf("  %-*s    %s", left, r[0], wrapped(r[1], left+6))
		text.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return text.String()
}

// wrapped breaks text into lines that end before the 80th column, where the first begins at column indent, as do the others.
func wrapped(text string, indent int) string {
	var b strings.Builder
	at := indent
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && at+1+n > 80:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		case i > 0:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

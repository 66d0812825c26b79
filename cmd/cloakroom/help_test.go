package main

import (
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// pages are those of a command and of all below it.
func pages(name ...string) []page {
	all := []page{pageOf(name)}
	for _, below := range pageOf(name).choices() {
		all = append(all, pages(append(name[:len(name):len(name)], below)...)...)
	}
	return all
}

// TestGrammar holds the structs of the commands to what the parser, the help and the dispatch expect of them.
func TestGrammar(t *testing.T) {
	parse(nil) // panics when the parser refuses the tags
	n := 0
	for _, p := range pages() {
		if len(p.choices()) == 0 {
			n++
		}
		for _, f := range p.fields {
			if f.help == "" || !strings.HasSuffix(f.help, ".") {
				t.Errorf("%v %s: help %q", p.name, f.name, f.help)
			}
			if f.command == nil {
				continue
			}
			_, runs := reflect.New(f.command).Interface().(runner)
			if below := pageOf(append(p.name[:len(p.name):len(p.name)], f.name)); runs == (len(below.choices()) > 0) {
				t.Errorf("%v: a command either runs or has commands, and this does both or neither", below.name)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d commands", n)
	}
}

// TestNames holds that flags and commands are named after their fields, but for those that say otherwise here.
func TestNames(t *testing.T) {
	named := map[string]string{"Conf": "config", "About": "--version", "JSON": "--json", "ID": "ID"}
	var check func(reflect.Type)
	check = func(s reflect.Type) {
		fields := fieldsOf(s)
		for i := range s.NumField() {
			f := s.Field(i)
			want := named[f.Name]
			switch {
			case want != "":
			case fields[i].argument:
				want = strings.ToUpper(f.Name)
			case fields[i].command != nil:
				want = kebab(f.Name)
			default:
				want = "--" + kebab(f.Name)
			}
			if fields[i].name != want {
				t.Errorf("%v.%s is %s, want %s", s, f.Name, fields[i].name, want)
			}
			if fields[i].command != nil {
				check(fields[i].command)
			}
		}
	}
	check(reflect.TypeFor[commands]())
}

func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func TestHelpFitsTerminal(t *testing.T) {
	for _, p := range pages() {
		var text strings.Builder
		if err := p.write(&text); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > 80 && !strings.HasPrefix(line, "Usage:") {
				t.Errorf("%v: %s", p.name, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%v: a space ends %q", p.name, line)
			}
		}
	}
}

package letter

import (
	"fmt"
	"html"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// values are what phrases can say, by name.
type values map[string]string

// escaped are the values as HTML can say them, between tags and in quoted attributes.
func (v values) escaped() values {
	e := maps.Clone(v)
	for name, value := range e {
		e[name] = html.EscapeString(value)
	}
	return e
}

// phrase is words with values between them.
type phrase []piece

// piece is text, a value, or a section; of the three fields only one is not empty.
type piece struct {
	text, value, condition string
	then, otherwise        phrase // of a section: what is said if the value of condition is not empty, and if it is
}

// say fills in values.
func (p phrase) say(v values) string {
	var out strings.Builder
	p.write(&out, v)
	return strings.TrimSpace(out.String())
}

func (p phrase) write(out *strings.Builder, v values) {
	for _, piece := range p {
		out.WriteString(piece.text)
		out.WriteString(v[piece.value])
		if v[piece.condition] != "" {
			piece.then.write(out, v)
		} else {
			piece.otherwise.write(out, v)
		}
	}
}

// proof is the reading of files that collects all mistakes in them.
type proof struct {
	files    map[string]string
	mistakes []error
}

// place is where something stands: a line of a file, or a file as a whole.
type place struct {
	file string
	line int
}

func (p *proof) mark(at place, format string, args ...any) {
	where := at.file
	if at.line > 0 {
		where = fmt.Sprintf("%s:%d", at.file, at.line)
	}
	p.mistakes = append(p.mistakes, fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...)))
}

// open gives what is in a file that must be there.
func (p *proof) open(file string) (content string, found bool) {
	if content, found = p.files[file]; !found {
		p.mark(place{file: file}, "is missing; a language needs all letters, and %s", wordsFile)
	}
	return content, found
}

// phrase reads a phrase that begins at a place and can say the values of some names.
func (p *proof) phrase(at place, source string, names []string) phrase {
	r := &reader{proof: p, at: at, rest: source, names: names}
	whole, end := r.pieces()
	for end != "" {
		r.mark(r.at, "{{%s}} belongs to no section", end)
		_, end = r.pieces()
	}
	return whole
}

// reader reads a phrase.
type reader struct {
	*proof
	at    place
	rest  string
	names []string
}

// pieces reads up to the end of a section, and gives the mark that ends it: ":", "/", or none at the end of the source.
func (r *reader) pieces() (read phrase, end string) {
	for {
		text, mark, found := r.next()
		if text != "" {
			read = append(read, piece{text: text})
		}
		name, section := strings.CutPrefix(mark, "?")
		switch {
		case !found, mark == ":", mark == "/":
			return read, mark
		case section:
			read = append(read, r.section(name))
		default:
			read = append(read, piece{value: r.known(mark)})
		}
	}
}

// next gives the text up to the next mark, and what is in its braces. It is not found at the end of the source.
func (r *reader) next() (text, mark string, found bool) {
	text, rest, open := strings.Cut(r.rest, "{{")
	r.at.line += strings.Count(text, "\n")
	mark, rest, closed := strings.Cut(rest, "}}")
	if open && !closed {
		r.mark(r.at, "{{ without }}")
	}
	r.rest = rest
	if !closed {
		return text, "", false
	}
	r.at.line += strings.Count(mark, "\n")
	return text, strings.TrimSpace(mark), true
}

func (r *reader) section(name string) piece {
	begin, end := r.at, ""
	s := piece{condition: r.known(name)}
	if s.then, end = r.pieces(); end == ":" {
		s.otherwise, end = r.pieces()
	}
	if end != "/" {
		r.mark(begin, "{{?%s}} is not ended by {{/}}", name)
	}
	return s
}

func (r *reader) known(name string) string {
	if !slices.Contains(r.names, name) {
		r.mark(r.at, "there is no value %q here; there are %s", name, strings.Join(r.names, ", "))
	}
	return name
}

// own are the values that no stranger chooses.
var own = []string{"Site", "Base", "Link", "Lang", "Dir"}

// markup is what is in HTML but is not read: tags, comments, and what programs have in their languages.
var markup = regexp.MustCompile(`(?is)<!--.*?(?:-->|\z)|<(?:script|style)\b.*?(?:</(?:script|style)\s*>|\z)|` +
	`<[a-z/!?](?:[^"'>]|"[^"]*(?:"|\z)|'[^']*(?:'|\z))*(?:>|\z)`)

var marks = regexp.MustCompile(`\{\{\s*(.*?)\s*\}\}`)

// html reads HTML, as a phrase. An escaped value can do harm in markup, so only our own may stand there; and no section, or
// what looks like markup here could become something else.
func (p *proof) html(file string) phrase {
	source := p.files[file]
	for _, span := range markup.FindAllStringIndex(source, -1) {
		for _, m := range marks.FindAllStringSubmatchIndex(source[span[0]:span[1]], -1) {
			name := source[span[0]+m[2] : span[0]+m[3]]
			if !slices.Contains(own, name) {
				p.mark(place{file, 1 + strings.Count(source[:span[0]+m[0]], "\n")},
					"{{%s}} stands in a tag, a comment, a script or a style, where only %s may", name, strings.Join(own, ", "))
			}
		}
	}
	return p.phrase(place{file, 1}, source, slices.Concat(letterValues, pageValues))
}

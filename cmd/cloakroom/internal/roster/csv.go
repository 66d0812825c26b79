package roster

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// table is a list with the names of its fields in the first line (RFC 4180).
type table struct {
	from    io.Reader
	ignored func(string)
}

var (
	errNoFields  = errors.New("the first line does not name the fields, such as external_id,email,password_hash")
	errOpenQuote = errors.New("a quote is opened here that is not closed as one must be, and from this line on nothing was read: mend the list, and run the import again")
	errOldLines  = errors.New("the lines end with CR alone: save the list with CR LF or LF between them")
)

func (t table) read(yield func(Account, error) bool) {
	b := bufio.NewReader(t.from)
	head, _ := b.Peek(4096)
	if oldLines(head) {
		yield(Account{}, errOldLines)
		return
	}
	at := &newlines{from: b}
	bounds := &bounded{from: at}
	r := csv.NewReader(bounds)
	r.Comma, r.ReuseRecord, r.FieldsPerRecord = separator(head), true, -1
	names, err := t.names(bounds, r)
	if err != nil {
		yield(Account{}, err)
		return
	}
	for {
		bounds.left = maxRecord
		begins := at.line(r.InputOffset())
		record, err := r.Read()
		if err == io.EOF {
			return
		}
		a, err := t.account(r, names, record, err)
		if a.Line == 0 {
			a.Line = begins
		}
		if !yield(a, err) {
			return
		}
		if _, goesOn := errors.AsType[*Refusal](err); err != nil && !goesOn {
			return
		}
	}
}

// names are the fields of the table. A name that is there twice, or none that is known, is a mistake about all of it.
func (t table) names(bounds *bounded, r *csv.Reader) ([]string, error) {
	bounds.left = maxRecord
	record, err := r.Read()
	if err == io.EOF {
		return nil, nil
	}
	if _, quoted := errors.AsType[*csv.ParseError](err); quoted {
		return nil, errNoFields
	}
	if err != nil {
		return nil, err
	}
	names := slices.Clone(record)
	anyKnown := false
	for i, name := range names {
		names[i] = strings.ToLower(strings.TrimSpace(name))
		if slices.Contains(names[:i], names[i]) {
			return nil, fmt.Errorf("the first line names a field twice, at place %d", i+1)
		}
		if known, _ := new(Account).set(names[i], nil); known {
			anyKnown = true
		} else {
			t.ignored(names[i])
		}
	}
	if !anyKnown || len(names) > maxFields {
		return nil, errNoFields
	}
	return names, nil
}

// account reads a record. An error that is no *Refusal is of all that follows, too.
func (t table) account(r *csv.Reader, names, record []string, err error) (Account, error) {
	if bad, ok := errors.AsType[*csv.ParseError](err); ok && bad.Err != errTooLong {
		return misquoted(bad)
	}
	if errors.Is(err, errTooLong) {
		err = fmt.Errorf("%w, or a quote is opened here and not closed; from this line on nothing was read", err)
	}
	if err != nil {
		return Account{}, err
	}
	line, _ := r.FieldPos(0)
	a := Account{Line: line}
	if len(record) != len(names) {
		message := fmt.Sprintf("has %d fields, the first line has %d", len(record), len(names))
		if last := lastLine(r, record); last > line {
			message += fmt.Sprintf("; by its quotes it is all of lines %d to %d", line, last)
		}
		return a, &Refusal{Line: line, Code: "invalid_csv", Message: message}
	}
	members := make(map[string]any, len(names))
	for i, name := range names {
		if !utf8.ValidString(record[i]) {
			return a, &Refusal{line, name, "invalid_encoding", notUTF8}
		}
		if record[i] != "" {
			members[name] = record[i]
		}
	}
	return a, fill(&a, members, func(string) {})
}

// misquoted is a record whose quotes are none. One that is open beyond its line hides the lines that follow, and nobody knows how many
// accounts: then nothing more is read, or they would be missed in silence.
func misquoted(bad *csv.ParseError) (Account, error) {
	a := Account{Line: bad.StartLine}
	if bad.Line > bad.StartLine {
		return a, errOpenQuote
	}
	return a, &Refusal{Line: bad.StartLine, Code: "invalid_csv", Message: "has a quote where none can be"}
}

// lastLine is where a record ends.
func lastLine(r *csv.Reader, record []string) int {
	last := len(record) - 1
	line, _ := r.FieldPos(last)
	return line + strings.Count(record[last], "\n")
}

// oldLines reports whether lines end with CR and never with LF.
func oldLines(head []byte) bool {
	i := bytes.IndexByte(head, '\r')
	return i >= 0 && bytes.IndexByte(head, '\n') < 0 && i+1 < len(head)
}

// separator is whichever of comma, semicolon and tab the first line has most of.
func separator(head []byte) rune {
	first, _, _ := strings.Cut(string(head), "\n")
	best := ','
	for _, r := range ";\t" {
		if strings.Count(first, string(r)) > strings.Count(first, string(best)) {
			best = r
		}
	}
	return best
}

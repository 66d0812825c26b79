package roster

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// table is a list with the names of its fields in the first line (RFC 4180).
type table struct {
	from    io.Reader
	ignored func(string)
}

var errNoFields = errors.New("the first line does not name the fields, such as external_id,email,password_hash")

func (t table) read(yield func(Account, error) bool) {
	b := bufio.NewReader(t.from)
	head, _ := b.Peek(4096)
	bounds := &bounded{from: b}
	r := csv.NewReader(bounds)
	r.Comma, r.ReuseRecord, r.FieldsPerRecord = separator(head), true, -1
	names, err := t.names(bounds, r)
	if err != nil {
		yield(Account{}, err)
		return
	}
	for {
		bounds.left = maxRecord
		record, err := r.Read()
		if err == io.EOF {
			return
		}
		a, err := t.account(r, names, record, err)
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

func (t table) account(r *csv.Reader, names, record []string, err error) (Account, error) {
	if bad, ok := errors.AsType[*csv.ParseError](err); ok && bad.Err != errTooLong {
		return Account{Line: bad.StartLine}, &Refusal{Line: bad.StartLine, Code: "invalid_csv", Message: "has a quote where none can be"}
	}
	if err != nil {
		return Account{}, err
	}
	line, _ := r.FieldPos(0)
	a := Account{Line: line}
	if len(record) != len(names) {
		return a, &Refusal{Line: line, Code: "invalid_csv", Message: fmt.Sprintf("has %d fields, the first line has %d", len(record), len(names))}
	}
	members := make(map[string]any, len(names))
	for i, name := range names {
		if record[i] != "" {
			members[name] = record[i]
		}
	}
	return a, fill(&a, members, func(string) {})
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

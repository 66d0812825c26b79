package roster

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"unicode/utf8"
)

// lines are a list of one JSON object a line.
type lines struct {
	from    io.Reader
	ignored func(string)
}

func (l lines) read(yield func(Account, error) bool) {
	r := bufio.NewReaderSize(l.from, 64<<10)
	for n := 1; ; n++ {
		line, err := nextLine(r)
		tooLong := errors.Is(err, errTooLong)
		if err != nil && err != io.EOF && !tooLong {
			yield(Account{Line: n}, err)
			return
		}
		ended := err == io.EOF
		if line = bytes.TrimSpace(line); len(line) > 0 || tooLong {
			a, refused := l.account(n, line, tooLong)
			if !yield(a, refused) {
				return
			}
		}
		if ended {
			return
		}
	}
}

// account reads a line. The error is a *Refusal.
func (l lines) account(n int, line []byte, tooLong bool) (Account, error) {
	a := Account{Line: n}
	if tooLong {
		return a, &Refusal{Line: n, Code: "too_long", Message: "has more than 1 MiB"}
	}
	if !utf8.Valid(line) { // which a decoder would mend
		return a, &Refusal{Line: n, Code: "invalid_encoding", Message: notUTF8}
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil || members == nil || !ended(d) {
		return a, &Refusal{Line: n, Code: "invalid_json", Message: "is not one JSON object"}
	}
	return a, fill(&a, members, l.ignored)
}

const notUTF8 = "is not UTF-8"

// ended reports whether nothing follows in the text of a decoder. More would take a bracket for the end.
func ended(d *json.Decoder) bool {
	_, err := d.Token()
	return err == io.EOF
}

// fill sets what members say. The error is a *Refusal of the first field that cannot be.
func fill(a *Account, members map[string]any, ignored func(string)) error {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names) // external_id before id; and the same words for the same line
	for _, name := range names {
		known, err := a.set(name, members[name])
		if err != nil {
			return &Refusal{a.Line, name, "invalid_value", err.Error()}
		}
		if !known {
			ignored(name)
		}
	}
	return nil
}

// nextLine reads to the end of a line. errTooLong: the line was left out. Every other error comes with what there is of the last
// line.
func nextLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line) <= maxRecord {
			line = append(line, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == nil && len(line) > maxRecord:
			return nil, errTooLong
		}
		return line, err
	}
}

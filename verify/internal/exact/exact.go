// Package exact reads JSON objects exactly as they are written.
//
// encoding/json matches names without regard to case, lets the last of two equal members win and mends broken text. For
// a signed statement each of these is a way to show one reader something else than another. Object refuses duplicate
// members, text that is not UTF-8, anything after the object, deep nesting and more members than any of our documents
// has; String and Number take values of one form only. Bounds are checked before anything is built.
//
// Not here: values inside values. Whoever decodes those says how strict it is.
package exact

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxDepth is how deep a document may nest: the outermost object is 1.
	MaxDepth = 16
	// MaxMembers is how many members an object may have.
	MaxMembers = 64
)

// What is wrong with a document.
var (
	ErrSyntax    = errors.New("not one JSON object")
	ErrText      = errors.New("not UTF-8")
	ErrDepth     = errors.New("nests too deep")
	ErrMembers   = errors.New("too many members")
	ErrDuplicate = errors.New("a member stands twice")
)

// Member is one member of an object. Value is a part of the document, not a copy.
type Member struct {
	Name  string
	Value []byte
}

// Object returns the members of the JSON object that is the whole of doc, in their order. Errors are those above.
func Object(doc []byte) ([]Member, error) {
	if !utf8.Valid(doc) {
		return nil, ErrText
	}
	if err := bounded(doc); err != nil {
		return nil, err
	}
	if doc = space(doc); len(doc) == 0 || doc[0] != '{' || !json.Valid(doc) {
		return nil, ErrSyntax
	}
	return members(space(doc[1:]))
}

// members splits what follows the opening brace. It may trust the syntax, which is checked.
func members(rest []byte) ([]Member, error) {
	found := make([]Member, 0, 16)
	for rest[0] != '}' {
		n := valueEnd(rest)
		name, ok := String(rest[:n])
		if !ok {
			return nil, ErrText
		}
		if Find(found, name) != nil {
			return nil, ErrDuplicate
		}
		rest = space(space(rest[n:])[1:]) // the colon
		n = valueEnd(rest)
		found = append(found, Member{name, rest[:n:n]})
		if rest = space(rest[n:]); rest[0] == ',' {
			rest = space(rest[1:])
		}
	}
	return found, nil
}

// Find returns the value of the member of exactly this name, or nil.
func Find(members []Member, name string) []byte {
	for i := range members {
		if members[i].Name == name {
			return members[i].Value
		}
	}
	return nil
}

// String reads a JSON string. Text with half a surrogate pair or a replacement character is refused: two different
// texts could be read as one.
func String(value []byte) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		text = string(value[1 : len(value)-1])
	} else if json.Unmarshal(value, &text) != nil {
		return "", false
	}
	return text, !strings.ContainsRune(text, utf8.RuneError)
}

// Strings reads a JSON array of strings.
func Strings(value []byte) (texts []string, ok bool) {
	var values []json.RawMessage
	if len(value) == 0 || value[0] != '[' || json.Unmarshal(value, &values) != nil {
		return nil, false
	}
	texts = make([]string, len(values))
	for i, v := range values {
		if texts[i], ok = String(v); !ok {
			return nil, false
		}
	}
	return texts, true
}

// Number reads a whole number below 2^53, written in digits: no sign, no fraction, no exponent. Every reader of JSON
// keeps such a number without loss (RFC 8259 §6).
func Number(value []byte) (n int64, ok bool) {
	const digits = 16
	if len(value) == 0 || len(value) > digits {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil && n < 1<<53
}

// bounded refuses a doc that nests too deep or has too many members, whatever else is wrong with it. It is many times
// cheaper than to parse one.
func bounded(doc []byte) error {
	depth, members, quoted := 0, 1, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return ErrDepth
			}
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 1:
			if members++; members > MaxMembers {
				return ErrMembers
			}
		}
	}
	return nil
}

// valueEnd returns the length of the value, or of the name, that doc begins with.
func valueEnd(doc []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			if quoted = !quoted; !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ',' || c == '}' || c == ']' || isSpace(c)):
			return i
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(doc)
}

func space(doc []byte) []byte {
	for len(doc) > 0 && isSpace(doc[0]) {
		doc = doc[1:]
	}
	return doc
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

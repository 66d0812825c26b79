package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one thing that is wrong, and what to do about it. It never holds a secret.
type Problem struct {
	Where  string `json:"where"`          // "cloakroom.yaml:12", the name of a variable, "flag" or "default"
	Key    string `json:"key,omitempty"`  // "session.idle"; empty when it is about a whole source
	Reason string `json:"reason"`         // why it cannot be
	Mend   string `json:"mend,omitempty"` // what to write instead
}

// String is one line: where: key: reason; mend.
func (p Problem) String() string {
	s := oneLine(p.Where) + ": "
	if p.Key != "" {
		s += oneLine(p.Key) + ": "
	}
	s += oneLine(p.Reason)
	if p.Mend != "" {
		s += "; " + oneLine(p.Mend)
	}
	return s
}

// Errors are all problems that were found. It is never empty where it is an error.
type Errors []Problem

// Error has one line for each problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// err is e, or nil when there are no problems.
func (e Errors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// fault is why a value cannot be, from one who does not know which key it is for.
type fault struct{ reason, mend string }

func (f fault) Error() string { return f.reason + "; " + f.mend }

// problemOf says of a key what a fault does not know.
func problemOf(where, key string, err error) Problem {
	var f fault
	if !errors.As(err, &f) {
		f.reason = err.Error()
	}
	return Problem{Where: where, Key: key, Reason: f.reason, Mend: f.mend}
}

func refuse(mend, format string, args ...any) error {
	return fault{reason: fmt.Sprintf(format, args...), mend: mend}
}

// quote shows a value in a problem if it is too short to be a secret.
func quote(text string) string {
	if len(text) > 32 {
		return "the value"
	}
	return strconv.Quote(text)
}

// oneLine keeps names from outside, such as keys and paths, from breaking the line or the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
}

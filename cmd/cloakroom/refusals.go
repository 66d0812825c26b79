package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/cmd/cloakroom/internal/roster"
)

// refusals keep account of what an import has refused: the first ones are said, and all of them written to a file, if there is one. They
// name fields and lines, and hold nothing of what stands there but the id in the other system.
type refusals struct {
	c        *console
	accounts int
	file     io.WriteCloser // nil: none
	buffer   *bufio.Writer
	lines    *json.Encoder
}

// saidRefusals is how many are said where there is no file for them.
const saidRefusals = 20

// refusalJSON is one field of an account that was refused, or all of it.
type refusalJSON struct {
	Line       int    `json:"line"`
	ExternalID string `json:"external_id,omitempty"`
	Field      string `json:"field,omitempty"`
	Code       string `json:"code"`
	Message    string `json:"message"`
}

// refusals opens a file for them, in the place of that of an earlier import. No path means no file.
func (c *console) refusals(path string) (*refusals, error) {
	r := &refusals{c: c}
	if path == "" {
		return r, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	r.file, r.buffer = f, bufio.NewWriter(f)
	r.lines = json.NewEncoder(r.buffer)
	return r, nil
}

func (r *refusals) add(a roster.Account, fields cloakroom.FieldErrors) error {
	r.accounts++
	for _, f := range fields {
		if r.file == nil {
			r.say(a.Line, f)
		} else if err := r.lines.Encode(refusalJSON{a.Line, a.ExternalID, f.Field, f.Code, f.Message}); err != nil {
			return err
		}
	}
	return nil
}

func (r *refusals) say(line int, f cloakroom.FieldError) {
	if r.accounts <= saidRefusals {
		r.c.say("line %d: %s", line, strings.TrimSpace(f.Field+" "+f.Message))
	}
}

// tell says where to find those that were not said.
func (r *refusals) tell() {
	switch {
	case r.file != nil && r.accounts > 0:
		r.c.say("%d were refused: why is in the file of --errors", r.accounts)
	case r.accounts > saidRefusals:
		r.c.say("and %d more were refused: --errors FILE keeps them all", r.accounts-saidRefusals)
	}
}

func (r *refusals) close() error {
	if r.file == nil {
		return nil
	}
	err := r.buffer.Flush()
	if closed := r.file.Close(); err == nil {
		err = closed
	}
	return err
}

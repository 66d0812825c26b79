package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/cmd/cloakroom/internal/roster"
	"github.com/cloakroom-auth/cloakroom/server"
)

// refusals keep account of what an import has refused: the first ones are said, and all of them written to a file, if there is one. They
// name fields and lines, and hold nothing of what stands there but the id in the other system.
type refusals struct {
	c        *console
	accounts int
	lacking  int            // were made without something
	file     io.WriteCloser // nil: none
	buffer   *bufio.Writer
	lines    *json.Encoder
}

// saidRefusals is how many are said where there is no file for them.
const saidRefusals = 20

// refusalJSON is one field of an account that was refused, or all of it.
type refusalJSON struct {
	Line       int    `json:"line"`
	Item       int    `json:"item,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
	Field      string `json:"field,omitempty"`
	Code       string `json:"code"`
	Message    string `json:"message"`
	Trimmed    bool   `json:"trimmed,omitempty"` // the account was made, without this
}

// refusals opens a file for them, which nobody else may read. What an earlier import has written there stays: the same command is
// given again where one was interrupted. No path means no file.
func (c *console) refusals(path string) (*refusals, error) {
	r := &refusals{c: c}
	if path == "" {
		return r, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if about, err := f.Stat(); err == nil && about.Mode().IsRegular() && server.OpenToOthers(about) {
		if err := f.Chmod(0o600); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	r.file, r.buffer = f, bufio.NewWriter(f)
	r.lines = json.NewEncoder(r.buffer)
	return r, nil
}

func (r *refusals) add(a roster.Account, fields cloakroom.FieldErrors) error {
	r.accounts++
	return r.note(a, fields, r.accounts, false)
}

// trimmed takes note of an account that was made without these fields.
func (r *refusals) trimmed(a roster.Account, fields cloakroom.FieldErrors) error {
	r.lacking++
	return r.note(a, fields, r.lacking, true)
}

// note says why, or writes it to the file. It is the nth of its sort.
func (r *refusals) note(a roster.Account, fields cloakroom.FieldErrors, nth int, trimmed bool) error {
	for _, f := range fields {
		switch {
		case r.file != nil:
			if err := r.lines.Encode(refusalJSON{a.Line, a.Item, a.ExternalID, f.Field, f.Code, f.Message, trimmed}); err != nil {
				return err
			}
		case nth <= saidRefusals:
			r.say(a, f, trimmed)
		}
	}
	return nil
}

func (r *refusals) say(a roster.Account, f cloakroom.FieldError, trimmed bool) {
	what := strings.TrimSpace(f.Field + " " + f.Message)
	if trimmed {
		what += ", and was left out"
	}
	if a.Item > 0 {
		r.c.say("user %d, line %d: %s", a.Item, a.Line, what)
		return
	}
	r.c.say("line %d: %s", a.Line, what)
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

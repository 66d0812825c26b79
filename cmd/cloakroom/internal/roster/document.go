package roster

import (
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// document is one JSON value: an object whose member "users" is the list, or the list itself.
type document struct {
	from    io.Reader
	account func(*Account, []byte) error // reads one user; its errors are *Refusal without a line
}

func (d document) read(yield func(Account, error) bool) {
	at := newlines{from: d.from}
	bounds := &bounded{from: &at}
	r := json.NewDecoder(bounds)
	if err := enter(r, bounds); err != nil {
		yield(Account{}, err)
		return
	}
	for n := 1; ; n++ {
		bounds.left = maxRecord
		if !r.More() {
			break
		}
		var user json.RawMessage
		if err := r.Decode(&user); err != nil {
			yield(Account{}, unreadable(err))
			return
		}
		a := Account{Line: at.line(r.InputOffset() - int64(len(user))), Item: n}
		err := d.readable(&a, user)
		if refused, ok := errors.AsType[*Refusal](err); ok {
			refused.Line = a.Line
		}
		if !yield(a, err) {
			return
		}
	}
	if _, err := r.Token(); err != nil { // the list ends, and was not cut off
		yield(Account{}, unreadable(err))
	}
}

func (d document) readable(a *Account, user []byte) error {
	if !utf8.Valid(user) { // which a decoder would mend
		return &Refusal{Code: "invalid_encoding", Message: notUTF8}
	}
	return d.account(a, user)
}

// enter reads up to the first user.
func enter(r *json.Decoder, bounds *bounded) error {
	bounds.left = maxRecord
	first, err := r.Token()
	if err != nil {
		return unreadable(err)
	}
	if first == json.Delim('[') {
		return nil
	}
	for first == json.Delim('{') && r.More() {
		bounds.left = maxRecord
		name, err := r.Token()
		if err != nil {
			return unreadable(err)
		}
		value, err := r.Token()
		if err != nil {
			return unreadable(err)
		}
		if name == "users" && value == json.Delim('[') {
			return nil
		}
		if err := leave(r, bounds, value); err != nil {
			return unreadable(err)
		}
		bounds.left = maxRecord
	}
	return errors.New(`there is no list of users: neither the document nor its member "users" is one`)
}

// leave reads to the end of a value that began with this token.
func leave(r *json.Decoder, bounds *bounded, token json.Token) (err error) {
	for depth := 0; ; {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		bounds.left = maxRecord
		if token, err = r.Token(); err != nil {
			return err
		}
	}
}

// unreadable says what a decoder found, without a byte of the document.
func unreadable(err error) error {
	if errors.Is(err, errTooLong) {
		return errTooLong
	}
	if _, wrong := errors.AsType[*json.SyntaxError](err); wrong {
		return errors.New("the document is not JSON")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the document is cut off")
	}
	return err
}

// record reads a user into what it is in its system.
func record(user []byte, into any) error {
	err := json.Unmarshal(user, into)
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return &Refusal{Field: wrong.Field, Code: "invalid_value", Message: "is of another type"}
	}
	return &Refusal{Code: "invalid_json", Message: "is not an object"}
}

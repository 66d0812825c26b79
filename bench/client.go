package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// client is one connection.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	want answer
}

func dial(ctx context.Context, addr string, want answer) (*client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReaderSize(conn, 8<<10), want}, nil
}

func (c *client) close() { _ = c.conn.Close() }

// exchange sends one request and reads its answer to the end.
func (c *client) exchange(request []byte) error {
	status, start, err := c.ask(request)
	if err == nil && (status != c.want.status || start != c.want.body) {
		err = fmt.Errorf("the answer is %d %q, not %d %q", status, start, c.want.status, c.want.body)
	}
	return err
}

// ask sends one request and returns the status of its answer, and how the body begins, as far as it is looked at.
func (c *client) ask(request []byte) (status int, start string, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, "", err
	}
	status, length, err := c.head()
	if err != nil {
		return 0, "", fmt.Errorf("reading an answer: %w", err)
	}
	if length != chunked {
		start, err = c.part(length)
		return status, start, err
	}
	for first := true; ; first = false {
		length, err := c.chunk()
		if length == 0 || err != nil {
			return status, start, err
		}
		text, err := c.part(length)
		if first {
			start = text
		}
		if err := errors.Join(err, c.end()); err != nil {
			return status, start, err
		}
	}
}

// part reads so much of a body and returns how it begins.
func (c *client) part(length int) (string, error) {
	text, err := c.in.Peek(min(length, len(c.want.body)))
	if err != nil {
		return "", fmt.Errorf("reading a body of %d bytes: %w", length, err)
	}
	start := c.want.body
	if string(text) != start { // so that the answer that is expected allocates nothing
		start = string(text)
	}
	if n, err := c.in.Discard(length); err != nil {
		return "", fmt.Errorf("the body ends after %d of %d bytes: %w", n, length, err)
	}
	return start, nil
}

// chunk reads the size of the next chunk (RFC 9112 §7.1). The last one has none, and its trailer is read.
func (c *client) chunk() (int, error) {
	text, err := c.line()
	if err != nil {
		return 0, fmt.Errorf("reading a chunk: %w", err)
	}
	size, _, _ := bytes.Cut(text, []byte(";"))
	n, err := strconv.ParseUint(string(size), 16, 31)
	if err != nil {
		return 0, fmt.Errorf("no size of a chunk: %q", text)
	}
	if n == 0 {
		return 0, c.end()
	}
	return int(n), nil
}

// end reads an empty line.
func (c *client) end() error {
	text, err := c.line()
	if err == nil && len(text) != 0 {
		err = fmt.Errorf("the line is not empty: %q", text)
	}
	return err
}

// head reads the status line and the fields, of which one must tell how long the body is.
func (c *client) head() (status, length int, err error) {
	text, err := c.line()
	if err != nil {
		return 0, 0, err
	}
	if !bytes.HasPrefix(text, []byte("HTTP/1.1 ")) || len(text) < 12 {
		return 0, 0, fmt.Errorf("no status line: %q", text)
	}
	if status, err = strconv.Atoi(string(text[9:12])); err != nil {
		return 0, 0, fmt.Errorf("no status: %q", text)
	}
	length, err = c.fields()
	if length == untold && status == 204 { // it has no body (RFC 9110 §15.3.5)
		length = 0
	}
	if length == untold && err == nil {
		err = errors.New("no Content-Length")
	}
	return status, length, err
}

// What stands for the length of a body that is not told ahead: in chunks, or not at all.
const (
	chunked = -1
	untold  = -2
)

// fields reads the fields of a head and returns what they say of the body's length.
func (c *client) fields() (length int, err error) {
	for length = untold; ; {
		text, err := c.line()
		if err != nil || len(text) == 0 {
			return length, err
		}
		name, value, _ := bytes.Cut(text, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case fieldIs(name, "Content-Length"):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return untold, fmt.Errorf("no length: %q", text)
			}
		case fieldIs(name, "Transfer-Encoding"):
			if !bytes.EqualFold(value, []byte("chunked")) {
				return untold, fmt.Errorf("unknown encoding: %q", text)
			}
			length = chunked
		}
	}
}

func fieldIs(name []byte, want string) bool {
	return len(name) == len(want) && bytes.EqualFold(name, []byte(want))
}

// line reads a line without its end. It is good until the next read.
func (c *client) line() ([]byte, error) {
	text, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(text, "\r\n"), nil
}

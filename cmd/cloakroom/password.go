package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxLine bounds what is read as one line, in bytes.
const maxLine = 8 << 10

// newPassword asks for a password, twice and unseen, or reads it from the first line of standard input.
func (c *console) newPassword(ctx context.Context, fromStdin bool) (string, error) {
	if fromStdin {
		return c.line()
	}
	if !isTerminal(c.in) {
		return "", &failure{errors.New("there is no terminal to ask for the password"), "pipe it in, and say --password-stdin", misused}
	}
	first, err := c.unseen(ctx, "password: ")
	if err != nil {
		return "", err
	}
	again, err := c.unseen(ctx, "again: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the two are not the same")
	}
	return first, nil
}

// unseen asks for a line that the terminal does not show.
func (c *console) unseen(ctx context.Context, prompt string) (string, error) {
	fd := int(c.in.(*os.File).Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(c.talk, prompt)
	defer c.say("")
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		return string(a.text), a.err
	case <-ctx.Done():
		return "", errors.Join(errors.New("interrupted"), term.Restore(fd, before))
	}
}

// line reads the first line of standard input, without its end.
func (c *console) line() (string, error) {
	text, err := bufio.NewReader(io.LimitReader(c.in, maxLine+1)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	if len(text) > maxLine {
		return "", fmt.Errorf("the line on standard input has more than %d bytes", maxLine)
	}
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), nil
}

// confirm asks whether to go on.
func (c *console) confirm(question string) error {
	fmt.Fprintf(c.talk, "%s type yes: ", question)
	answer, err := c.line()
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer) != "yes" {
		return hinted(errors.New("not confirmed; nothing was changed"), "say --yes where nobody can be asked")
	}
	return nil
}

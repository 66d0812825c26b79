package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

const (
	done    = 0
	notDone = 1
	misused = 2 // wrong usage or configuration
)

// failure is why a command was not done, with a hint at what to do.
type failure struct {
	cause error
	hint  string
	code  int
}

func (f *failure) Error() string { return f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

func hinted(cause error, hint string) error { return &failure{cause, hint, notDone} }

func usage(cause error) error { return &failure{cause, "run: cloakroom --help", misused} }

// exitCode ends the program without a word.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// report tells what went wrong, each mistake with its hint, and returns the exit code.
func (c *console) report(err error) int {
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	code := done
	for _, single := range split(err) {
		f := explain(single)
		c.say("cloakroom: %s", strings.TrimSpace(f.Error()))
		if f.hint != "" {
			c.say("hint: %s", f.hint)
		}
		code = max(code, f.code)
	}
	return code
}

// split takes joined errors apart.
func split(err error) []error {
	if err == nil {
		return nil
	}
	var parts []error
	switch e := err.(type) {
	case config.Errors:
		for _, p := range e {
			parts = append(parts, misconfigured(p))
		}
	case cloakroom.FieldErrors:
		for _, f := range e {
			parts = append(parts, &failure{fmt.Errorf("%s: %s", f.Field, f.Message), "", notDone})
		}
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			parts = append(parts, split(part)...)
		}
	default:
		parts = append(parts, err)
	}
	return parts
}

// misconfigured is a problem of the configuration as a failure.
func misconfigured(p config.Problem) error {
	mend := p.Mend
	p.Mend = ""
	return &failure{errors.New(p.String()), mend, misused}
}

// explain finds the hint and the code of an error.
func explain(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if wrong, ok := errors.AsType[*cloakroom.ConfigError](err); ok {
		return &failure{fmt.Errorf("%s: %s", wrong.Field, wrong.Reason), wrong.Mend, misused}
	}
	f := &failure{cause: err, code: notDone}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.hint = "something listens there already, perhaps another cloakroom; choose another port, or 0 for a free one"
	case outOfReach(err):
		f.hint = "see that the server runs, and lets this machine in: cloakroom doctor"
	case errors.Is(err, cloakroom.ErrEmailTaken):
		f.hint = "see: cloakroom user get EMAIL"
	case errors.Is(err, cloakroom.ErrLastHolder):
		f.cause, f.hint = errors.New("this is the last administrator"), "make somebody else an administrator first: cloakroom user set-role USER admin"
	}
	return f
}

// outOfReach reports whether a server that we need did not answer.
func outOfReach(err error) bool {
	op, network := errors.AsType[*net.OpError](err)
	return network && op.Op != "listen" || errors.Is(err, context.DeadlineExceeded)
}

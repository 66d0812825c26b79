package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cloakroom-auth/cloakroom/internal/archive"
	"github.com/cloakroom-auth/cloakroom/server"
)

type userExport struct {
	Output     string `arg:"--output" help:"Make this file, for nobody else to read, in place of writing to standard output." placeholder:"FILE"`
	WithHashes bool   `arg:"--with-hashes" help:"Put the hashes of passwords into it: whoever has it can try passwords at leisure."`
}

// exportedJSON is what an export to a file has done.
type exportedJSON struct {
	File     string `json:"file"`
	Accounts int    `json:"accounts"`
	Hashes   bool   `json:"hashes"` // it has them
}

func (x userExport) Run(ctx context.Context, c *console) error {
	return c.withEngine(ctx, existing, func(e *server.Engine) error {
		n, err := x.write(ctx, c, e)
		if err != nil && ctx.Err() != nil {
			return errors.New("interrupted: the export is not whole")
		}
		if err != nil {
			return err
		}
		if x.WithHashes {
			c.say("warning: the hashes of passwords are in it: guard it as you guard the database, and delete it when it has served")
		} else {
			c.say("the hashes of passwords are not in it: whoever is imported from it resets the password by mail")
		}
		if x.Output == "" || !c.grammar.JSON {
			c.say("%d accounts were written", n)
			return nil
		}
		return c.show(exportedJSON{x.Output, n, x.WithHashes})
	})
}

// write writes to where it was told to, and returns how many accounts.
func (x userExport) write(ctx context.Context, c *console, e *server.Engine) (n int, err error) {
	lines := func(to io.Writer) error {
		n, err = x.lines(ctx, c, e, to)
		return err
	}
	if x.Output == "" {
		return n, lines(c.out)
	}
	err = archive.Create(x.Output, lines)
	if errors.Is(err, fs.ErrExist) {
		err = hinted(fmt.Errorf("there is something at %s already", x.Output), "give another name; an export never replaces one")
	}
	return n, err
}

func (x userExport) lines(ctx context.Context, c *console, e *server.Engine, to io.Writer) (n int, err error) {
	p := c.progress()
	defer p.end()
	out := json.NewEncoder(to)
	for account, err := range e.Auth.Users().AllWithHashes(ctx) {
		if err != nil {
			return n, err
		}
		if !x.WithHashes {
			account.PasswordHash = ""
		}
		if err := out.Encode(account); err != nil {
			return n, err
		}
		n++
		p.told = fmt.Sprintf("%d accounts", n)
		p.watch("exporting", int64(n), 0)
	}
	return n, nil
}

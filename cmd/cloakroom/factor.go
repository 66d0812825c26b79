package main

import (
	"context"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server"
)

// factorJSON is something that a user signs in by.
type factorJSON struct {
	ID        string    `json:"id"`
	Method    string    `json:"method"`
	Name      string    `json:"name,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UsedAt    time.Time `json:"used_at"`
	Second    bool      `json:"second"` // a sign-in by another asks for it
	About     any       `json:"about,omitempty"`
}

func factorOf(f cloakroom.Factor) factorJSON {
	return factorJSON{f.ID, f.Method, f.Name, f.CreatedAt, f.UsedAt, f.Second, f.About}
}

type userFactors struct {
	User string `arg:"positional,required" help:"Id or e-mail."`
}

func (l userFactors) Run(ctx context.Context, c *console) error {
	return c.withUser(ctx, l.User, func(e *server.Engine, u *cloakroom.User) error {
		factors, err := e.Auth.Factors(ctx, u.ID)
		if err != nil {
			return err
		}
		t := c.table("ID", "METHOD", "NAME", "CREATED", "USED")
		for _, f := range factors {
			if err := t.row(factorOf(f), f.ID, f.Method, f.Name, moment(f.CreatedAt), moment(f.UsedAt)); err != nil {
				return err
			}
		}
		return t.end()
	})
}

type userResetFactors struct {
	User string `arg:"positional,required" help:"Id or e-mail."`
	Yes  bool   `arg:"--yes" help:"Do not ask."`
}

func (r userResetFactors) Run(ctx context.Context, c *console) error {
	return c.change(ctx, r.User, func(e *server.Engine, u *cloakroom.User) error {
		if !r.Yes {
			if err := c.confirm("remove all passkeys, second factors, recovery codes and remembered devices of " + u.ID + " " + printable(u.Email) + "?"); err != nil {
				return err
			}
		}
		if err := e.Auth.Users().ResetFactors(ctx, u.ID); err != nil {
			return err
		}
		if u.EmailVerified {
			c.say("a mail that tells of it is left for the server to send, if it has mail")
		}
		return nil
	})
}

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server"
)

type userVerify struct {
	User string `arg:"positional,required" help:"Id or e-mail."`
}

func (v userVerify) Run(ctx context.Context, c *console) error {
	return c.change(ctx, v.User, func(e *server.Engine, u *cloakroom.User) error {
		_, err := e.Auth.Users().Verify(ctx, u.ID)
		return err
	})
}

type userRequireReset struct {
	User string `arg:"positional,required" help:"Id or e-mail."`
}

func (r userRequireReset) Run(ctx context.Context, c *console) error {
	return c.change(ctx, r.User, func(e *server.Engine, u *cloakroom.User) error {
		if err := e.Auth.Users().RequireReset(ctx, u.ID); err != nil {
			return err
		}
		if u.Email == "" {
			c.say("there is no address to mail to: give the account a password with: cloakroom user set-password " + u.ID)
			return nil
		}
		c.say("a mail to reset it by is left for the server to send; a server without mail sends none: then run cloakroom user set-password " + u.ID)
		return nil
	})
}

type userRestore struct {
	User string `arg:"positional,required" help:"Id or e-mail."`
}

func (r userRestore) Run(ctx context.Context, c *console) error {
	return c.change(ctx, r.User, func(e *server.Engine, u *cloakroom.User) error {
		_, err := e.Auth.Users().Restore(ctx, u.ID)
		if errors.Is(err, cloakroom.ErrNotFound) {
			return fmt.Errorf("the time of %s is up: the account is being deleted", u.ID)
		}
		return err
	})
}

package main

import (
	"context"
	"errors"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type setupCommand struct{}

// setupJSON is the way to the first administrator.
type setupJSON struct {
	Link  string `json:"link,omitempty"` // empty: the address is not known here
	Token string `json:"token"`
}

func (setupCommand) Run(ctx context.Context, c *console) error {
	cfg, err := config.Check(c.source(nil), config.Production)
	if err != nil {
		return err
	}
	return c.withEngine(ctx, !existing, func(e *server.Engine) error {
		token, err := e.Auth.SetupToken(ctx)
		if errors.Is(err, cloakroom.ErrForbidden) {
			return hinted(errors.New("there is an administrator already"), "see: cloakroom user list --role "+cloakroom.RoleAdmin)
		}
		if err != nil {
			return err
		}
		made := setupJSON{Token: token.Reveal()}
		if base := cfg.Base(); base != "" {
			made.Link = base + "/auth/setup?token=" + made.Token
		}
		return c.showSetup(made)
	})
}

func (c *console) showSetup(made setupJSON) error {
	if c.grammar.JSON {
		return c.show(made)
	}
	c.say("whoever has this becomes the first administrator; it is good once, for a day, and an earlier one no longer")
	line := made.Link
	if line == "" {
		c.say("base_url is not known here, so this is only the token")
		line = made.Token
	}
	return c.print(line)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cloakroom-auth/cloakroom/internal/secretfile"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type secretCommands struct {
	Rotate *secretRotate `arg:"subcommand:rotate" help:"Put a fresh secret in front; a running server signs with it after about three seconds."`
}

type secretRotate struct {
	Keep int `arg:"--keep" default:"2" help:"How many old secrets go on verifying; what an older one signed is dead."`
}

func (r secretRotate) Run(_ context.Context, c *console) error {
	if r.Keep < 1 {
		return usage(errors.New("--keep is at least 1: without the old secret everybody would be signed out"))
	}
	cfg, err := config.Check(c.source(nil), config.Production)
	if err != nil {
		return err
	}
	path := server.SecretsPath(cfg)
	if path == "" {
		return hinted(errors.New("the secrets stand in the configuration, not in a file of ours"), "put a new one in front there; make it with: openssl rand -hex 32")
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return hinted(fmt.Errorf("there is no secrets file at %s", path), whereDataIs)
	}
	if err := secretfile.Rotate(path, r.Keep); err != nil {
		return err
	}
	if c.grammar.JSON {
		return c.show(map[string]any{"file": path, "keep": r.Keep})
	}
	c.say("a fresh secret is there, and running servers sign with it in about three seconds; up to %d old ones go on verifying", r.Keep)
	return nil
}

package main

import (
	"context"
	"errors"

	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type configCommands struct {
	Print *configPrint `arg:"subcommand:print" help:"Print every key with the value that counts, and where it came from; secrets are hidden."`
	Check *configCheck `arg:"subcommand:check" help:"Say everything that is wrong with the configuration."`
}

type configPrint struct{}

func (configPrint) Run(_ context.Context, c *console) error {
	cfg, err := config.Load(c.source(nil))
	if err != nil {
		return err
	}
	if c.grammar.JSON {
		return c.show(cfg.Settings())
	}
	return cfg.YAML(c.out)
}

type configCheck struct {
	Development bool `arg:"--development" help:"Check it for the development server."`
}

// verdict is what config check found.
type verdict struct {
	OK       bool             `json:"ok"`
	Problems []config.Problem `json:"problems"`
	Warnings []config.Problem `json:"warnings"`
}

func (k configCheck) Run(_ context.Context, c *console) error {
	mode := config.Production
	if k.Development {
		mode = config.Development
	}
	cfg, err := config.Check(c.source(nil), mode)
	problems, _ := errors.AsType[config.Errors](err)
	if wrong := server.CheckTemplates(cfg); wrong != nil {
		problems = append(problems, wrong...)
		err = problems
	}
	v := verdict{err == nil, append([]config.Problem{}, problems...), append([]config.Problem{}, cfg.Warnings(mode)...)}
	if c.grammar.JSON {
		if err := c.show(v); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	for _, w := range v.Warnings {
		c.say("warning: %s", w)
	}
	c.say("the configuration is good")
	return nil
}

package main

import (
	"context"
	"fmt"

	"github.com/cloakroom-auth/cloakroom/server/config"
	"github.com/cloakroom-auth/cloakroom/server/doctor"
)

type doctorCommand struct{}

// Run examines everything and fails when something must be mended.
func (doctorCommand) Run(ctx context.Context, c *console) error {
	cfg, err := config.Check(c.source(nil), config.Production)
	if err != nil {
		return err
	}
	worst := doctor.OK
	for f := range doctor.Examine(ctx, cfg) {
		worst = max(worst, f.Level)
		if err := c.finding(f); err != nil {
			return err
		}
	}
	if worst == doctor.Fail {
		return exitCode(notDone)
	}
	return nil
}

func (c *console) finding(f doctor.Finding) error {
	if c.grammar.JSON {
		return c.show(f)
	}
	line := fmt.Sprintf("%-4s  %-9s  %s", f.Level, f.What, printable(f.Detail))
	if f.Mend != "" {
		line += "; " + f.Mend
	}
	_, err := fmt.Fprintln(c.out, line)
	return err
}

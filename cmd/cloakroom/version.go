package main

import (
	"context"

	"github.com/cloakroom-auth/cloakroom/server"
)

type versionCommand struct{}

func (versionCommand) Run(_ context.Context, c *console) error {
	b := server.ReadBuild()
	return c.show(b, [2]string{"version", b.Version}, [2]string{"commit", b.Commit}, [2]string{"go", b.Go}, [2]string{"system", b.System})
}

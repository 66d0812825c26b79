package main

import (
	"context"
	"strings"

	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type developCommand struct {
	Listen string `arg:"--listen" help:"Listen at this address on loopback (the key listen); port 0 picks one." placeholder:"HOST:PORT"`
}

// Run serves on loopback until it is told to stop.
func (d developCommand) Run(ctx context.Context, c *console) error {
	return c.serve(ctx, config.Development, d.Listen, c.welcome)
}

// welcome tells what there is to try, in at most twelve lines and one piece: who has seen that it listens has seen all.
func (c *console) welcome(cfg config.Config, at server.Addresses) {
	site, data := "http://"+at.HTTP, cfg.Data
	if !cfg.Database().Local() {
		data = cfg.Database().String()
	}
	lines := []string{
		"cloakroom, development server, for this machine only; data in " + data,
		"listening on " + site,
		"",
		"  curl -c jar " + site + "/auth/signup -H 'Content-Type: application/json' \\",
		`       -d '{"email":"ana@example.com","password":"red-umbrella-stand"}'`,
		"  curl -b jar " + site + "/auth/me",
		"  API      " + site + "/openapi.json",
	}
	if at.Outbox != "" {
		lines = append(lines, "  mail     "+at.Outbox)
	}
	if at.Metrics != "" {
		lines = append(lines, "  metrics  http://"+at.Metrics+"/metrics")
	}
	if at.Setup != "" {
		lines = append(lines, "  setup    "+at.Setup)
	}
	c.say("%s", strings.Join(append(lines, "for production: cloakroom serve --config FILE"), "\n"))
}

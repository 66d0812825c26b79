package main

import (
	"context"

	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type developCommand struct {
	Listen string `help:"Listen at this address on loopback (the key listen); port 0 picks one." placeholder:"HOST:PORT"`
}

// Run serves on loopback until it is told to stop.
func (d developCommand) Run(ctx context.Context, c *console) error {
	return c.serve(ctx, config.Development, d.Listen, c.welcome)
}

// welcome tells what there is to try, in at most twelve lines.
func (c *console) welcome(cfg config.Config, at server.Addresses) {
	site := "http://" + at.HTTP
	c.say("cloakroom, development server, for this machine only; data in %s", cfg.Data)
	c.say("listening on %s", site)
	c.say("")
	c.say("  curl -c jar %s/auth/signup -H 'Content-Type: application/json' \\", site)
	c.say(`       -d '{"email":"ana@example.com","password":"red-umbrella-stand"}'`)
	c.say("  curl -b jar %s/auth/me", site)
	c.say("")
	c.say("  API      %s/openapi.json", site)
	if at.Metrics != "" {
		c.say("  metrics  http://%s/metrics", at.Metrics)
	}
	c.say("for production: cloakroom serve --config FILE")
}

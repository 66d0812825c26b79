package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type serveCommand struct {
	Listen string `arg:"--listen" help:"Listen at this address (the key listen); port 0 picks one." placeholder:"HOST:PORT"`
}

// Run serves until it is told to stop.
func (s serveCommand) Run(ctx context.Context, c *console) error {
	return c.serve(ctx, config.Production, s.Listen, func(_ config.Config, at server.Addresses) {
		c.say("listening on http://%s", at.HTTP)
		if at.Setup != "" {
			c.say("setup: %s", at.Setup)
		}
	})
}

func (c *console) serve(ctx context.Context, mode config.Mode, listen string, ready func(config.Config, server.Addresses)) error {
	cfg, err := config.Check(c.source(map[string]string{"listen": listen}), mode)
	if err != nil {
		return err
	}
	log := logger(cfg.Log, c.talk)
	for _, p := range cfg.Warnings(mode) {
		log.Warn(p.Reason, "key", p.Key, "mend", p.Mend)
	}
	s, err := server.New(cfg, mode, log)
	if err != nil {
		return err
	}
	return s.Run(ctx, func(at server.Addresses) { ready(cfg, at) })
}

// logger writes to w as the configuration says.
func logger(l config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil { // Check has passed it
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "text" || l.Format == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// isTerminal reports whether a person sits at the other end of a stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

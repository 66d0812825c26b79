package main

import (
	"context"
	"fmt"
)

// signedInSession is how GET /auth/session begins to answer somebody who is signed in.
const signedInSession = `{"session":{"id":"ses_`

// contestants do the same work over HTTP: they find the session of a request and answer with what is in it.
func contestants() []*contestant {
	server := func(name string, env ...string) *contestant {
		return &contestant{name: name, rows: []string{"T5"}, real: true, path: "/auth/session", want: signedInSession, env: env}
	}
	betterAuth := func(name string) *contestant {
		return &contestant{name: name, rows: []string{"T5"}, node: name, path: "/api/auth/get-session", want: `{"session":{"`}
	}
	return []*contestant{
		{name: trivialName, rows: []string{"T2", "T3", "T4", "T5"}},
		{name: "cloakroom", rows: []string{"T2"}},
		{name: "scs", rows: []string{"T2"}},
		{name: "gorilla", rows: []string{"T2"}},
		{name: "golang-jwt", rows: []string{"T2"}},
		{name: "express-session", rows: []string{"T2"}, node: "express-session"},
		{name: "jsonwebtoken", rows: []string{"T2"}, node: "jsonwebtoken"},
		{name: "Node without a session", rows: []string{"T2"}, node: "trivial"},

		{name: "cloakroom-sql", rows: []string{"T3"}},
		{name: "scs-sql", rows: []string{"T3"}},
		{name: "cloakroom-postgres", rows: []string{"T4"}, postgres: true},
		{name: "scs-postgres", rows: []string{"T4"}, postgres: true},
		{name: "cloakroom-valkey", rows: []string{"T4"}, postgres: true, valkey: true},
		{name: "cloakroom-valkey-alone", rows: []string{"T4"}, valkey: true},
		{name: "scs-redis", rows: []string{"T4"}, valkey: true},

		server("server"),
		server("server, strict", serverStrict),
		server("server, strict, with its log", serverStrict, "CLOAKROOM_LOG_LEVEL=info", "CLOAKROOM_LOG_FORMAT=json"),
		betterAuth("better-auth"),
		betterAuth("better-auth-cached"),
	}
}

// overHTTP is T2 to T5: the same request to everybody over 64 connections.
func (b *bench) overHTTP(ctx context.Context) ([]line, error) {
	r, err := b.race(ctx, contestants())
	if err != nil {
		return nil, err
	}
	defer r.stop()
	if err := r.run(ctx, "T2 to T5", func(c *contestant) error { return c.measure(ctx, b.each) }); err != nil {
		return nil, err
	}
	var all []line
	for _, row := range []struct {
		name  string
		lines func() []line
	}{{"T2", r.cached}, {"T3", r.onSQLite}, {"T4", r.onServers}, {"T5", r.ofServer}} {
		if b.wants(row.name) {
			all = append(all, row.lines()...)
		}
	}
	return all, nil
}

func (r *race) cached() []line {
	return []line{r.line(
		line{Row: "T2", What: "library over HTTP, sessions in its cache, on SQLite", Note: r.scale(), Target: atLeast(0.75)},
		"cloakroom", "scs", "gorilla", "golang-jwt", "express-session", "jsonwebtoken", "Node without a session",
	)}
}

func (r *race) onSQLite() []line {
	return []line{r.line(
		line{Row: "T3", What: "library over HTTP, SQLite asked each time", Target: atLeast(0.5)}, "cloakroom-sql", "scs-sql",
	)}
}

func (r *race) onServers() []line {
	return []line{
		r.line(
			line{Row: "T4", What: "library over HTTP, PostgreSQL asked each time", Target: atLeast(0.28)},
			"cloakroom-postgres", "scs-postgres",
		),
		// scs has no users to ask for, as ours has with users in memory.
		r.line(
			line{Row: "T4", What: "the same, sessions in Valkey and users in PostgreSQL, both asked each time", Target: atLeast(0.5)},
			"cloakroom-valkey", "scs-redis", "cloakroom-valkey-alone",
		),
	}
}

func (r *race) ofServer() []line {
	loud := "server, strict, with its log"
	return []line{
		r.line(
			line{Row: "T5", What: "GET /auth/session of the server, sessions in its cache", Target: atLeast(0.6)},
			"server", "better-auth-cached",
		),
		r.line(
			line{
				Row: "T5", What: "the same, SQLite asked each time", Target: atLeast(0.4),
				Note: fmt.Sprintf("; with a log line for each %s", shown(r.ratio(loud), r.note(loud), r.field[loud].missing)),
			},
			"server, strict", "better-auth",
		),
	}
}

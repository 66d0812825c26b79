// Package server is the cloakroom server, put together from the other packages: configuration in, a process's worth of
// listening, logging and measuring out.
//
//	s, err := server.New(cfg, config.Production, logger)   // every mistake at once
//	err = s.Run(ctx, func(at server.Addresses) { … })      // until ctx ends, then in order to a stop
//
// [Open] gives the engine alone, without a listener, for commands that work on the same data, beside a running server
// or without one.
//
// A request goes through one chain: it gets an id, is counted and logged when it is answered, gets the headers that every answer
// has, and a panic becomes a plain 500. Then a mux chooses: the JSON API under /auth/ and what is for everybody below
// /.well-known/, the few addresses of the server itself (/livez, /readyz, /version), or a 404 problem document. Figures for Prometheus are on a listener of their
// own, because they are for the operator and not for the world. A development server that no mail server was named to keeps its
// mails in memory and shows them at /dev/outbox, to this machine only. The link by which the first administrator makes an account is
// told through [Addresses], and not logged.
//
// What it refuses: a configuration that [config.Config.Validate] refuses, secrets that others may read, stores that are out of
// reach when it starts, an address that is taken. Stores that go away later are waited for: requests get 503 meanwhile.
// What is not here: flags, the environment, signals and exit codes; those are of package main. TLS is for the proxy before
// it.
package server

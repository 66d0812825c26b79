// Command cloakroom is the Cloakroom server and what its operator needs beside it.
//
//	cloakroom                            a server to try, on loopback, without configuration
//	cloakroom serve --config FILE        the server
//	cloakroom user add EMAIL --role admin
//	cloakroom doctor                     what is wrong, and how to mend it
//
// Every command takes --config, --data and --set as serve does, works while the server runs, and prints JSON with --json.
// Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 not done, 2 wrong usage or
// configuration. There is no account and no password before an operator makes one; passwords come from a prompt or from
// standard input, never from the command line. docs/cli.md shows each command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(start()) }

// start runs the program until it is done, or told to stop by SIGINT or SIGTERM. A second signal ends it at once.
func start() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(notDone)
	}()
	return run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
}

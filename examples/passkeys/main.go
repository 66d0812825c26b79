// Command passkeys serves one page where an account is opened by a passkey: made after a sign-up with a password, used by a
// button, from the list that the e-mail field offers, as the second factor after a password, and to prove a session anew
// before something sensitive.
//
//	go run ./passkeys                   # from the folder examples; http://localhost:3004
//	go run ./passkeys -db accounts.db   # accounts and sessions outlive a restart
//
// Passkeys belong to a domain, and an address such as 127.0.0.1 is none: the page is at localhost, and who comes by the
// address is sent there. With a domain and https in the place of it, nothing else changes (passkeys.go).
//
// The page, in the folder page, is plain HTML and JavaScript: webauthn.js is all that talks to the device, proof.js meets
// challenges, one proof after the other, and app.js is the rest.
//
// A proof counts as fresh for one minute here, so that one can watch the step-up; ten are the default (-fresh).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/password"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

func main() {
	port := flag.String("port", "3004", "`port` of localhost to listen on")
	database := flag.String("db", "", "SQLite `file` that keeps accounts and sessions (default: memory)")
	fresh := flag.Duration("fresh", time.Minute, "how `long` a proof is good enough for what is sensitive")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *port, *database, *fresh, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "passkeys:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, port, database string, fresh time.Duration, stderr io.Writer) (err error) {
	store, shutdown, err := openStore(database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown()) }()
	l, err := net.Listen("tcp", "localhost:"+port)
	if err != nil {
		return err
	}
	defer l.Close()
	origin := originOf(l)
	c := config(origin, password.Method{})
	c.Store, c.FreshFor = store, fresh
	auth, err := cloakroom.New(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, auth.Close(context.Background())) }()
	fmt.Fprintf(stderr, "listening on %s\n", origin)
	return serve(ctx, l, routes(auth, origin))
}

// originOf is how browsers reach a listener by name.
func originOf(l net.Listener) string {
	return fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
}

func openStore(file string) (store cloakroom.Store, shutdown func() error, err error) {
	if file == "" {
		s := memory.New()
		return s, s.Shutdown, nil
	}
	s, err := sqlite.Open(file)
	if err != nil {
		return nil, nil, err
	}
	return s, s.Shutdown, nil
}

// serve answers requests until ctx ends, and lets those under way finish.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	done := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		done <- server.Shutdown(patience)
	})
	if err := server.Serve(l); stop() || !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-done
}

// Command jsonlogin serves one page that signs in by JSON: it POSTs the e-mail and the password, and the session comes
// back as an HttpOnly cookie, which the browser sends from then on and no script can read.
//
//	go run ./jsonlogin                   # from the folder examples; http://127.0.0.1:3002
//	go run ./jsonlogin -db accounts.db   # accounts and sessions outlive a restart
//
// The server is two lines: package api for everything under /auth/, and Protect for what only a signed-in user may
// see (jsonlogin.go). The page is in the folder page: forms that password managers and screen readers understand, and a
// script that asks the server who is signed in. A log-out in one tab ends all others: they share the cookie, the
// session behind it is dead, and each tab asks again when it is told, comes to the front or is answered 401.
//
// A page of another site can sign nobody in here: its JSON is held up by the browser, and what gets through without
// JSON is refused by the server.
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
	listen := flag.String("listen", "127.0.0.1:3002", "`address` to listen on")
	database := flag.String("db", "", "SQLite `file` that keeps accounts and sessions (default: memory)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *listen, *database, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "jsonlogin:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, listen, database string, stderr io.Writer) (err error) {
	store, shutdown, err := openStore(database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown()) }()
	auth, err := cloakroom.New(cloakroom.Config{Store: store, Methods: []cloakroom.Method{password.Method{}}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, auth.Close(context.Background())) }()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "listening on http://%s\n", l.Addr())
	return serve(ctx, l, routes(auth))
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

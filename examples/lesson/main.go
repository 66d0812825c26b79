// Command lesson is a well-known Node.js lesson, made again on cloakroom: one user, signed in by a server-side session on
// one road and by a signed token on the other, so that the two can be compared.
//
//	go run ./lesson                      # from the folder examples; http://localhost:3000
//	curl -c jar -X POST localhost:3000/session-login
//	curl -b jar localhost:3000/session-profile
//	curl -X POST localhost:3000/token-login
//	curl -H "Authorization: Bearer TOKEN" localhost:3000/token-profile
//
// The roads, the texts and the status codes are those of the lesson, with what it gets wrong put right: the session id
// changes at each sign-in, a name is never HTML, and a wrong method is 405.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:3000", "address to listen on")
	database := flag.String("db", "", "SQLite file that keeps sessions over a restart (default: memory)")
	key := flag.String("jwt-key-file", "", "file with the key of the signed tokens, 32 bytes or more (default: a new one)")
	name := flag.String("name", "Alice", "name of the user")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *listen, *database, *key, *name); err != nil {
		fmt.Fprintln(os.Stderr, "lesson:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, listen, database, keyFile, name string) (err error) {
	store, shutdown, err := openStore(database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown()) }()
	key, err := readKey(keyFile)
	if err != nil {
		return err
	}
	lesson, err := newLesson(store, key, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lesson.auth.Close(context.Background())) }()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", l.Addr())
	return serve(ctx, l, lesson.routes())
}

// serve answers requests until ctx ends, and lets those under way finish.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
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

func openStore(file string) (cloakroom.Store, func() error, error) {
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

func readKey(file string) ([]byte, error) {
	if file == "" {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		return key, nil
	}
	key, err := os.ReadFile(file)
	if err == nil && len(key) < 32 {
		err = fmt.Errorf("%s: the key has %d bytes, HS256 needs 32 (RFC 7518 §3.2)", file, len(key))
	}
	return key, err
}

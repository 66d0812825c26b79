// Command shop is a small GraphQL shop with a guest cart, made on cloakroom. Looking costs nothing; the first item in
// the cart begins a guest session; signing in takes the cart along.
//
//	go run ./shop                        # from the folder examples; http://127.0.0.1:3001/graphql
//	node shop/client.mjs                 # in another terminal: a customer's story, told by a script
//
// The session's token goes out in a response header whenever it is new, "shop-auth-token" if -header does not say
// otherwise; the client sends it back as Authorization: Bearer. With -delivery cookie it is an HttpOnly cookie instead,
// and no header shows it; with -delivery both it is both.
//
// How a request travels: auth.CORS, auth.Optional (who is it, if anybody), then the whole document is executed into
// memory, so that a resolver can still set headers, and written last (graphql.go). What a resolver does with the session
// is in resolve.go; what becomes of the cart, in cart.go and shop.go. Errors are GraphQL errors with a code in their
// extensions (errors.go) and HTTP status 200, except for requests that are no GraphQL at all.
//
// Several requests sent at once before there is a token begin a session each: a client waits for its first answer, as
// client.mjs does. Several fields of one document share one session.
//
// Everything is kept in memory and gone with the process. At each start an administrator is made, whose password is
// printed.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/password"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

const adminEmail = "admin@example.com"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	listen, s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	shop, err := open(s)
	if err != nil {
		return err
	}
	defer shop.auth.Close(context.Background())
	secret := rand.Text()
	_, err = shop.auth.Users().Create(ctx, cloakroom.NewUser{Email: adminEmail, Roles: []string{cloakroom.RoleAdmin}, Secret: secret})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "listening on http://%s/graphql\nadministrator: %s, password: %s\n", l.Addr(), adminEmail, secret)
	return serve(ctx, l, shop.routes())
}

func parse(args []string, stderr io.Writer) (listen string, s settings, err error) {
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&listen, "listen", "127.0.0.1:3001", "`address` to listen on")
	delivery := flags.String("delivery", "bearer", "where tokens go: bearer, cookie or both")
	flags.StringVar(&s.header, "header", "shop-auth-token", "`name` of the response header that carries a new token")
	flags.StringVar(&s.merge, "merge", "union", "whose cart counts at sign-in: union, use-guest, use-existing or guest-if-empty")
	flags.BoolVar(&s.beginOnRead, "begin-on-read", false, "looking at the cart begins a session too")
	origins := flags.String("origins", "", "other `origins` whose pages may call with cookies, separated by commas")
	err = flags.Parse(args)
	s.delivery = cloakroom.Delivery(*delivery)
	if *origins != "" {
		s.origins = strings.Split(*origins, ",")
	}
	s.store, s.methods = memory.New(), []cloakroom.Method{password.Method{Words: []string{"shop"}}}
	return listen, s, err
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

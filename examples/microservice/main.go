// Command microservice runs two programs in one: an app with its sign-in, and a service beside it that checks the app's
// signed tokens by itself, without a request for each call, and still refuses them when their user has signed out.
//
//	go run ./microservice                          # from the folder examples; app on :3003, orders on :3004
//	node microservice/walk.mjs                     # in a second terminal: sign in, call, sign out, call again
//
// The app is app.go: the JSON API, and one page-like endpoint. The service is orders.go: all that it has of cloakroom is
// package verify, with the address of the app, the name it goes by, and an id and a secret with which it may read what was
// revoked. In life the two are two programs on two machines, and share nothing but these four words.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "microservice:", err)
		os.Exit(1)
	}
}

// run serves both until ctx ends.
func run(ctx context.Context, args []string, told io.Writer) (err error) {
	flags := flag.NewFlagSet("microservice", flag.ContinueOnError)
	flags.SetOutput(told)
	appAt := flags.String("app", "127.0.0.1:3003", "address of the app")
	ordersAt := flags.String("orders", "127.0.0.1:3004", "address of the service")
	if err := flags.Parse(args); err != nil {
		return err
	}
	appListener, err := net.Listen("tcp", *appAt)
	if err != nil {
		return err
	}
	ordersListener, err := net.Listen("tcp", *ordersAt)
	if err != nil {
		return errors.Join(err, appListener.Close())
	}
	issuer := "http://" + appListener.Addr().String()
	secret := newSecret()
	app, err := newApp(issuer, clientOf(secret))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.close()) }()
	orders, err := newOrders(issuer, secret, http.DefaultTransport)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, orders.tokens.Close()) }()
	fmt.Fprintf(told, "app on %s, orders on http://%s\n", issuer, ordersListener.Addr())
	return serve(ctx, app, listening{appListener, app.handler()}, listening{ordersListener, orders.handler()})
}

type listening struct {
	net.Listener
	http.Handler
}

// serve answers requests until ctx ends or one of the servers fails, and lets those under way finish.
func serve(ctx context.Context, app *app, all ...listening) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	servers := make([]*http.Server, len(all))
	for i, l := range all {
		servers[i] = &http.Server{Handler: l.Handler, ReadHeaderTimeout: 5 * time.Second}
		go func() { cancel(servers[i].Serve(l.Listener)) }()
	}
	<-ctx.Done()
	app.auth.Drain() // whoever waits for revocations gets an answer now
	patience, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	var err error
	for _, s := range servers {
		err = errors.Join(err, s.Shutdown(patience))
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}

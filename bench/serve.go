package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// serve is the other side of the program: a server under test. It writes the credentials that it takes into a file in
// dir, says where it listens, and serves until ctx ends.
func serve(ctx context.Context, kind, dir string, at servers, said io.Writer) error {
	w, err := open(kind, dir, at)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var repeated sync.WaitGroup
	if w.each != nil {
		repeated.Go(func() { cancel(everySecond(ctx, w.each)) })
	}
	err = errors.Join(w.serve(ctx, dir, said), failure(ctx))
	cancel(nil)
	repeated.Wait()
	if w.close != nil {
		err = errors.Join(err, w.close())
	}
	return err
}

// failure is why ctx has ended, if that is not a signal.
func failure(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// everySecond calls f until ctx ends or it fails.
func everySecond(ctx context.Context, f func() error) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := f(); err != nil {
				return err
			}
		}
	}
}

func (w *world) serve(ctx context.Context, dir string, said io.Writer) error {
	text, err := json.Marshal(w.credentials)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, credentialsFile), text, 0o600); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: w.handler}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	fmt.Fprintf(said, "listening on http://%s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

const credentialsFile = "credentials"

func readCredentials(dir string) (all []string, err error) {
	text, err := os.ReadFile(filepath.Join(dir, credentialsFile))
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(text, &all)
}

// agent is a browser, as it calls itself.
const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// gets are GET requests of a path, one for each credential.
func gets(addr, path string, credentials []string) [][]byte {
	all := make([][]byte, len(credentials))
	for i, c := range credentials {
		all[i] = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nAccept: */*\r\n%s\r\n\r\n", path, addr, agent, c)
	}
	return all
}

// post is a POST request with a JSON body.
func post(addr, path string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, addr, agent, len(text), text), nil
}

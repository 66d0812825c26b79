package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// nodesOn are nodes in this process on one store, with people in it.
func nodesOn(t *testing.T, count, people int) *nodes {
	t.Helper()
	store, n := memory.New(), &nodes{}
	for i := range count {
		w, err := ours(store, people*max(0, 1-i), cloakroom.Config{})
		if err != nil {
			t.Fatal(err)
		}
		n.cookies = append(n.cookies, w.credentials...)
		mux := http.NewServeMux()
		mux.Handle("GET "+hello, w.handler)
		mux.Handle("/auth/", api.New(w.auth))
		server := httptest.NewServer(mux)
		n.addrs = append(n.addrs, server.Listener.Addr().String())
		t.Cleanup(func() {
			server.Close()
			if err := w.close(); err != nil {
				t.Error(err)
			}
		})
	}
	return n
}

func TestNodesAreCounted(t *testing.T) {
	n := nodesOn(t, 3, 4)
	if err := n.turn(t.Context(), time.Hour, 3); err != nil {
		t.Fatal(err)
	}
	if n.count != 3*2 || len(n.cookies) != 1 || len(n.p99) != 1 || n.p99[0] <= 0 || n.longest[0] < n.p99[0] {
		t.Errorf("%d heard, p99 %v, longest %v, %d are still there", n.count, n.p99, n.longest, len(n.cookies))
	}
}

// A node that never hears of a log-out, and a log-out of nobody, must not pass for a fast one.
func TestNodesNotice(t *testing.T) {
	n := nodesOn(t, 2, 1)
	deaf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { greet(w, userName) }))
	defer deaf.Close()
	n.addrs[1] = deaf.Listener.Addr().String()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := n.leave(ctx, n.cookies[0], 0); err == nil {
		t.Error("a deaf node has heard")
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.leave(ctx, "Cookie: session=crs_unknown", 0); err == nil {
		t.Error("somebody left who was never there")
	}
}

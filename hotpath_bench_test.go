//go:build !race

// Not under the race detector: it makes sync.Pool forget at random, so that what is counted here says nothing.

package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// The hot path: what a guard adds to a request over the bare mux, with the store in memory. Compare the lines of
//
//	go test -run - -bench HotPath
func BenchmarkHotPath(b *testing.B) {
	for _, path := range hotPaths(b) {
		b.Run(path.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				path.send()
			}
		})
	}
}

func BenchmarkHotPathParallel(b *testing.B) {
	for _, path := range hotPaths(b) {
		b.Run(path.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					path.send()
				}
			})
		})
	}
}

// TestHotPathAllocations holds the guard to the one allocation over the bare mux that it makes; the promise is three.
func TestHotPathAllocations(t *testing.T) {
	const ceiling = 1
	paths := hotPaths(t)
	bare := testing.AllocsPerRun(500, paths[0].send)
	for _, path := range paths[1:] {
		if added := testing.AllocsPerRun(500, path.send) - bare; added > ceiling {
			t.Errorf("%s allocates %v times more than the bare mux, want at most %d", path.name, added, ceiling)
		}
	}
}

// hotPath sends one request through a mux.
type hotPath struct {
	name string
	send func() // fails when the request is not let through
}

// hotPaths are the bare mux and, after it, what is compared with it.
func hotPaths(tb testing.TB) []hotPath {
	room := authtest.New(tb, cloakroom.Config{Now: time.Now})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bare", greet)
	mux.Handle("GET /guarded", room.Protect(func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) { greet(w, r) }))
	ana := room.User("ana@example.com", "editor")
	request := func(path string) *http.Request { return httptest.NewRequest("GET", secure+path, nil) }
	path := func(name string, r *http.Request) hotPath {
		return hotPath{name, func() {
			w := discard{header: make(http.Header, 4)}
			if mux.ServeHTTP(&w, r); w.status != http.StatusOK {
				tb.Fatalf("%s: status %d", name, w.status)
			}
		}}
	}
	paths := []hotPath{
		path("bare mux", request("/bare")),
		path("cookie", room.ByCookie(request("/guarded"), ana)),
		path("bearer", room.ByBearer(request("/guarded"), ana)),
	}
	for deadline := time.Now().Add(10 * time.Second); room.CacheStats().Hits < 10; time.Sleep(time.Millisecond) {
		for _, p := range paths { // until the feed was heard, the store is asked
			p.send()
		}
		if time.Now().After(deadline) {
			tb.Fatal("the sessions are not remembered")
		}
	}
	return paths
}

func greet(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = plainText
	w.WriteHeader(http.StatusOK)
}

var plainText = []string{"text/plain; charset=utf-8"}

// discard is the cheapest ResponseWriter.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

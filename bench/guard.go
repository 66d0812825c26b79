package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// guard is T1: what finding the session adds to a request over the bare mux, in this process, without a network.
func (b *bench) guard(ctx context.Context) ([]line, error) {
	testing.Init()
	if err := flag.Set("test.benchtime", b.each.String()); err != nil {
		return nil, err
	}
	contestants := []string{trivialName, "cloakroom", "cloakroom-memory", "cloakroom-sql", "scs", "gorilla", "golang-jwt"}
	times, allocs := map[string][]float64{}, map[string][]float64{}
	worlds := map[string]*world{}
	for _, kind := range contestants {
		dir, err := b.scratch(kind)
		if err != nil {
			return nil, err
		}
		w, err := open(kind, dir, servers{})
		if err != nil {
			return nil, err
		}
		if w.close != nil {
			defer w.close()
		}
		worlds[kind] = w
	}
	worlds[trivialName].credentials = worlds["cloakroom"].credentials // as many as everybody has
	err := b.turns(ctx, "T1", func() error {
		for _, kind := range contestants {
			r, err := inProcess(worlds[kind])
			if err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			times[kind] = append(times[kind], float64(r.T.Nanoseconds())/float64(r.N))
			allocs[kind] = append(allocs[kind], float64(r.AllocsPerOp()))
		}
		return nil
	})
	added := func(unit string, of map[string][]float64, kind string) figure {
		return figureOf(unit, pairwise(of[kind], of[trivialName], difference))
	}
	others := func(unit string, of map[string][]float64) string {
		return fmt.Sprintf("without a cache: memory %s, SQLite %s", added(unit, of, "cloakroom-memory"), added(unit, of, "cloakroom-sql"))
	}
	inTime := line{Row: "T1", What: "guard in process over the bare mux, sessions in its cache", Ours: added("ns", times, "cloakroom"), Target: atMost(1000)}
	inTime.Note = others("ns", times)
	inAllocs := line{Row: "T1", What: "the same, allocations", Ours: added("allocs", allocs, "cloakroom"), Target: atMost(3)}
	inAllocs.Note = others("allocs", allocs)
	for _, kind := range []string{"scs", "gorilla", "golang-jwt"} {
		inTime.Peers = append(inTime.Peers, peer{Name: kind, Figure: added("ns", times, kind)})
		inAllocs.Peers = append(inAllocs.Peers, peer{Name: kind, Figure: added("allocs", allocs, kind)})
	}
	return []line{inTime, inAllocs}, err
}

// inProcess sends the requests of a world to its handler, one after the other. They are one request with one credential
// after the other, each copied as if it had just been read from a connection: finding a thousand old requests in the
// processor's slow memory is no work of a guard, finding a thousand sessions is.
func inProcess(w *world) (testing.BenchmarkResult, error) {
	text := gets("127.0.0.1", hello, w.credentials[:1])[0]
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		return testing.BenchmarkResult{}, err
	}
	request.RemoteAddr = "127.0.0.1:50000"
	name, _, _ := strings.Cut(w.credentials[0], ": ")
	values := make([]string, len(w.credentials))
	for i, field := range w.credentials {
		values[i] = field[len(name)+len(": "):]
	}
	var failed error
	result := testing.Benchmark(func(b *testing.B) {
		answer := recorder{header: http.Header{}}
		for i := 0; b.Loop(); i++ {
			answer.reset()
			request.Header[name] = []string{strings.Clone(values[i%len(values)])}
			r := *request // a copy, because gorilla keeps its session in the request
			w.handler.ServeHTTP(&answer, &r)
			if answer.status != http.StatusOK || answer.body[0] != greeting[0] {
				failed = fmt.Errorf("answered %d", answer.status)
				b.FailNow()
			}
		}
	})
	return result, failed
}

// recorder is a ResponseWriter that costs next to nothing.
type recorder struct {
	header http.Header
	status int
	body   [1]byte
}

var _ io.StringWriter = (*recorder)(nil)

func (a *recorder) reset() {
	clear(a.header)
	a.status, a.body[0] = 0, 0
}

func (a *recorder) Header() http.Header { return a.header }

func (a *recorder) WriteHeader(status int) { a.status = status }

func (a *recorder) Write(p []byte) (int, error) {
	a.begin()
	copy(a.body[:], p)
	return len(p), nil
}

func (a *recorder) WriteString(s string) (int, error) {
	a.begin()
	copy(a.body[:], s)
	return len(s), nil
}

func (a *recorder) begin() {
	if a.status == 0 {
		a.status = http.StatusOK
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// signedService is a service behind package verify, with an issuer in the same process that it asks over HTTP like any
// other. Tokens carry no names: who has a subject is Ana.
func signedService(string) (*world, error) {
	i, err := newIssuer(memory.New())
	if err != nil {
		return nil, err
	}
	v := i.verifier()
	w := &world{auth: i.auth, close: func() error { return errors.Join(v.Close(), i.close()) }}
	grants, err := bearers(i.auth, users)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	for _, g := range grants {
		w.credentials = append(w.credentials, bearerField(g.Tokens.Access.Reveal()))
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+hello, v.Middleware(http.HandlerFunc(greetSubject)))
	mux.Handle("GET "+unseen+"{n}", mint{i.auth, grants})
	w.handler = mux
	return w, nil
}

func greetSubject(w http.ResponseWriter, r *http.Request) {
	who, ok := verify.FromContext(r.Context())
	if !ok || who.Subject == "" {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	greet(w, userName)
}

func bearerField(token string) string { return "Authorization: Bearer " + token }

// unseen begins the path at which a signedService hands out n new tokens, as header fields.
const unseen = "/unseen/"

// mint makes new tokens for sessions in turn: one after the other, so that the feed in the same process is not starved.
type mint struct {
	auth   *cloakroom.Auth
	grants []*cloakroom.Grant
}

func (m mint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("n"))
	fields := make([]string, n)
	for i := range fields {
		t, err := m.auth.Issue(r.Context(), m.grants[i%len(m.grants)].Session, "")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fields[i] = bearerField(t.Access.Reveal())
	}
	_ = json.NewEncoder(w).Encode(fields)
}

func unseenTokens(ctx context.Context, addr string, n int) (fields []string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s%s%d", addr, unseen, n), nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	err = json.NewDecoder(answer.Body).Decode(&fields)
	if err == nil && len(fields) != n {
		err = fmt.Errorf("%d new tokens, not %d", len(fields), n)
	}
	return fields, err
}

// most is more requests in a second than are answered when each has a signature to be checked. If it is not, a turn ends
// early, and its rate is right all the same.
const most = 20_000

// firstSight is a turn in which each request has a token that the service has never seen.
func (c *contestant) firstSight(ctx context.Context, d time.Duration) error {
	fields, err := unseenTokens(ctx, c.load.addr, int(most*(c.warmUp(d)+d).Seconds())+c.load.connections)
	if err != nil {
		return err
	}
	c.load.requests, c.load.spent = gets(c.load.addr, hello, fields), new(atomic.Int64)
	return c.measure(ctx, d)
}

// jwtPeers are the worlds that check a signature for each request, and have no feed.
var jwtPeers = []string{"golang-jwt-es256", "golang-jwt-rs256", "golang-jwt-hs256"}

// signedTokens is T6: a service that checks signed tokens. All requests are as long as ours.
func (b *bench) signedTokens(ctx context.Context) ([]line, error) {
	var all []*contestant
	for _, name := range append([]string{trivialName, "verify", "verify-first"}, jwtPeers...) {
		all = append(all, &contestant{name: name, rows: []string{"T6"}})
	}
	r, err := b.race(ctx, all)
	if err != nil {
		return nil, err
	}
	defer r.stop()
	if requests := r.field["verify"].load.requests; requests != nil {
		r.field[trivialName].load.requests = requests
	}
	err = r.run(ctx, "T6", func(c *contestant) error {
		if c.name == "verify-first" {
			return c.firstSight(ctx, b.each)
		}
		return c.measure(ctx, b.each)
	})
	if err != nil {
		return nil, err
	}
	inside, err := b.inside(append([]string{"verify"}, jwtPeers...)...)
	if err != nil {
		return nil, err
	}
	seen := r.line(line{
		Row: "T6", What: fmt.Sprintf("verify over HTTP, %d ES256 tokens that it has seen before", users), Target: atLeast(0.7),
		Note: inside["verify"] + r.scale(),
	}, "verify", jwtPeers...)
	for i, p := range seen.Peers {
		seen.Peers[i].Note += inside[p.Name]
	}
	first := r.line(line{Row: "T6", What: "the same, each token for the first time", Target: atLeast(0.16)}, "verify-first", jwtPeers...)
	return []line{seen, first}, nil
}

// inside says what a request to these worlds takes in this process, over the trivial handler, without a network.
func (b *bench) inside(kinds ...string) (map[string]string, error) {
	testing.Init()
	if err := flag.Set("test.benchtime", b.each.String()); err != nil {
		return nil, err
	}
	base, err := b.insideOf("trivial")
	if err != nil {
		return nil, err
	}
	notes := map[string]string{}
	for _, kind := range kinds {
		r, err := b.insideOf(kind)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		notes[kind] = fmt.Sprintf("; in process %s µs, %d allocations", short(perOp(r)-perOp(base)), r.AllocsPerOp()-base.AllocsPerOp())
	}
	return notes, nil
}

func (b *bench) insideOf(kind string) (r testing.BenchmarkResult, err error) {
	dir, err := b.scratch(kind)
	if err != nil {
		return r, err
	}
	w, err := open(kind, dir, servers{})
	if err != nil {
		return r, err
	}
	if w.close != nil {
		defer func() { err = errors.Join(err, w.close()) }()
	}
	return inProcess(w)
}

// perOp is in microseconds.
func perOp(r testing.BenchmarkResult) float64 {
	return float64(r.T.Nanoseconds()) / 1000 / float64(r.N)
}

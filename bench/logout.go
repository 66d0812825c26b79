package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"time"

	"github.com/cloakroom-auth/cloakroom/store/sqlite"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// leavers sign out, one after the other, and a service looks from when on it refuses their tokens.
type leavers struct {
	url     string
	cookies []string // header fields of those who are still signed in
	service *verify.Verifier

	p99, longest []float64 // milliseconds, for each turn
	all          histogram
	count        int
}

// logOuts is T15: how long after the answer to a log-out somebody else still takes what belongs to that session: a service
// with its signed token, another node with its cookie.
func (b *bench) logOuts(ctx context.Context) ([]line, error) {
	lines, err := b.logOutsToServices(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		lines = []line{{Row: "T15", What: "log-out heard by verify", Missing: b.gaps.note("T15, services", err)}}
	}
	more, err := b.logOutsToNodes(ctx)
	if err != nil {
		more = []line{{Row: "T15", What: "log-out heard by other nodes", Missing: b.gaps.note("T15, nodes", err)}}
	}
	return append(lines, more...), nil
}

func (b *bench) logOutsToServices(ctx context.Context) (_ []line, err error) {
	near, end, err := b.leaversHere()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	far, stop, err := b.leaversOfServer(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	err = b.turns(ctx, "T15", func() error {
		for _, l := range []*leavers{near, far} {
			if err := l.turn(ctx, b.each, users/b.repeats); err != nil {
				return err
			}
		}
		return nil
	})
	return []line{
		near.line("log-out heard by verify in the issuer's process, p99"),
		far.line("log-out of the server heard by verify, p99"),
		longestOf("the longest of these, beside the staleness", append(near.longest, far.longest...)),
	}, err
}

func (b *bench) logOutsToNodes(ctx context.Context) ([]line, error) {
	n, err := b.startNodes(ctx)
	if err != nil {
		return nil, err
	}
	defer n.stop()
	err = b.turns(ctx, "T15, nodes", func() error { return n.turn(ctx, b.each, users/b.repeats) })
	return []line{
		lagLine(fmt.Sprintf("log-out heard by the other nodes, %d on one PostgreSQL, p99", nodeCount), n.p99, &n.all, n.count),
		longestOf("the longest of these, beside the staleness", n.longest),
	}, err
}

func longestOf(what string, longest []float64) line {
	return line{Row: "T15", What: what, Ours: figureOf("ms", longest), Target: atMost(1000)}
}

func lagLine(what string, p99 []float64, all *histogram, count int) line {
	return line{
		Row: "T15", What: what, Ours: figureOf("ms", p99), Target: atMost(50),
		Note: fmt.Sprintf("of all %d: median %s, p99 %s", count, short(milliseconds(all.quantile(0.5))), short(milliseconds(all.quantile(0.99)))),
	}
}

func (l *leavers) line(what string) line { return lagLine(what, l.p99, &l.all, l.count) }

// leaversHere has issuer and verifier in this process, on SQLite.
func (b *bench) leaversHere() (*leavers, func() error, error) {
	dir, err := b.scratch("leavers")
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlite.Open(filepath.Join(dir, "cloakroom.db"))
	if err != nil {
		return nil, nil, err
	}
	i, err := newIssuer(store)
	if err != nil {
		return nil, nil, errors.Join(err, store.Shutdown())
	}
	l := &leavers{url: i.url, service: i.verifier()}
	end := func() error { return errors.Join(l.service.Close(), i.close(), store.Shutdown()) }
	if l.cookies, err = admit(i.auth, users); err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return l, end, nil
}

// leaversOfServer has the verifier here and the issuer in a process of its own: the real server.
func (b *bench) leaversOfServer(ctx context.Context) (*leavers, func(), error) {
	dir, err := b.scratch("leavers")
	if err != nil {
		return nil, nil, err
	}
	cookies, err := furnish(dir, users, 0)
	if err != nil {
		return nil, nil, err
	}
	secret := newSecret()
	p, err := b.launchServer(ctx, dir, "CLOAKROOM_INTROSPECTION_CLIENTS="+clientOf(secret).String())
	if err != nil {
		return nil, nil, err
	}
	l := &leavers{url: "http://" + p.addr, cookies: cookies}
	l.service = verifierOf(l.url, secret)
	return l, func() { _ = l.service.Close(); p.stop() }, nil
}

// turn signs out at most so many people within d.
func (l *leavers) turn(ctx context.Context, d time.Duration, most int) error {
	var here histogram
	for begin, n := time.Now(), 0; n < most && (n == 0 || time.Since(begin) < d); n++ {
		cookie := l.cookies[0]
		l.cookies = l.cookies[1:]
		lag, err := l.leave(ctx, cookie)
		if err != nil {
			return err
		}
		here.add(lag)
		l.count++
	}
	l.all.merge(&here)
	l.p99 = append(l.p99, milliseconds(here.quantile(0.99)))
	l.longest = append(l.longest, milliseconds(here.quantile(1)))
	return nil
}

// leave signs one out. The service has seen the token; the log-out falls anywhere into its round of questions.
func (l *leavers) leave(ctx context.Context, cookie string) (lag time.Duration, err error) {
	var made struct {
		Access string `json:"access_token"`
	}
	if err := l.post(ctx, "/auth/token", cookie, map[string]string{"audience": orders}, http.StatusOK, &made); err != nil {
		return 0, err
	}
	if _, err := l.until(ctx, made.Access, func(err error) bool { return err == nil }); err != nil {
		return 0, fmt.Errorf("a good token: %w", err)
	}
	time.Sleep(rand.N(20 * time.Millisecond))
	if err := l.post(ctx, "/auth/logout", cookie, nil, http.StatusNoContent, nil); err != nil {
		return 0, err
	}
	refused := func(err error) bool {
		return errors.Is(err, verify.ErrRevoked) || errors.Is(err, verify.ErrUnavailable)
	}
	if lag, err = l.until(ctx, made.Access, refused); err != nil {
		err = fmt.Errorf("a token after its log-out: %w", err)
	}
	return lag, err
}

// until asks the service about a token until the answer is as it should be, and returns how long that took. It looks
// about every 0.1 ms.
func (l *leavers) until(ctx context.Context, raw string, good func(error) bool) (time.Duration, error) {
	for begin := time.Now(); ; time.Sleep(50 * time.Microsecond) {
		_, err := l.service.Verify(ctx, raw)
		took := time.Since(begin)
		switch {
		case good(err):
			return took, nil
		case ctx.Err() != nil || took > stall:
			return took, fmt.Errorf("after %v it is still judged %v", took, err)
		}
	}
}

// post sends JSON with a cookie, and reads JSON into what is given.
func (l *leavers) post(ctx context.Context, path, cookie string, body any, status int, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		text = nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Cookie", cookie[len("Cookie: "):])
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		return errors.Join(err, fmt.Errorf("%s is answered %d %s", path, answer.StatusCode, got))
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(got, into)
}

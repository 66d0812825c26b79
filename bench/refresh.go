package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// exchange is one step that is measured: it is called for sessions in turn, by one or by many at once.
type exchange struct {
	name string
	do   func(ctx context.Context, i int) error

	next atomic.Int64
	took map[int][]float64 // microseconds from one to the next, for each turn, by how many do it at once
}

// refreshes is T16: a refresh over one durable write of the same store.
func (b *bench) refreshes(ctx context.Context) (_ []line, err error) {
	fmt.Fprintln(b.progress, "T16: opening sessions")
	e, err := b.exchanges(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	steps := []*exchange{
		{name: "write", do: e.touch}, {name: "refresh", do: e.refresh}, {name: "Rotate of the store alone", do: e.rotate},
		{name: "access token alone", do: e.issue}, {name: "ES256 signature alone", do: e.sign},
	}
	crowds := []int{1, 64}
	err = b.turns(ctx, "T16", func() error {
		for _, n := range crowds {
			for _, s := range steps {
				if err := s.turn(ctx, n, len(e.grants), b.each/2); err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var lines []line
	for _, n := range crowds {
		l := line{Row: "T16", What: fmt.Sprintf("refresh on SQLite over one durable write (Touch), %d at once", n), Target: atMost(1.5)}
		over := func(s *exchange) figure { return figureOf("×", pairwise(s.took[n], steps[0].took[n], quotient)) }
		l.Ours = over(steps[1])
		l.Note = fmt.Sprintf("%s µs over %s µs", short(median(steps[1].took[n])), short(median(steps[0].took[n])))
		for _, s := range steps[2:] {
			l.Peers = append(l.Peers, peer{Name: s.name, Figure: over(s), Note: short(median(s.took[n])) + " µs"})
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// turn measures a step for d, done by n at once.
func (s *exchange) turn(ctx context.Context, n, sessions int, d time.Duration) error {
	count, took, err := inParallel(n, func() (bool, error) {
		return true, s.do(ctx, int(s.next.Add(1)-1)%sessions)
	}, d)
	if s.took == nil {
		s.took = map[int][]float64{}
	}
	s.took[n] = append(s.took[n], took.Seconds()*1e6/float64(count))
	return err
}

// exchanges is an engine on a durable store with sessions whose tokens it can refresh, and as many sessions beside them
// that are written past the engine. A session comes round about once in the grace: a chain that remembers more exchanges
// than it does in life would take longer to write.
type exchanges struct {
	store   *sqlite.Store
	auth    *cloakroom.Auth
	grants  []*cloakroom.Grant // each the last of its session
	records []cloakroom.SessionRecord
	request *http.Request
	key     *ecdsa.PrivateKey
}

func (b *bench) exchanges(ctx context.Context) (e *exchanges, err error) {
	dir, err := b.scratch("refresh")
	if err != nil {
		return nil, err
	}
	e = &exchanges{request: httptest.NewRequest("POST", "http://127.0.0.1/auth/refresh", nil)}
	if e.store, err = sqlite.Open(filepath.Join(dir, "cloakroom.db")); err != nil {
		return nil, err
	}
	e.auth, err = cloakroom.New(cloakroom.Config{
		Store: e.store, BaseURL: "http://127.0.0.1:8400", Token: cloakroom.TokenPolicy{RefreshGrace: time.Second},
	})
	if err != nil {
		return nil, errors.Join(err, e.store.Shutdown())
	}
	if err := e.fill(ctx, b.sessions/10); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *exchanges) fill(ctx context.Context, n int) (err error) {
	if e.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	if e.grants, err = bearers(e.auth, n); err != nil {
		return err
	}
	e.records, err = each(n, func(int) (cloakroom.SessionRecord, error) {
		s := session(time.Now())
		s.Refresh = []cloakroom.RefreshChain{{Current: s.Token.Hash}}
		_, err := e.store.Open(ctx, cloakroom.Opening{Session: s, Now: s.CreatedAt})
		return s, err
	})
	return err
}

func (e *exchanges) close() error {
	return errors.Join(e.auth.Close(context.Background()), e.store.Shutdown())
}

// touch is one durable write.
func (e *exchanges) touch(ctx context.Context, i int) error {
	return e.store.Touch(ctx, []cloakroom.Touch{e.use(i, time.Now())})
}

func (e *exchanges) use(i int, now time.Time) cloakroom.Touch {
	return cloakroom.Touch{Token: e.records[i].Token, SeenAt: now, ExpiresAt: now.Add(336 * time.Hour), IssuedAt: now}
}

// rotate is the durable write of a refresh, with one exchanged token to remember.
func (e *exchanges) rotate(ctx context.Context, i int) error {
	chain, now := &e.records[i].Refresh[0], time.Now()
	next := cloakroom.RefreshChain{Past: []cloakroom.Rotated{{Token: chain.Current, Sealed: make([]byte, 48), At: now}}}
	_, _ = rand.Read(next.Current[:])
	err := e.store.Rotate(ctx, chain.Current, next, e.use(i, now))
	*chain = next
	return err
}

func (e *exchanges) refresh(_ context.Context, i int) error {
	g, err := e.auth.Refresh(&recorder{header: http.Header{}}, e.request, e.grants[i].Tokens.Refresh.Reveal())
	if err == nil {
		e.grants[i] = g
	}
	return err
}

// issue makes what a refresh hands out beside the refresh token.
func (e *exchanges) issue(ctx context.Context, i int) error {
	_, err := e.auth.Issue(ctx, e.grants[i].Session, "")
	return err
}

func (e *exchanges) sign(_ context.Context, i int) error {
	sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
	_, err := ecdsa.SignASN1(rand.Reader, e.key, sum[:])
	return err
}

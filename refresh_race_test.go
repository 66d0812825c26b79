package cloakroom_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

// collected is what many goroutines were handed.
type collected struct {
	mu    sync.Mutex
	seen  map[string]int
	wrong []error
}

func (c *collected) add(token string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.wrong = append(c.wrong, err)
		return
	}
	if c.seen == nil {
		c.seen = map[string]int{}
	}
	c.seen[token]++
}

func TestRefreshAtOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		c := signing(store)
		c.Cache = -1 // what one node has ended is true on the others at once
		w := newWorld(t, c)
		nodes := []*world{w, w.beside(signing(nil)), w.beside(signing(nil))}
		ana := w.User("ana@example.com")
		for _, name := range []string{"page", "app"} {
			t.Run("S152 S230 a thousand refreshes by a "+name+" with one token give one successor to all", func(t *testing.T) {
				const n = 1000
				h := w.holder(name)
				h.signIn(ana.Email)
				for _, node := range nodes {
					node.Forget()
				}
				holders := make([]*holder, n)
				for i := range holders {
					holders[i] = h.copied().at(nodes[i%len(nodes)])
				}
				var tokens, claims collected
				if ok := atOnce(n, func(i int) error {
					_, err := holders[i].exchange()
					tokens.add(holders[i].refreshToken(), err)
					if err == nil {
						claims.add(said(t, holders[i].token()), nil)
					}
					return err
				}); ok != n {
					t.Fatalf("%d of %d got a pair: %v", ok, n, tokens.wrong[0])
				}
				if len(tokens.seen) != 1 || len(claims.seen) != 1 {
					t.Errorf("%d successors, %d sets of claims", len(tokens.seen), len(claims.seen))
				}
				rotated := 0
				for _, node := range nodes {
					rotated += len(node.Events(cloakroom.RefreshRotated))
					if others := len(node.Events()) - len(node.Events(cloakroom.RefreshRotated, cloakroom.RefreshReplayed)); others > 0 {
						t.Errorf("%d other events", others)
					}
				}
				if rotated != 1 {
					t.Errorf("exchanged %d times", rotated)
				}
				holders[0].at(nodes[1]).answers(http.StatusOK, "the access token of one, elsewhere")
				holders[1].at(nodes[2]).exchanged()
			})
		}
		t.Run("S150 two stale tokens from 64 places at once end one session once", func(t *testing.T) {
			h := w.app()
			h.signIn(ana.Email)
			first := h.copied()
			h.exchanged()
			second := h.copied()
			h.exchanged()
			w.Clock.Advance(refreshGrace)
			for _, node := range nodes {
				node.Forget()
			}
			atOnce(64, func(i int) error {
				stale := []*holder{first, second}[i%2].copied().at(nodes[i%len(nodes)])
				_, err := stale.exchange()
				if !errors.Is(err, cloakroom.ErrRefreshReused) && !errors.Is(err, cloakroom.ErrInvalidRefresh) {
					t.Errorf("error %v", err)
				}
				return err
			})
			told := 0
			for _, node := range nodes {
				told += len(node.Events())
			}
			if told != 1 {
				t.Errorf("%d events, want one RefreshReused", told)
			}
			h.at(nodes[1]).refuses(cloakroom.ErrInvalidRefresh, "the token in force")
			h.at(nodes[2]).answers(http.StatusUnauthorized, "the access token")
		})
		t.Run("S155 a log-out among refreshes is true", func(t *testing.T) {
			for range 20 {
				h := w.app()
				h.signIn(ana.Email)
				holders := make([]*holder, 16)
				for i := range holders {
					holders[i] = h.copied().at(nodes[i%len(nodes)])
				}
				atOnce(len(holders), func(i int) error {
					if i == 7 {
						return holders[i].leaves(cloakroom.ThisSession)
					}
					_, err := holders[i].exchange()
					if err != nil && !errors.Is(err, cloakroom.ErrInvalidRefresh) {
						t.Errorf("error %v", err)
					}
					return err
				})
				for _, other := range holders {
					other.at(nodes[0]).answers(http.StatusUnauthorized, "after the log-out")
					other.at(nodes[1]).refuses(cloakroom.ErrInvalidRefresh, "after the log-out")
				}
			}
		})
		t.Run("a page and an app of one session refresh at once, each its own", func(t *testing.T) {
			page, app := both(w, ana.Email)
			start := [2]string{page.refreshToken(), app.refreshToken()}
			for range 10 {
				if ok := atOnce(8, func(i int) error {
					_, err := []*holder{page.copied(), app.copied()}[i%2].at(nodes[i%len(nodes)]).exchange()
					return err
				}); ok != 8 {
					t.Errorf("%d of 8 got a pair", ok)
				}
				page.exchanged()
				app.exchanged()
			}
			if page.refreshToken() == start[0] || app.refreshToken() == start[1] || page.refreshToken() == app.refreshToken() {
				t.Error("one follows the other")
			}
		})
	})
}

// both is a page and an app that got one session from one sign-in.
func both(w *world, email string) (page, app *holder) {
	w.t.Helper()
	page, app = w.page(), w.app()
	g := page.signIn(email, cloakroom.Terms{Delivery: cloakroom.DeliverBoth, Token: cloakroom.Signed})
	app.access, app.refresh = g.Tokens.Access.Reveal(), g.Tokens.Refresh.Reveal()
	return page, app
}

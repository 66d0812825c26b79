package cloakroom_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// client refreshes at one node, shows the new token at another, and holds it against keys that it keeps for as long as the
// JWKS allows.
type client struct {
	refresh string
	keys    *verify.Keys
	fetched time.Time
}

func (c *client) round(ctx context.Context, here, there *world) (access string, err error) {
	now := here.Clock.Now()
	if c.keys == nil || now.Sub(c.fetched) >= cloakroom.KeyCache {
		document, _, err := there.JWKS(ctx)
		if err != nil {
			return "", fmt.Errorf("keys: %w", err)
		}
		if c.keys, err = verify.ParseKeys(document); err != nil {
			return "", err
		}
		c.fetched = now
	}
	g, err := here.Refresh(httptest.NewRecorder(), httptest.NewRequest("POST", secure+"/auth/refresh", nil), c.refresh)
	if err != nil {
		return "", fmt.Errorf("refresh: %w", err)
	}
	c.refresh, access = g.Tokens.Refresh.Reveal(), g.Tokens.Access.Reveal()
	r := httptest.NewRequest("GET", secure+"/me", nil)
	r.Header.Set("Authorization", "Bearer "+access)
	if _, err := there.Authenticate(r); err != nil {
		return "", fmt.Errorf("guard: %w", err)
	}
	if _, err := c.keys.Verify(access, verify.Rules{Type: verify.AccessToken, Issuer: secure, Audience: secure}, now); err != nil {
		return "", fmt.Errorf("verifier: %w", err)
	}
	return access, nil
}

// Two nodes, four clients that never rest, and somebody who rotates the keys again and again. Time stands still within a
// round and goes on between two: a token that is used six minutes late may have expired, and that would be no fault.
func TestS168RotationInALoopUnderLoad(t *testing.T) {
	w := newWorld(t, signing(memory.New()))
	nodes := []*world{w, w.beside(signing(nil))}
	var (
		moment  sync.RWMutex
		rounds  atomic.Int64
		signers sync.Map
		load    sync.WaitGroup
		stop    = make(chan struct{})
	)
	for i := range 4 {
		h := w.app()
		h.signIn(w.User(fmt.Sprintf("user%d@example.com", i)).Email)
		c := &client{refresh: h.refreshToken()}
		load.Go(func() {
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				moment.RLock()
				access, err := c.round(t.Context(), nodes[n%2], nodes[(n+1)%2])
				moment.RUnlock()
				if err != nil {
					t.Errorf("client %d, round %d: %v", i, n, err)
					return
				}
				signers.Store(kid(t, access), true)
				rounds.Add(1)
			}
		})
	}
	const rotations = 30
	for n := range int64(rotations) {
		if _, err := w.Keys().Rotate(t.Context()); err != nil {
			t.Error(err)
		}
		for rounds.Load() < 20*n && !t.Failed() {
			runtime.Gosched()
		}
		moment.Lock()
		w.Clock.Advance(3 * time.Minute)
		moment.Unlock()
	}
	close(stop)
	load.Wait()
	keys := 0
	signers.Range(func(any, any) bool { keys++; return true })
	if keys < rotations/4 {
		t.Errorf("%d keys have signed: the test proves little", keys)
	}
}

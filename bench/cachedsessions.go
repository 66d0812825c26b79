package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/alexedwards/scs/v2"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// cachedSessions is the other half of T13: by how much the heap grows when each of many sessions was asked for once
// through the guard. The same without a cache stands beside: what else a guard leaves behind.
func (b *bench) cachedSessions(ctx context.Context) line {
	l := line{Row: "T13", What: fmt.Sprintf("memory for a cached session, of %d", b.sessions), Target: atMost(300)}
	err := func() error {
		dir, err := b.scratch("cached")
		if err != nil {
			return err
		}
		fmt.Fprintf(b.progress, "T13: opening %d sessions\n", b.sessions)
		cookies, err := furnishFile(dir, b.sessions)
		if err != nil {
			return err
		}
		cached, err := grownHeap(ctx, dir, cookies, roomy())
		if err != nil {
			return err
		}
		bare, err := grownHeap(ctx, dir, cookies, strict())
		if err != nil {
			return err
		}
		l.Ours, l.Note = figureOf("B", []float64{cached}), "without a cache "+short(bare)+" B"
		theirs, err := scsHeap(ctx, b.sessions)
		l.Peers = []peer{{Name: "scs, in its memory store", Figure: figureOf("B", []float64{theirs})}}
		return err
	}()
	if err != nil {
		l.Missing = b.gaps.note("T13 in memory", err)
	}
	return l
}

// grownHeap is by how many bytes for each session the heap grows when they are asked for on the file in dir.
func grownHeap(ctx context.Context, dir string, cookies []string, c cloakroom.Config) (bytes float64, err error) {
	w, err := oursOnDisk(dir, 0, c)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	warm := len(cookies) / 100 // what is made once, at the first request, is no session's
	if err := w.askAll(ctx, cookies[:warm]); err != nil {
		return 0, err
	}
	before := heap()
	if err := w.askAll(ctx, cookies[warm:]); err != nil {
		return 0, err
	}
	after := heap()
	if known := w.auth.CacheStats().Entries; c.Cache > 0 && known < len(cookies) {
		return 0, fmt.Errorf("%d of %d sessions are in the cache", known, len(cookies))
	}
	return (after - before) / float64(len(cookies)-warm), nil
}

// furnishFile fills a file of SQLite with sessions, and closes it. They need not survive a crash.
func furnishFile(dir string, sessions int) ([]string, error) {
	store, err := sqlite.Config{Path: filepath.Join(dir, databaseFile), InsecureNoSync: true}.Open()
	if err != nil {
		return nil, err
	}
	w, err := ours(store, sessions, cloakroom.Config{})
	if err != nil {
		return nil, errors.Join(err, store.Shutdown())
	}
	return w.credentials, w.with(store.Shutdown).close()
}

// askAll sends a request for each cookie. Uses are written down every now and then, as in life.
func (w *world) askAll(ctx context.Context, cookies []string) error {
	answer := recorder{header: http.Header{}}
	for i, cookie := range cookies {
		if i%1000 == 999 {
			if err := w.auth.Flush(ctx); err != nil {
				return err
			}
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1"+hello, nil)
		if err != nil {
			return err
		}
		request.RemoteAddr = "127.0.0.1:50000"
		request.Header.Set("Cookie", strings.TrimPrefix(cookie, "Cookie: "))
		answer.reset()
		w.handler.ServeHTTP(&answer, request)
		if answer.status != http.StatusOK {
			return fmt.Errorf("a session is answered %d", answer.status)
		}
	}
	return w.auth.Flush(ctx)
}

// scsHeap is what scs holds for each session.
func scsHeap(ctx context.Context, sessions int) (bytes float64, err error) {
	m := scs.New()
	before := heap()
	for i := range sessions {
		if _, err := scsSession(ctx, m, i); err != nil {
			return 0, err
		}
	}
	after := heap()
	_, err = m.Load(ctx, "") // so that it is still there
	return (after - before) / float64(sessions), err
}

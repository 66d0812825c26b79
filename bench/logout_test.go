package main

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/verify"
)

func leaversOf(t *testing.T, people int) *leavers {
	t.Helper()
	i, err := newIssuer(memory.New())
	if err != nil {
		t.Fatal(err)
	}
	l := &leavers{url: i.url, service: i.verifier()}
	t.Cleanup(func() {
		if err := errors.Join(l.service.Close(), i.close()); err != nil {
			t.Error(err)
		}
	})
	if l.cookies, err = admit(i.auth, people); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLeaversAreCounted(t *testing.T) {
	l := leaversOf(t, 4)
	if err := l.turn(t.Context(), time.Hour, 3); err != nil {
		t.Fatal(err)
	}
	if l.count != 3 || len(l.cookies) != 1 || len(l.p99) != 1 || l.p99[0] <= 0 || l.longest[0] < l.p99[0] {
		t.Errorf("%d left, p99 %v, longest %v, %d are still there", l.count, l.p99, l.longest, len(l.cookies))
	}
	if refused := l.service.Stats().Refused["revoked"]; refused != 3 {
		t.Errorf("%d tokens were refused", refused)
	}
}

// A log-out that did not happen, and one that is never heard of, must not pass for a fast one.
func TestLeaversNotice(t *testing.T) {
	l := leaversOf(t, 1)
	if _, err := l.leave(t.Context(), "Cookie: session=crs_unknown"); err == nil {
		t.Error("somebody left who was never there")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := l.until(ctx, "eyJ.eyJ.c", func(err error) bool { return errors.Is(err, verify.ErrRevoked) }); err == nil {
		t.Error("junk became a revoked token")
	}
}

func TestRevocationsAreCounted(t *testing.T) {
	store := memory.New()
	i, err := newIssuer(store)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := i.close(); err != nil {
			t.Error(err)
		}
	}()
	grants, err := bearers(i.auth, 1)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50_000
	if err := revoke(t.Context(), store, n); err != nil {
		t.Fatal(err)
	}
	token := grants[0].Tokens.Access.Reveal()
	megabytes, _, err := i.holding(t.Context(), token, n)
	if least := n * 24 / 1e6; err != nil || megabytes < least { // 16 bytes of a name and 8 of a time each
		t.Errorf("%v MB, at least %v: %v", megabytes, least, err)
	}
	if _, _, err := i.holding(t.Context(), token, n+1); err == nil {
		t.Error("a verifier that lacks one is taken for complete")
	}
}

func TestExchangesDoTheirWork(t *testing.T) {
	b := bench{sessions: 20, dir: t.TempDir(), progress: io.Discard}
	e, err := b.exchanges(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	}()
	last := len(e.grants) - 1
	old := e.grants[last].Tokens
	for range 3 { // each with the token that the one before gave
		if err := e.refresh(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	if now := e.grants[last].Tokens; now.Refresh == old.Refresh || now.Access == old.Access {
		t.Error("the tokens are the old ones")
	}
	for what, step := range map[string]func(context.Context, int) error{"touch": e.touch, "rotate": e.rotate} {
		before := time.Now().Truncate(time.Microsecond)
		if err := step(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		rec, err := e.store.Session(t.Context(), e.records[last].Token, time.Now())
		if err != nil || rec.LastSeenAt.Before(before) {
			t.Errorf("%s wrote nothing: last seen %v, %v", what, rec.LastSeenAt, err)
		}
		if what == "rotate" && rec.Refresh[0].Current != e.records[last].Refresh[0].Current {
			t.Error("the chain is the old one")
		}
	}
	for what, step := range map[string]func(context.Context, int) error{"issue": e.issue, "sign": e.sign} {
		if err := step(t.Context(), last); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

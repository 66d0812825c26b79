//go:build !race

// Not under the race detector, which keeps notes beside the memory that is measured here.

package cloakroom

import (
	"crypto/rand"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// A remembered session takes 300 bytes or so, with its user; and the cache knows what it takes, for its bound is in bytes.
func TestMemoryOfASession(t *testing.T) {
	const (
		sessions = 100_000
		most     = 310.0
	)
	c := newSessionCache(1<<30, newFollower(nil, time.Second))
	before := heap()
	for n := range sessions {
		rec, user := rememberedRecord(n)
		c.keep(0, rec, user)
	}
	for deadline := time.Now().Add(10 * time.Second); c.kept.Bytes() < sessions*100; time.Sleep(time.Millisecond) { // it counts aside
		if time.Now().After(deadline) {
			t.Fatalf("after ten seconds it claims %d bytes", c.kept.Bytes())
		}
	}
	each, claimed := float64(heap()-before)/sessions, float64(c.kept.Bytes())/sessions
	if n := c.kept.Len(); n != sessions {
		t.Errorf("%d sessions are remembered", n)
	}
	if each > most {
		t.Errorf("a session takes %.0f bytes, want at most %.0f", each, most)
	}
	if claimed < 0.9*each || claimed > 1.1*each {
		t.Errorf("a session takes %.0f bytes, and the cache takes it for %.0f", each, claimed)
	}
	runtime.KeepAlive(c)
}

func rememberedRecord(n int) (*SessionRecord, *User) {
	now := time.Now().UTC()
	rec := &SessionRecord{
		ID: id.New("ses_", now), UserID: id.New("usr_", now), CreatedAt: now, AuthenticatedAt: now, LastSeenAt: now, IssuedAt: now,
		Methods: []string{"password"}, Level: 1, IP: "203.0.113.77",
		Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	}
	_, _ = rand.Read(rec.Token.Hash[:])
	return rec, &User{
		ID: rec.UserID, Email: fmt.Sprintf("user%d@example.com", n), Name: "Some User", Roles: []string{"editor"},
		CreatedAt: now.Add(-100 * time.Hour), UpdatedAt: now.Add(-50 * time.Hour), Revision: 1,
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first one only marked
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

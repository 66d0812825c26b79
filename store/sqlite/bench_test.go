package sqlite

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// agents are what browsers of these days call themselves, short and long.
var agents = []string{
	"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
}

// record makes a session as the engine does.
func record(now time.Time) cloakroom.SessionRecord {
	userID := id.New(userPrefix, now)
	sum := sha256.Sum256([]byte(userID))
	s := cloakroom.SessionRecord{
		ID: id.New(sessionPrefix, now), Realm: "default", UserID: userID,
		Token:     cloakroom.TokenID{Bucket: binary.BigEndian.Uint16(sum[:]) & 0xfff},
		CreatedAt: now, AuthenticatedAt: now, LastSeenAt: now, IssuedAt: now, ExpiresAt: now.Add(14 * 24 * time.Hour),
		Methods: []string{"password"}, Level: 1, IP: "203.0.113.77", Agent: agents[mrand.IntN(len(agents))],
	}
	rand.Read(s.Token.Hash[:])
	return s
}

// fill opens n sessions with 64 writers and returns their tokens.
func fill(b testing.TB, s *Store, n int) []cloakroom.TokenID {
	b.Helper()
	tokens := make([]cloakroom.TokenID, n)
	var next atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				r := record(time.Now())
				if _, err := s.Open(b.Context(), cloakroom.Opening{Session: r, Now: r.CreatedAt}); err != nil {
					b.Error(err)
				}
				tokens[i] = r.Token
			}
		})
	}
	all.Wait()
	return tokens
}

// BenchmarkSession is the store's share of T3, and the beginning of T12.
func BenchmarkSession(b *testing.B) {
	for _, n := range []int{10_000, 200_000} {
		b.Run(fmt.Sprintf("of %d", n), func(b *testing.B) {
			s := openStore(b, Config{InsecureNoSync: true})
			tokens := fill(b, s, n)
			now := time.Now()
			b.Run("serial", func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					if _, err := s.Session(b.Context(), tokens[i*7919%n], now); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("parallel", func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for i := mrand.IntN(n); pb.Next(); i++ {
						if _, err := s.Session(b.Context(), tokens[i*7919%n], now); err != nil {
							b.Error(err)
						}
					}
				})
			})
		})
	}
}

func BenchmarkUser(b *testing.B) {
	s := openStore(b, Config{})
	u := cloakroom.User{
		ID: id.New(userPrefix, time.Now()), Realm: "default", Email: "ana@example.com", Name: "Ana", Roles: []string{"admin"},
		CreatedAt: time.Now(), UpdatedAt: time.Now(),
	}
	if err := s.CreateUser(b.Context(), cloakroom.UserChange{User: u}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.User(b.Context(), u.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is T10: 64 writers, each waiting until its session is on the disk, against the same without.
func BenchmarkOpen(b *testing.B) {
	for name, noSync := range map[string]bool{"durable": false, "InsecureNoSync": true} {
		b.Run(name, func(b *testing.B) {
			s := openStore(b, Config{InsecureNoSync: noSync})
			b.ResetTimer()
			fill(b, s, b.N)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/float64(s.writer.commits.Load()), "writes/commit")
		})
	}
}

// BenchmarkSize is the disk's share of T13.
func BenchmarkSize(b *testing.B) {
	const n = 50_000
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "test.db")
		s := openStore(b, Config{Path: path, InsecureNoSync: true})
		fill(b, s, n)
		if err := s.Shutdown(); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/n, "B/session")
	}
}

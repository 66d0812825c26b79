package postgres

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// Benchmarks of a server whose commits wait for the disk, by 64 callers. What they say of the server's share is only its
// share of the machine: they want both to themselves.

func benchmark(b *testing.B, do func(n int64) error) {
	var n atomic.Int64
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(n.Add(1)); err != nil {
				b.Error(err)
			}
		}
	})
}

func benchStore(b *testing.B) *Store { return openStore(b, Config{DSN: startPostgres(b).DSN("")}) }

func BenchmarkFind(b *testing.B) {
	s := benchStore(b)
	var tokens [1000]cloakroom.TokenID
	for i := range tokens {
		r, u := record(), newUser()
		r.UserID = u.ID
		if err := s.CreateUser(b.Context(), cloakroom.UserChange{User: u}); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Open(b.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
			b.Fatal(err)
		}
		tokens[i] = r.Token
	}
	benchmark(b, func(n int64) error {
		_, _, err := s.Find(b.Context(), tokens[n%int64(len(tokens))], epoch)
		return err
	})
}

func BenchmarkOpen(b *testing.B) {
	s := benchStore(b)
	benchmark(b, func(int64) error {
		_, err := s.Open(b.Context(), cloakroom.Opening{Session: record(), Now: epoch})
		return err
	})
}

// BenchmarkAppend is bound by the commits, one after the other: each holds the row that numbers the feed.
func BenchmarkAppend(b *testing.B) {
	s := benchStore(b)
	benchmark(b, func(int64) error { return s.Append(b.Context(), entries(1), nil) })
}

func BenchmarkCount(b *testing.B) {
	s := benchStore(b)
	benchmark(b, func(int64) error {
		_, err := s.Count(b.Context(), record().Token.Hash, 1, time.Hour, epoch)
		return err
	})
}

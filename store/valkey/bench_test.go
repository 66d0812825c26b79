package valkey_test

import (
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

func BenchmarkSession(b *testing.B) {
	addr := testbed.ValkeyAddr(b)
	for name, cache := range map[string]int{"asked": -1, "cached": 0} {
		l := opened(b, valkey.Config{Addresses: []string{addr}, ClientCache: cache, Prefix: name})
		s := begin(b, l, session(1, "usr_ana"))
		settle(l, s.Token)
		b.Run(name+"/one by one", func(b *testing.B) {
			for b.Loop() {
				if _, err := l.Session(b.Context(), s.Token, now); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/64 at once", func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := l.Session(b.Context(), s.Token, now); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkTouch(b *testing.B) {
	l := opened(b, valkey.Config{Addresses: []string{testbed.ValkeyAddr(b)}})
	var uses []cloakroom.Touch
	for n := range 500 {
		uses = append(uses, cloakroom.Touch{Token: begin(b, l, session(n, "usr_ana")).Token, SeenAt: now})
	}
	for b.Loop() {
		if err := l.Touch(b.Context(), uses); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSweepOfNothing(b *testing.B) {
	l := opened(b, valkey.Config{Addresses: []string{testbed.ValkeyAddr(b)}})
	for b.Loop() {
		if _, err := l.Sweep(b.Context(), cloakroom.Sweep{Now: now, Max: 100}); err != nil {
			b.Fatal(err)
		}
	}
}

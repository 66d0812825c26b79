package password_test

import (
	"testing"

	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

// BenchmarkProve is one sign-in beyond the store: "hash" is what the bare hash takes, "prove" all of it (T8 in
// docs/design.md); the difference is ours.
func BenchmarkProve(b *testing.B) {
	m := password.Method{Pool: cheap(b, argon.Config{Params: argon.Default})}
	data := enroll(b, m, "correct horse battery")
	bare, err := argon.Parse(data)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("hash", func(b *testing.B) {
		for b.Loop() {
			bare.Matches([]byte("correct horse battery"))
		}
	})
	b.Run("prove", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Prove(b.Context(), claim(data, "correct horse battery")); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkProveCheap has a hash of next to no cost: what remains is the overhead itself.
func BenchmarkProveCheap(b *testing.B) {
	m := password.Method{Pool: cheap(b, argon.Config{Params: argon.Params{Memory: 8, Time: 1, Threads: 1}})}
	data := enroll(b, m, "correct horse battery")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Prove(b.Context(), claim(data, "correct horse battery")); err != nil {
			b.Fatal(err)
		}
	}
}

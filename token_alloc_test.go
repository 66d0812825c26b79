//go:build !race

package cloakroom

import "testing"

// Under the race detector sync.Pool forgets at random, so there allocations mean nothing.

// The hot path of a token allocates nothing.
func TestParseAllocatesNothing(t *testing.T) {
	k := ring(t, "", secretOf(1))
	token, _ := k.mint(kindSession, 7)
	if n := testing.AllocsPerRun(1000, func() { k.parse(kindSession, token.text) }); n > 0 {
		t.Errorf("parse allocates %v times", n)
	}
}

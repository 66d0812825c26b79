// Package storetest is the contract of cloakroom.Store as a test suite. A store is a store when it passes:
//
//	func TestStore(t *testing.T) {
//		storetest.Test(t, func(t testing.TB, previous cloakroom.Store) cloakroom.Store {
//			if previous != nil {
//				return reopened(t, previous)
//			}
//			return opened(t)
//		})
//	}
//
// There is one entry and nothing to opt out of. Each subtest gets a store of its own and is named after the sentence
// that it holds the store to. All times come from the suite and none of them is the present, so a store that looks at
// its own clock fails. Run it with -race: the subtests under "races" start 64 callers at once.
//
// Not here: what a crash leaves behind (a store that promises more than its process proves it in its own tests), and
// speed.
package storetest

import (
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

// Open opens a store for one test. With previous nil it returns a new and empty one. Otherwise it ends previous, which
// came from the same function, and opens again what previous had stored; a store that lasts no longer than its process
// returns previous itself.
//
// It ends with t.Fatal what it cannot open, and with t.Cleanup what it opened.
type Open func(t testing.TB, previous cloakroom.Store) cloakroom.Store

// Test holds the stores that open returns to the contract of cloakroom.Store.
func Test(t *testing.T, open Open) {
	areas := []struct {
		name  string
		tests func(runner)
	}{
		{"users", users},
		{"externals", externals},
		{"searches", searches},
		{"holders", holders},
		{"credentials", credentials},
		{"forgotten", forgotten},
		{"api keys", apiKeys},
		{"opening", opening},
		{"sessions", sessions},
		{"acting", acting},
		{"refresh", refresh},
		{"keys", keys},
		{"feed", feed},
		{"told", told},
		{"events", events},
		{"happened", happened},
		{"outbox", outbox},
		{"parcels", parcels},
		{"sent", sent},
		{"data", data},
		{"tickets", tickets},
		{"counters", counters},
		{"sweep", sweep},
		{"prune", prune},
		{"times", times},
		{"copies", copies},
		{"cancelled", cancelled},
		{"races", races},
		{"reopened", reopened},
		{"model", model},
	}
	for _, area := range areas {
		t.Run(area.name, func(t *testing.T) {
			area.tests(func(sentence string, test func(*world)) {
				t.Run(sentence, func(t *testing.T) { test(newWorld(t, open)) })
			})
		})
	}
}

// runner runs one test in a world of its own. It is named after a sentence of the contract.
type runner func(sentence string, test func(*world))

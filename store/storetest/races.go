package storetest

import "sync"

// callers is how many race for one thing.
const callers = 64

func races(run runner) {
	run("one of many users gets the e-mail", raceCreateUser)
	run("one of many users changes to the e-mail", raceChangeEmail)
	run("one of many users gets the external id", raceExternalID)
	run("one of many updates of a revision succeeds", raceUpdateUser)
	run("many holders give a role up at once and one remains", raceHolders)
	run("one of many swaps of a credential succeeds", raceSwapCredential)
	run("many that add and forget credentials lose nothing", raceForget)
	run("what is forgotten stays forgotten, whatever races with it", raceForgetOnce)
	run("one of many first API keys of an id is stored", raceFirstAPIKey)
	run("one of many swaps of API keys succeeds", raceSwapAPIKeys)
	run("one of many deletions of an API key deletes it for good", raceDeleteAPIKey)
	run("one of many openings replaces the session and inherits its data", raceReplace)
	run("many openings leave exactly Limit sessions", raceLimit)
	run("one of many renewals succeeds", raceRenew)
	run("one of many rotations succeeds", raceRotate)
	run("many rotations of two chains leave one successor of each", raceRotateBoth)
	run("Rotate revives nothing and undoes no renewal", raceRotateAgainst)
	run("Rotate and Renew in place undo nothing of each other", raceRotateInPlace)
	run("one of many closings closes", raceClose)
	run("what is closed stays closed, whatever races with it", raceCloseAgainst)
	run("many touches leave the latest times", raceTouch)
	run("S48 many increments of one value lose nothing", raceIncrement)
	run("S48 many writes of different keys lose nothing and keep the cap", raceKeys)
	run("one of many first keys is stored", raceFirstKey)
	run("who follows the feed hears everything, whatever is written at once", raceFeed)
	run("who follows the feed hears all that lasts, though it is pruned", raceFeedPruned)
	run("many who claim events get each once", raceClaim)
	run("many who claim parcels get each once", raceParcels)
	run("many additions count exactly", raceCount)
	run("one of many puts of a ticket succeeds", racePut)
	run("one of many takers gets the ticket", raceTake)
	run("one of many swaps of a ticket succeeds", raceSwap)
	run("many sweepers delete each thing once", raceSweep)
	run("many pruners delete each thing once", racePrune)
}

// race calls attempt from 64 goroutines that start together, and returns the errors in the order of i.
func race(attempt func(i int) error) []error {
	var all sync.WaitGroup
	start, errs := make(chan struct{}), make([]error, callers)
	for i := range callers {
		all.Go(func() {
			<-start
			errs[i] = attempt(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// winners asserts that every attempt either succeeded or came too late, and returns those that succeeded.
func (w *world) winners(errs []error, late error, law string) []int {
	w.Helper()
	var won []int
	for i, err := range errs {
		if err == nil {
			won = append(won, i)
		} else {
			w.is(err, late, law)
		}
	}
	return won
}

// winner is winners of which there must be exactly one.
func (w *world) winner(errs []error, late error, law string) int {
	w.Helper()
	won := w.winners(errs, late, law)
	if len(won) != 1 {
		w.Fatalf("%s: of %d callers exactly one succeeds, not %d", law, callers, len(won))
	}
	return won[0]
}

// allWin asserts that every attempt succeeded.
func (w *world) allWin(errs []error, law string) {
	w.Helper()
	for _, err := range errs {
		w.ok(err, law)
	}
}

package storetest

import (
	"slices"
	"sync"

	"github.com/cloakroom-auth/cloakroom"
)

// raceFeed ends sessions in every way there is while one follows.
func raceFeed(w *world) {
	const each = 2
	plan, guests := make([][]cloakroom.SessionRecord, callers), make([][]cloakroom.SessionRecord, callers)
	dead := map[[32]byte]cloakroom.SessionRecord{}
	for i := range plan {
		for range each {
			s := w.session("usr_" + string('a'+rune(i%8)))
			plan[i], guests[i] = append(plan[i], s), append(guests[i], w.session(""))
			dead[w.over(s.ID)[0].Subject] = s
		}
	}
	end := func(i int) error {
		for j, s := range plan[i] {
			if _, err := w.store.Open(w.Context(), cloakroom.Opening{Session: s, Now: w.now}); err != nil {
				return err
			}
			var err error
			switch i % 3 {
			case 0:
				_, err = w.store.Close(w.Context(), s.Ref(), w.ending())
			case 1:
				_, err = w.store.CloseUser(w.Context(), s.Token.Bucket, s.UserID, "", w.ending())
			default:
				_, err = w.store.Open(w.Context(), cloakroom.Opening{
					Session: guests[i][j], Replace: &s.Token, Now: w.now, Replaced: w.ending(),
				})
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	heard := w.followRace(end)
	all, _ := w.follow("")
	same(w, heard, all, "whoever follows hears the feed: every entry, once, in its order")
	var want []string
	for subject, s := range dead {
		want = append(want, string(subject[:]))
		w.dead(s.Token, "what the feed tells of is over")
	}
	sameSet(w, slices.Compact(slices.Sorted(slices.Values(subjects(heard)))), want, "every session that ended was told of, and none other")
}

// raceFeedPruned appends entries that live and entries that have expired, and prunes, while one follows.
func raceFeedPruned(w *world) {
	const each = 3
	plan := make([][]cloakroom.Revocation, callers)
	var living []cloakroom.Revocation
	for i := range plan {
		for j := range each {
			r := cloakroom.Revocation{Subject: w.hash(), Until: w.now}
			if (i+j)%2 == 0 {
				r.Until = w.told()
				living = append(living, r)
			}
			plan[i] = append(plan[i], r)
		}
	}
	heard := w.followRace(func(i int) error {
		for _, r := range plan[i] {
			if err := w.store.Append(w.Context(), []cloakroom.Revocation{r}, nil); err != nil {
				return err
			}
			if _, err := w.store.Prune(w.Context(), cloakroom.Prune{Now: w.now, Max: 3}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, r := range living {
		if !slices.Contains(heard, r) {
			w.Fatal("what is committed is never skipped, whatever else is written or pruned")
		}
	}
}

// followRace follows the feed from the beginning, in small pages, while a race runs, and to its end when that is over.
func (w *world) followRace(attempt func(i int) error) (heard []cloakroom.Revocation) {
	w.Helper()
	var running sync.WaitGroup
	var errs []error
	running.Go(func() { errs = race(attempt) })
	done := make(chan struct{})
	go func() {
		running.Wait()
		close(done)
	}()
	cursor := ""
	for over := false; ; {
		p := w.page(cursor, 7)
		heard, cursor = append(heard, p.Entries...), p.Cursor
		if over && !p.More {
			break
		}
		select {
		case <-done:
			over = true
		default:
		}
	}
	w.allWin(errs, "racing with who follows")
	return heard
}

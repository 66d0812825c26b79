package storetest

import (
	"bytes"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func refresh(run runner) {
	run("chains come back as they were opened, two of 32 past tokens too", refreshStored)
	run("Rotate puts next in the place of one chain and leaves the other alone", rotateWrites)
	run("Rotate of each successor after the other succeeds", rotateOn)
	run("Rotate records the use as Touch does: times only grow", rotateTouches)
	run("Rotate of what is not current is ErrConflict and changes nothing", rotateConflict)
	run("Rotate of an absent session is ErrNotFound, of an exchanged token ErrMoved in its grace", rotateAbsent)
	run("Renew with a new token writes all chains, none included", renewRefresh)
	run("Renew in place keeps the chains, whatever the record says", renewInPlaceRefresh)
	run("Renew in place undoes no Rotate since its record was read", renewUndoesNoRotate)
}

// chain makes a refresh chain with so many past tokens.
func (w *world) chain(past int) cloakroom.RefreshChain {
	c := cloakroom.RefreshChain{Current: w.hash()}
	for i := range past {
		c.Past = append(c.Past, cloakroom.Rotated{
			Token: w.hash(), Sealed: []byte{0, 0xff, '\n', byte(i)}, At: w.now.Add(time.Duration(i-past) * tick),
		})
	}
	return c
}

// successor is what becomes of a chain when its token is exchanged.
func (w *world) successor(c cloakroom.RefreshChain) cloakroom.RefreshChain {
	past := append(slices.Clone(c.Past), cloakroom.Rotated{Token: c.Current, Sealed: []byte("sealed"), At: w.now})
	return cloakroom.RefreshChain{Current: w.hash(), Past: past[max(0, len(past)-32):]}
}

// rotate exchanges a token of the session and changes no time of it.
func (w *world) rotate(s cloakroom.SessionRecord, current [32]byte, next cloakroom.RefreshChain) error {
	return w.store.Rotate(w.Context(), current, next, cloakroom.Touch{Token: s.Token, SeenAt: s.LastSeenAt})
}

func refreshStored(w *world) {
	long := w.chain(32)
	for i := range long.Past {
		long.Past[i].Sealed = bytes.Repeat([]byte{byte(255 - i)}, 256)
	}
	bare := w.chain(1)
	bare.Past[0].Sealed, bare.Past[0].At = nil, time.Time{}
	for law, chains := range map[string][]cloakroom.RefreshChain{
		"the opaque form has none":          nil,
		"one that was never exchanged":      {w.chain(0)},
		"one for each carrier":              {w.chain(1), w.chain(2)},
		"as long as they get":               {long, long},
		"the order is that of the carriers": {w.chain(3), w.chain(0)},
		"an exchange without a successor":   {bare},
	} {
		s := w.session("usr_" + law)
		s.Refresh = chains
		w.begin(s)
		w.lives(s, law)
		page, err := w.store.SessionsOf(w.Context(), s.Token.Bucket, s.UserID, "", 10)
		w.ok(err, law)
		same(w, page, []cloakroom.SessionRecord{s}, law)
	}
	s := w.session("")
	s.Refresh = []cloakroom.RefreshChain{w.chain(1)}
	w.lives(w.begin(s), "a guest may have refresh tokens")

	s = w.session("usr_odd")
	s.Refresh = []cloakroom.RefreshChain{w.chain(1)}
	s.Refresh[0].Past[0].At = w.odd(time.Second)
	got, err := w.found(w.begin(s).Token, w.now)
	w.ok(err, "Session")
	w.kept(got.Refresh[0].Past[0].At, s.Refresh[0].Past[0].At, "Rotated.At")
}

func rotateWrites(w *world) {
	s, other := w.session("usr_ana"), w.begin(w.session("usr_ana"))
	s.Refresh = []cloakroom.RefreshChain{w.chain(2), w.chain(32)}
	w.begin(s)
	w.remember(s, "cart", "one cloak")
	for i := range s.Refresh {
		next := w.successor(s.Refresh[i])
		w.ok(w.rotate(s, s.Refresh[i].Current, next), "Rotate")
		s.Refresh[i] = next
		w.lives(s, "next is in the place of the chain that was current, and nothing else changed")
	}
	w.holds(s, cloakroom.Datum{Key: "cart", Value: []byte("one cloak"), Revision: 1}, "the data stays")
	w.lives(other, "another session is left alone")
	page, err := w.store.SessionsOf(w.Context(), s.Token.Bucket, s.UserID, "", 10)
	w.ok(err, "SessionsOf")
	same(w, page, []cloakroom.SessionRecord{other, s}, "SessionsOf returns the rotated chains")
}

func rotateOn(w *world) {
	s := w.session("usr_ana")
	s.Refresh = []cloakroom.RefreshChain{w.chain(0)}
	w.begin(s)
	for range 40 {
		next := w.successor(s.Refresh[0])
		w.ok(w.rotate(s, s.Refresh[0].Current, next), "Rotate")
		s.Refresh[0] = next
	}
	w.lives(s, "the chain is the last one")
}

func rotateTouches(w *world) {
	s := w.begin(w.session("usr_ana"))
	rotate := func(use cloakroom.Touch) {
		w.Helper()
		use.Token = s.Token
		next := w.successor(s.Refresh[0])
		w.ok(w.store.Rotate(w.Context(), s.Refresh[0].Current, next, use), "Rotate")
		s.Refresh[0] = next
	}
	rotate(cloakroom.Touch{SeenAt: w.now, ExpiresAt: w.now.Add(2 * day), IssuedAt: w.now.Add(-tick)})
	s.LastSeenAt, s.ExpiresAt, s.IssuedAt = w.now, w.now.Add(2*day), w.now.Add(-tick)
	w.lives(s, "Rotate writes SeenAt, ExpiresAt and IssuedAt")
	rotate(cloakroom.Touch{SeenAt: w.now.Add(-tick), ExpiresAt: w.now.Add(day), IssuedAt: w.now.Add(-day)})
	w.lives(s, "times only grow: a late Rotate takes nothing back")
	rotate(cloakroom.Touch{SeenAt: w.now.Add(tick)})
	s.LastSeenAt = w.now.Add(tick)
	w.lives(s, "each time grows by itself; a zero IssuedAt leaves the stored one")
}

func rotateConflict(w *world) {
	s, other := w.session("usr_ana"), w.begin(w.session("usr_ana"))
	opaque := w.session("usr_ana")
	opaque.Refresh = nil
	w.begin(opaque)
	w.begin(s)
	former, next := s.Refresh[0], w.successor(s.Refresh[0])
	w.ok(w.rotate(s, former.Current, next), "Rotate")
	s.Refresh[0] = next

	use := cloakroom.Touch{Token: s.Token, SeenAt: w.now.Add(day), ExpiresAt: w.now.Add(9 * day), IssuedAt: w.now.Add(day)}
	for law, current := range map[string][32]byte{
		"it was exchanged":         former.Current,
		"it was exchanged earlier": former.Past[0].Token,
		"it never was":             w.hash(),
		"it is another session's":  other.Refresh[0].Current,
		"it is nothing":            {},
	} {
		w.is(w.store.Rotate(w.Context(), current, w.chain(1), use), cloakroom.ErrConflict, "no chain has this Current: "+law)
		w.lives(s, "ErrConflict: nothing was written: "+law)
	}
	w.is(w.rotate(opaque, [32]byte{}, w.chain(0)), cloakroom.ErrConflict, "a session of the opaque form has no chain")
	for _, s := range []cloakroom.SessionRecord{other, opaque} {
		w.lives(s, "ErrConflict: nothing was written")
	}
}

func rotateAbsent(w *world) {
	closed, moved := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	_, err := w.store.Close(w.Context(), closed.Ref(), w.ending())
	w.ok(err, "Close")
	renewed := moved
	renewed.Token = w.token(moved.Token.Bucket)
	w.ok(w.renew(moved.Token, renewed, w.now.Add(grace)), "Renew")
	unknown := w.session("usr_ana")

	rotateAt := func(s cloakroom.SessionRecord, at time.Time) error {
		return w.store.Rotate(w.Context(), s.Refresh[0].Current, w.chain(0), cloakroom.Touch{Token: s.Token, SeenAt: at})
	}
	w.is(rotateAt(closed, w.now), cloakroom.ErrNotFound, "Rotate of a closed session")
	w.is(rotateAt(unknown, w.now), cloakroom.ErrNotFound, "Rotate of an unknown session")
	w.is(rotateAt(moved, w.now.Add(grace-tick)), cloakroom.ErrMoved, "Rotate of an exchanged token in its grace")
	w.is(rotateAt(moved, w.now.Add(grace)), cloakroom.ErrNotFound, "Rotate of an exchanged token after its grace")
	w.dead(closed.Token, "a closed session stays closed")
	w.lives(renewed, "nothing was written")
	next := w.successor(renewed.Refresh[0])
	w.ok(w.rotate(renewed, renewed.Refresh[0].Current, next), "Rotate of the session by its new token")
	renewed.Refresh = []cloakroom.RefreshChain{next, renewed.Refresh[1]}
	w.lives(renewed, "the chain is of the session, not of its token")
}

func renewRefresh(w *world) {
	s := w.begin(w.session("usr_ana"))
	for law, chains := range map[string][]cloakroom.RefreshChain{
		"two are new":       {w.chain(0), w.chain(1)},
		"one is left":       {w.chain(2)},
		"none is left":      nil,
		"there is one more": {s.Refresh[0], w.chain(0)},
	} {
		old := s.Token
		s.Token, s.Refresh = w.token(old.Bucket), chains
		w.ok(w.renew(old, s, w.now), "Renew")
		w.lives(s, "Renew writes Refresh: "+law)
	}
}

func renewInPlaceRefresh(w *world) {
	signed, opaque := w.begin(w.session("usr_ana")), w.session("usr_ana")
	opaque.Refresh = nil
	w.begin(opaque)
	for law, chains := range map[string][]cloakroom.RefreshChain{
		"it has none":           nil,
		"it has one of them":    {signed.Refresh[1]},
		"it has others":         {w.chain(0), w.chain(1)},
		"it has them exchanged": {w.successor(signed.Refresh[0]), w.successor(signed.Refresh[1])},
	} {
		for _, want := range []*cloakroom.SessionRecord{&signed, &opaque} {
			want.Level++
			given := *want
			given.Refresh = chains
			w.ok(w.renew(want.Token, given, w.now), "Renew in place")
			w.lives(*want, "Renew in place leaves Refresh and writes the rest: "+law)
		}
	}
}

func renewUndoesNoRotate(w *world) {
	s := w.begin(w.session("usr_ana"))
	for i := range s.Refresh {
		stale, err := w.found(s.Token, w.now)
		w.ok(err, "Session")
		former, next := s.Refresh[i], w.successor(s.Refresh[i])
		w.ok(w.rotate(s, former.Current, next), "Rotate")
		stale.Level++
		w.ok(w.renew(s.Token, stale, w.now), "Renew in place")
		s.Level, s.Refresh[i] = stale.Level, next
		w.lives(s, "the chain is that of Rotate, the level that of Renew")
		w.is(w.rotate(s, former.Current, w.chain(0)), cloakroom.ErrConflict, "Rotate of the token that was exchanged")
	}
	next := w.successor(s.Refresh[0])
	w.ok(w.rotate(s, s.Refresh[0].Current, next), "Rotate of the token that Renew kept")
	s.Refresh[0] = next
	w.lives(s, "a chain that Renew kept goes on")
}

func copiesOfRefresh(w *world) {
	want := w.session("usr_ana")
	deep := func(chains []cloakroom.RefreshChain) []cloakroom.RefreshChain {
		chains = slices.Clone(chains)
		for i := range chains {
			chains[i].Past = slices.Clone(chains[i].Past)
			for j := range chains[i].Past {
				chains[i].Past[j].Sealed = bytes.Clone(chains[i].Past[j].Sealed)
			}
		}
		return chains
	}
	spoilt := func(chains []cloakroom.RefreshChain) {
		for i := range chains {
			for j := range chains[i].Past {
				spoil(nil, chains[i].Past[j].Sealed)
				chains[i].Past[j].Token[0] ^= 1
			}
			chains[i].Current[0] ^= 1
		}
	}
	given := want
	given.Refresh = deep(want.Refresh)
	w.begin(given)
	spoilt(given.Refresh)
	w.lives(want, "Open keeps a copy")

	old := want.Token
	want.Token = w.token(old.Bucket)
	given = want
	given.Refresh = deep(want.Refresh)
	w.ok(w.renew(old, given, w.now), "Renew")
	spoilt(given.Refresh)
	w.lives(want, "Renew keeps a copy")

	next := w.successor(want.Refresh[0])
	handed := deep([]cloakroom.RefreshChain{next})
	w.ok(w.rotate(want, want.Refresh[0].Current, handed[0]), "Rotate")
	want.Refresh[0] = next
	spoilt(handed)
	w.lives(want, "Rotate keeps a copy")

	got, err := w.found(want.Token, w.now)
	w.ok(err, "Session")
	page, err := w.store.SessionsOf(w.Context(), want.Token.Bucket, want.UserID, "", 1)
	w.ok(err, "SessionsOf")
	for _, s := range []cloakroom.SessionRecord{got, page[0]} {
		spoilt(s.Refresh)
		w.lives(want, "the store hands out copies")
	}
}

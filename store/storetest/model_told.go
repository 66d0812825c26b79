package storetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/cloakroom-auth/cloakroom"
)

// until draws how long the feed tells, or that it does not.
func (b *book) until(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "silent") {
		return time.Time{}
	}
	return b.later(t, "telling")
}

// events draws one event of the user, or none.
func (b *book) events(t *rapid.T) []cloakroom.EventRecord {
	if rapid.Bool().Draw(t, "no event") {
		return nil
	}
	e := cloakroom.EventRecord{Type: "happened", At: b.now, Realm: realm, UserID: b.userID}
	for range rapid.IntRange(0, 2).Draw(t, "parcels") {
		e.Parcels = append(e.Parcels, cloakroom.Parcel{Realm: realm, Kind: "of " + b.userID, DueAt: b.now, Data: fmt.Append(nil, b.w.next())})
	}
	return []cloakroom.EventRecord{e}
}

// ending draws how an end is told.
func (b *book) ending(t *rapid.T) cloakroom.Ending {
	end := cloakroom.Ending{RevokedUntil: b.until(t)}
	for _, e := range b.events(t) {
		e.Type = "ended"
		end.Event = &e
	}
	return end
}

// tell notes what is told of sessions that ended.
func (b *book) tell(end cloakroom.Ending, ids ...string) {
	for _, id := range ids {
		b.hint(cloakroom.Revocation{Subject: sha256.Sum256([]byte(id)), Until: end.RevokedUntil})
		if end.Event != nil {
			b.note([]cloakroom.EventRecord{*end.Event}, id)
		}
	}
}

func (b *book) hint(r cloakroom.Revocation) {
	if !r.Until.IsZero() {
		b.told = append(b.told, r)
	}
}

// note notes events as recall finds them.
func (b *book) note(events []cloakroom.EventRecord, sessionID string) {
	for _, e := range events {
		b.happened = append(b.happened, string(e.Type)+" "+sessionID)
		for _, p := range e.Parcels {
			b.sent = append(b.sent, string(p.Data))
		}
	}
}

// claim claims the parcels of all events.
func (b *book) claim(t *rapid.T) {
	t.Helper()
	all, err := b.w.store.ClaimParcels(b.w.Context(), cloakroom.ParcelQuery{
		Realm: realm, Kind: "of " + b.userID, Now: b.now, LeasedUntil: b.now.Add(day), Max: 1000,
	})
	agreeOn(t, "ClaimParcels", err, nil)
	var got []string
	for _, p := range all {
		got = append(got, string(p.Data))
	}
	slices.Sort(got)
	slices.Sort(b.sent)
	agree(t, "ClaimParcels", got, b.sent)
}

// hear asks the store what the feed told since it was asked last.
func (b *book) hear(t *rapid.T) {
	t.Helper()
	told, end := b.w.follow(b.cursor)
	slices.SortFunc(b.told, bySubject)
	slices.SortFunc(told, bySubject)
	agree(t, "Revocations", slices.Compact(told), b.told) // an entry may be there twice
	b.told, b.cursor = nil, end
}

func bySubject(x, y cloakroom.Revocation) int { return bytes.Compare(x.Subject[:], y.Subject[:]) }

// recall asks the store for the events of the user.
func (b *book) recall(t *rapid.T) {
	t.Helper()
	page, err := b.w.store.Events(b.w.Context(), cloakroom.EventQuery{Realm: realm, UserID: b.userID, Max: 1000})
	agreeOn(t, "Events", err, nil)
	var got []string
	for _, e := range page {
		got = append(got, string(e.Type)+" "+e.SessionID)
	}
	slices.Sort(got)
	slices.Sort(b.happened)
	agree(t, "Events", got, b.happened)
}

package cloakroom

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// Together makes one Store of a Directory and of a Ledger that lives elsewhere, and keeps the promise that what has ended
// stays dead. What Close and CloseUser end is durable in the feed first and deleted after; and what the feed has told dead
// is not found, whatever the Ledger believes after a failover, a restored snapshot or a lost write. So the worst that such a
// Ledger can do is to forget a session. What Open and Renew replace is told right after they did it, before they return.
//
// Session fails when the feed could not be read within the last second. New does this with Config.Ledger; call it for
// programs that work on the two without an Auth.
func Together(d Directory, l Ledger) Store {
	f := newFollower(d, defaultStaleness)
	f.graves = newGraves()
	return &together{Directory: d, Ledger: l, feed: f}
}

type together struct {
	Directory
	Ledger
	feed *follower
}

// Session implements Ledger.
func (t *together) Session(ctx context.Context, id TokenID, now time.Time) (SessionRecord, error) {
	rec, err := t.Ledger.Session(ctx, id, now)
	if err != nil {
		return rec, err
	}
	if err := t.feed.freshen(ctx); err != nil { // after the read: what was told before it counts
		return SessionRecord{}, err
	}
	switch {
	case t.dead(rec.ID):
		return SessionRecord{}, ErrNotFound
	case t.feed.graves.has(id.Hash):
		return SessionRecord{}, ErrMoved
	}
	return rec, nil
}

func (t *together) dead(sessionID string) bool { return t.feed.graves.has(subjectOf(sessionID)) }

// subjectOf is what the feed calls a session or a user.
func subjectOf(id string) [32]byte { return sha256.Sum256([]byte(id)) }

// append writes to the feed, unless until is zero, and to the events.
func (t *together) append(ctx context.Context, until time.Time, epoch int64, subjects [][32]byte, events []EventRecord) error {
	var entries []Revocation
	for _, s := range subjects {
		if !until.IsZero() {
			entries = append(entries, Revocation{Subject: s, Epoch: epoch, Until: until})
		}
	}
	if len(entries) == 0 && len(events) == 0 {
		return nil
	}
	err := t.Directory.Append(ctx, entries, events)
	if err == nil {
		t.feed.hear(entries)
	}
	return err
}

// ended is append for sessions that have ended; events are left to the caller.
func (t *together) ended(ctx context.Context, until time.Time, sessionIDs ...string) error {
	subjects := make([][32]byte, len(sessionIDs))
	for i, id := range sessionIDs {
		subjects[i] = subjectOf(id)
	}
	return t.append(ctx, until, SessionEnded, subjects, nil)
}

// Open implements Ledger.
func (t *together) Open(ctx context.Context, o Opening) (Opened, error) {
	var replaced string
	if o.Replace != nil {
		switch old, err := t.Session(ctx, *o.Replace, o.Now); {
		case err == nil:
			replaced = old.ID
		case !errors.Is(err, ErrNotFound):
			return Opened{}, err
		default: // dead, whatever the Ledger believes
			o.Replace = nil
		}
	}
	opened, err := t.Ledger.Open(ctx, o)
	if err != nil {
		if o.Limit > 0 && o.Session.UserID != "" { // nobody knows who was evicted, so nobody goes on with what is remembered
			_ = t.append(context.WithoutCancel(ctx), o.Evicted.RevokedUntil, UserChanged, [][32]byte{subjectOf(o.Session.UserID)}, nil)
		}
		return opened, err
	}
	events := append(o.Events[:len(o.Events):len(o.Events)], o.Evicted.Each(opened.Evicted...)...)
	if opened.Replaced {
		events = append(events, o.Replaced.Each(replaced)...)
		err = t.ended(ctx, o.Replaced.RevokedUntil, replaced)
	}
	if err == nil {
		err = t.ended(ctx, o.Evicted.RevokedUntil, opened.Evicted...)
	}
	if err == nil {
		err = t.append(ctx, time.Time{}, 0, nil, events)
	}
	return opened, err
}

// Renew implements Ledger. The Ledger comes first: were it the feed, a renewal that fails would sign the user out.
func (t *together) Renew(ctx context.Context, r Renewal) error {
	if t.dead(r.Session.ID) {
		return ErrNotFound
	}
	if r.Session.Token == r.Old {
		if err := t.Ledger.Renew(ctx, r); err != nil {
			return err
		}
		return t.append(ctx, r.RevokedUntil, TokenReplaced, nil, r.Events)
	}
	before, err := t.Ledger.Session(ctx, r.Old, r.Session.LastSeenAt)
	if errors.Is(err, ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	if err := t.Ledger.Renew(ctx, r); err != nil {
		return err
	}
	err = t.append(ctx, r.RevokedUntil, TokenReplaced, [][32]byte{r.Old.Hash}, r.Events)
	if err != nil { // nobody will get the new token, so the old one must not stay dead
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		_ = t.Ledger.Renew(ctx, Renewal{Old: r.Session.Token, Session: before, MovedUntil: r.Session.LastSeenAt})
	}
	return err
}

// Close implements Ledger.
func (t *together) Close(ctx context.Context, ref SessionRef, end Ending) (bool, error) {
	if there, err := t.has(ctx, ref); err != nil || !there {
		return false, err
	}
	if err := t.ended(ctx, end.RevokedUntil, ref.ID); err != nil {
		return false, err
	}
	closed, err := t.Ledger.Close(ctx, ref, end)
	if err != nil || !closed {
		return closed, err
	}
	return closed, t.append(ctx, time.Time{}, 0, nil, end.Each(ref.ID))
}

// has reports whether there is such a session: the feed must not be told that somebody else's has ended.
func (t *together) has(ctx context.Context, ref SessionRef) (bool, error) {
	page, err := t.Ledger.SessionsOf(ctx, ref.Bucket, ref.UserID, ref.ID+"\x00", 1)
	return len(page) == 1 && page[0].ID == ref.ID, err
}

// CloseUser implements Ledger.
func (t *together) CloseUser(ctx context.Context, bucket uint16, userID, keep string, end Ending) ([]string, error) {
	if userID == "" {
		return nil, nil // guests are nobody's
	}
	var known []string
	for before := ""; !end.RevokedUntil.IsZero(); {
		page, err := t.Ledger.SessionsOf(ctx, bucket, userID, before, pageSize)
		if err != nil {
			return nil, err
		}
		for _, s := range page {
			if before = s.ID; s.ID != keep {
				known = append(known, s.ID)
			}
		}
		if len(page) < pageSize {
			break
		}
	}
	if err := t.ended(ctx, end.RevokedUntil, known...); err != nil {
		return nil, err
	}
	closed, err := t.Ledger.CloseUser(ctx, bucket, userID, keep, end)
	if err == nil { // also of sessions that were opened since the look
		err = t.ended(ctx, end.RevokedUntil, closed...)
	}
	if err == nil {
		err = t.append(ctx, time.Time{}, 0, nil, end.Each(closed...))
	}
	return closed, err
}

// SessionsOf implements Ledger.
func (t *together) SessionsOf(ctx context.Context, bucket uint16, userID, before string, max int) ([]SessionRecord, error) {
	if err := t.feed.freshen(ctx); err != nil {
		return nil, err
	}
	var living []SessionRecord
	for {
		page, err := t.Ledger.SessionsOf(ctx, bucket, userID, before, max)
		if err != nil {
			return nil, err
		}
		for _, s := range page {
			if before = s.ID; !t.dead(s.ID) && len(living) < max {
				living = append(living, s)
			}
		}
		if len(page) < max || len(living) == max {
			return living, nil
		}
	}
}

// Sweep implements Ledger.
func (t *together) Sweep(ctx context.Context, s Sweep) (int, error) {
	t.feed.graves.fill(s.Now)
	return t.Ledger.Sweep(ctx, s)
}

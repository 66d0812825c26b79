package postgres

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// mark is a place in the feed: behind the entry with this number and tag. The zero mark is the beginning.
//
// Whoever appends locks the one row of feed_head until the commit, so entries become visible in the order of their
// numbers, and a number is given back when the transaction comes to nothing. The tag, which is random, binds a cursor to
// this history of this feed: once a backup was restored, or a standby promoted that had not heard all, an entry may get the
// number of one that was lost, but not its tag. A mark whose entry is not there, be it another feed's, lost with the newer
// state, or swept, is the beginning. So whoever follows is at times told again what it knows already, but misses nothing.
// That is rare and short: an entry is swept when it has expired, when most that came before it have, too; and the answer
// is a new mark.
type mark struct{ seq, tag int64 }

func (m mark) cursor() string { return fmt.Sprintf("%d.%016x", m.seq, uint64(m.tag)) }

// parseMark reads a cursor. What is none becomes the beginning.
func parseMark(cursor string) mark {
	number, random, _ := strings.Cut(cursor, ".")
	seq, seqErr := strconv.ParseInt(number, 10, 64)
	tag, tagErr := strconv.ParseUint(random, 16, 64)
	if seqErr != nil || tagErr != nil {
		return mark{}
	}
	return mark{seq, int64(tag)}
}

// Append implements cloakroom.Directory.
func (s *Store) Append(ctx context.Context, entries []cloakroom.Revocation, events []cloakroom.EventRecord) error {
	err := s.write(ctx, func(t *tx) error {
		t.feed = append(t.feed, entries...)
		t.record(events...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("append to the feed: %w", err)
	}
	return nil
}

// revoke tells of a session or a user, unless until is zero.
func (t *tx) revoke(id string, epoch int64, until time.Time) {
	if !until.IsZero() {
		t.feed = append(t.feed, cloakroom.Revocation{Subject: sha256.Sum256([]byte(id)), Epoch: epoch, Until: until})
	}
}

// appendFeed appends what the transaction has to tell. It is for commit, which sends it: from the update of feed_head on,
// everybody else who appends waits. Were that row missing, the numbers would be NULL, which the table refuses.
func (t *tx) appendFeed() {
	if len(t.feed) == 0 {
		return
	}
	if t.store.channel != "" {
		t.queue(`SELECT pg_notify($1, '')`, t.store.channel)
	}
	t.queue(`UPDATE feed_head SET seq = seq + $1 WHERE id = 1`, int64(len(t.feed)))
	for i, r := range t.feed {
		t.queue(`INSERT INTO feed (seq, tag, subject, epoch, until)
			VALUES ((SELECT seq - $1::bigint FROM feed_head WHERE id = 1), $2, $3, $4, $5)`,
			int64(len(t.feed)-1-i), int64(rand.Uint64()), r.Subject[:], r.Epoch, r.Until.UnixMicro())
	}
}

// Revocations implements cloakroom.Directory. The page, the end of the feed and whether the mark is known are of one
// snapshot: they are one statement.
func (s *Store) Revocations(ctx context.Context, after string, limit int, now time.Time) (cloakroom.Revocations, error) {
	from, limit := parseMark(after), max(limit, 0)
	found, err := list(ctx, s, scanEntry, `SELECT seq, tag, subject, epoch, until, last FROM (
		(SELECT seq, tag, subject, epoch, until, false AS last FROM feed
			WHERE seq > coalesce((SELECT seq FROM feed WHERE seq = $1 AND tag = $2), 0) AND until > $3 ORDER BY seq LIMIT $4)
		UNION ALL
		(SELECT seq, tag, subject, epoch, until, true FROM feed ORDER BY seq DESC LIMIT 1)
	) page ORDER BY last, seq`, from.seq, from.tag, now.UnixMicro(), limit+1)
	if err != nil {
		return cloakroom.Revocations{}, fmt.Errorf("revocations: %w", err)
	}
	if len(found) == 0 {
		return cloakroom.Revocations{Cursor: mark{}.cursor()}, nil
	}
	return page(found[:len(found)-1], found[len(found)-1].mark, limit), nil
}

// entry is a row of the feed.
type entry struct {
	mark
	cloakroom.Revocation
	last bool
}

func scanEntry(row pgx.CollectableRow) (e entry, err error) {
	err = row.Scan(&e.seq, &e.tag, (*hash)(&e.Subject), &e.Epoch, (*instant)(&e.Until), &e.last)
	return e, err
}

// page leaves expired entries out, since found has none. The cursor of the last page is the end all the same, or each
// following call would pass over them again.
func page(found []entry, end mark, limit int) cloakroom.Revocations {
	p := cloakroom.Revocations{More: len(found) > limit}
	if p.More {
		found = found[:limit]
		end = mark{}
		if limit > 0 {
			end = found[limit-1].mark
		}
	}
	for _, e := range found {
		p.Entries = append(p.Entries, e.Revocation)
	}
	p.Cursor = end.cursor()
	return p
}

package sqlite

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// mark is a place in the feed: behind the entry with this number and tag. The zero mark is the beginning.
//
// One transaction writes at a time, so entries become visible in the order of their numbers. The tag, which is random,
// binds a cursor to this history of this feed: once a backup was restored, an entry may get the number of one that was
// lost, but not its tag. A mark whose entry is not there, be it another feed's, lost with the newer state, or swept, is
// the beginning. So whoever follows is at times told again what it knows already, but misses nothing. That is rare and
// short: an entry is swept when it has expired, when most that came before it have, too; and the answer is a new mark.
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

// ended tells the feed and the events of sessions that this transaction ended.
func ended(c *sqlite.Conn, end cloakroom.Ending, sessions ...string) error {
	if err := revokeSessions(c, end.RevokedUntil, sessions...); err != nil {
		return err
	}
	return addEvents(c, end.Each(sessions...)...)
}

// revokeSessions tells the feed of sessions that this transaction ended, unless until is zero.
func revokeSessions(c *sqlite.Conn, until time.Time, sessions ...string) error {
	for _, id := range sessions {
		if err := revoke(c, id, cloakroom.SessionEnded, until); err != nil {
			return err
		}
	}
	return nil
}

// revoke tells of a session or a user, unless until is zero.
func revoke(c *sqlite.Conn, id string, epoch int64, until time.Time) error {
	return announce(c, cloakroom.Revocation{Subject: sha256.Sum256([]byte(id)), Epoch: epoch, Until: until})
}

// announce adds to the feed, unless the entry is for no time at all.
func announce(c *sqlite.Conn, r cloakroom.Revocation) error {
	if r.Until.IsZero() {
		return nil
	}
	return appendRevocation(c, r)
}

func appendRevocation(c *sqlite.Conn, r cloakroom.Revocation) error {
	_, err := exec(c, `INSERT INTO revocations (tag, subject, epoch, until) VALUES (random(), ?1, ?2, ?3)`,
		r.Subject[:], r.Epoch, r.Until)
	return err
}

// Revocations implements cloakroom.Directory.
func (s *Store) Revocations(ctx context.Context, after string, limit int, now time.Time) (page cloakroom.Revocations, err error) {
	err = s.readers.read(ctx, func(c *sqlite.Conn) error {
		page, err = revocations(c, parseMark(after), max(limit, 0), now)
		return err
	})
	if err != nil {
		return cloakroom.Revocations{}, fmt.Errorf("revocations: %w", err)
	}
	return page, nil
}

// revocations reads the end of the feed and whether the mark is known, and the page while that row is still open: both
// are of one snapshot.
func revocations(c *sqlite.Conn, after mark, limit int, now time.Time) (page cloakroom.Revocations, err error) {
	var pageErr error
	found, err := one(c, `SELECT last.seq, last.tag, seen.seq IS NOT NULL FROM revocations last
		LEFT JOIN revocations seen ON seen.seq = ?1 AND seen.tag = ?2 ORDER BY last.seq DESC LIMIT 1`,
		func(s *sqlite.Stmt) {
			if known := s.ColumnBool(2); !known {
				after = mark{}
			}
			page, pageErr = pageBetween(c, after, mark{s.ColumnInt64(0), s.ColumnInt64(1)}, limit, now)
		}, after.seq, after.tag)
	if !found {
		page.Cursor = mark{}.cursor()
	}
	return page, errors.Join(err, pageErr)
}

// pageBetween leaves expired entries out. The cursor of the last page is the end all the same, or each following call
// would pass over them again.
func pageBetween(c *sqlite.Conn, after, end mark, limit int, now time.Time) (page cloakroom.Revocations, err error) {
	err = each(c, `SELECT seq, tag, subject, epoch, until FROM revocations WHERE seq > ?1 AND until > ?2 ORDER BY seq LIMIT ?3`,
		func(s *sqlite.Stmt) {
			if page.More = len(page.Entries) == limit; page.More {
				return
			}
			after = mark{s.ColumnInt64(0), s.ColumnInt64(1)}
			r := cloakroom.Revocation{Epoch: s.ColumnInt64(3), Until: moment(s, 4)}
			s.ColumnBytes(2, r.Subject[:])
			page.Entries = append(page.Entries, r)
		}, after.seq, now, limit+1)
	if !page.More {
		after = end
	}
	page.Cursor = after.cursor()
	return page, err
}

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

const sessionColumns = `key, tail, id, realm, user_id, epoch, created_at, authenticated_at, last_seen_at, issued_at,
	expires_at, methods, level, scopes, remember, ip, agent, refresh, ends_at, actor`

// scanSession fails only for refresh chains and an actor that it cannot read.
func scanSession(s *sqlite.Stmt) (cloakroom.SessionRecord, error) {
	refresh, err := chainsOf(s, 17)
	actor, actorErr := actorOf(s, 19)
	return cloakroom.SessionRecord{
		Token: token(s, 0, 1), ID: unpack(s, 2, sessionPrefix), Realm: s.ColumnText(3), UserID: unpack(s, 4, userPrefix),
		Epoch: s.ColumnInt64(5), CreatedAt: moment(s, 6), AuthenticatedAt: moment(s, 7), LastSeenAt: moment(s, 8),
		IssuedAt: moment(s, 9), ExpiresAt: moment(s, 10), Methods: split(s.ColumnText(11)), Level: s.ColumnInt(12),
		Scopes: split(s.ColumnText(13)), Remember: s.ColumnBool(14), IP: s.ColumnText(15), Agent: s.ColumnText(16),
		Refresh: refresh, EndsAt: momentIfAny(s, 18), Actor: actor,
	}, errors.Join(err, actorErr)
}

// Session implements cloakroom.Ledger.
func (s *Store) Session(ctx context.Context, t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, error) {
	conn, err := s.readers.get(ctx)
	if err != nil {
		return cloakroom.SessionRecord{}, fmt.Errorf("session: %w", err)
	}
	defer s.readers.put(conn)
	var record cloakroom.SessionRecord
	var broken error
	found, err := one(conn, `SELECT `+sessionColumns+` FROM sessions WHERE key = ?1 AND tail = ?2`,
		func(s *sqlite.Stmt) { record, broken = scanSession(s) }, key(t), tail(&t))
	if err = errors.Join(err, broken); err == nil && !found {
		err = missing(conn, t, now)
	}
	if err != nil {
		return cloakroom.SessionRecord{}, fmt.Errorf("session: %w", err)
	}
	return record, nil
}

var _ cloakroom.Finder = (*Store)(nil)

// Find implements cloakroom.Finder. The user is read while the session's row is still open: both are of one snapshot,
// and the locks of a read, which cost more than the read, are taken once.
func (s *Store) Find(ctx context.Context, t cloakroom.TokenID, now time.Time) (record cloakroom.SessionRecord, user cloakroom.User, err error) {
	conn, err := s.readers.get(ctx)
	if err != nil {
		return record, user, fmt.Errorf("session: %w", err)
	}
	defer s.readers.put(conn)
	var broken, userErr error
	found, err := one(conn, `SELECT `+sessionColumns+` FROM sessions WHERE key = ?1 AND tail = ?2`,
		func(stmt *sqlite.Stmt) {
			if record, broken = scanSession(stmt); record.UserID != "" {
				user, userErr = oneUser(conn, userByID, record.UserID)
			}
		}, key(t), tail(&t))
	if errors.Is(userErr, cloakroom.ErrNotFound) {
		userErr = nil
	}
	if err = errors.Join(err, broken, userErr); err == nil && !found {
		err = missing(conn, t, now)
	}
	if err != nil {
		return cloakroom.SessionRecord{}, cloakroom.User{}, fmt.Errorf("session: %w", err)
	}
	return record, user, nil
}

const userByID = `SELECT ` + userColumns + ` FROM users u WHERE u.id = ?1`

// missing says in what way there is no session with this token.
func missing(c *sqlite.Conn, t cloakroom.TokenID, now time.Time) error {
	moved, err := one(c, `SELECT 1 FROM moved WHERE key = ?1 AND tail = ?2 AND until > ?3`, func(*sqlite.Stmt) {},
		key(t), tail(&t), now)
	switch {
	case err != nil:
		return err
	case moved:
		return cloakroom.ErrMoved
	}
	return cloakroom.ErrNotFound
}

// SessionsOf implements cloakroom.Ledger.
func (s *Store) SessionsOf(ctx context.Context, bucket uint16, userID, before string, limit int) (found []cloakroom.SessionRecord, err error) {
	sql := `SELECT ` + sessionColumns + ` FROM sessions WHERE (key >> 48) = ?1 AND user_id = ?2 ORDER BY id DESC LIMIT ?3`
	args := []any{shard(bucket), pack(userPrefix, userID), max(limit, 0)}
	if before != "" {
		sql = `SELECT ` + sessionColumns + ` FROM sessions WHERE (key >> 48) = ?1 AND user_id = ?2 AND id < ?4
			ORDER BY id DESC LIMIT ?3`
		args = append(args, pack(sessionPrefix, before))
	}
	err = s.readers.read(ctx, func(c *sqlite.Conn) error {
		var broken error
		err := each(c, sql, func(s *sqlite.Stmt) {
			record, err := scanSession(s)
			found, broken = append(found, record), errors.Join(broken, err)
		}, args...)
		return errors.Join(err, broken)
	})
	if err != nil {
		return nil, fmt.Errorf("sessions of user %s: %w", userID, err)
	}
	return found, nil
}

// touchJobs is how many uses are written in one piece, so that no list of them holds the writer for long.
const touchJobs = 64

// Touch implements cloakroom.Ledger. Each use is atomic, the list is not; after an error it may be written again.
func (s *Store) Touch(ctx context.Context, touches []cloakroom.Touch) error {
	for piece := range slices.Chunk(touches, touchJobs) {
		err := s.writer.write(ctx, func(c *sqlite.Conn) error { return touch(c, piece) })
		if err != nil {
			return fmt.Errorf("touch sessions: %w", err)
		}
	}
	return nil
}

// touched lets times grow to SeenAt, ExpiresAt and IssuedAt.
const touched = `last_seen_at = CASE WHEN last_seen_at < ?3 THEN ?3 ELSE last_seen_at END,
	expires_at = CASE WHEN expires_at < ?4 THEN ?4 ELSE expires_at END,
	issued_at = CASE WHEN issued_at < ?5 THEN ?5 ELSE issued_at END`

func touch(c *sqlite.Conn, touches []cloakroom.Touch) error {
	for _, t := range touches {
		if _, err := exec(c, `UPDATE sessions SET `+touched+` WHERE key = ?1 AND tail = ?2`,
			key(t.Token), tail(&t.Token), t.SeenAt, t.ExpiresAt, t.IssuedAt); err != nil {
			return err
		}
	}
	return nil
}

// Renew implements cloakroom.Ledger.
func (s *Store) Renew(ctx context.Context, r cloakroom.Renewal) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		if err := renew(c, r.Old, r.Session); err != nil {
			return err
		}
		if r.Session.Token != r.Old {
			if err := replaced(c, r); err != nil {
				return err
			}
		}
		return addEvents(c, r.Events...)
	})
	if err != nil {
		return fmt.Errorf("renew session %s: %w", r.Session.ID, err)
	}
	return nil
}

// replaced remembers that the token was exchanged for another, and tells the feed.
func replaced(c *sqlite.Conn, r cloakroom.Renewal) error {
	if err := leave(c, r.Old, r.MovedUntil); err != nil {
		return err
	}
	return announce(c, cloakroom.Revocation{Subject: r.Old.Hash, Epoch: cloakroom.TokenReplaced, Until: r.RevokedUntil})
}

func renew(c *sqlite.Conn, old cloakroom.TokenID, next cloakroom.SessionRecord) error {
	refresh, err := packChains(next.Refresh)
	if err != nil {
		return err
	}
	n, err := exec(c, `UPDATE sessions SET key = ?4, tail = ?5, epoch = ?6, authenticated_at = ?7, issued_at = ?8,
		last_seen_at = ?9, expires_at = ?10, methods = ?11, level = ?12,
		refresh = CASE WHEN key = ?4 AND tail = ?5 THEN refresh ELSE nullif(?13, x'') END
		WHERE key = ?1 AND tail = ?2 AND id = ?3`,
		key(old), tail(&old), pack(sessionPrefix, next.ID), key(next.Token), tail(&next.Token),
		next.Epoch, next.AuthenticatedAt, next.IssuedAt, next.LastSeenAt, next.ExpiresAt, join(next.Methods), next.Level,
		refresh)
	if err != nil {
		return err
	}
	if n == 0 {
		return cloakroom.ErrNotFound
	}
	if next.Token.Bucket != old.Bucket {
		return errors.New("the new token must be of the same bucket")
	}
	return nil
}

// leave remembers that the token was exchanged for another.
func leave(c *sqlite.Conn, t cloakroom.TokenID, until time.Time) error {
	_, err := exec(c, `INSERT INTO moved (key, tail, until) VALUES (?1, ?2, ?3)
		ON CONFLICT (key) DO UPDATE SET tail = excluded.tail, until = excluded.until`, key(t), tail(&t), until)
	return err
}

// Close implements cloakroom.Ledger. To end the store itself see Shutdown.
func (s *Store) Close(ctx context.Context, ref cloakroom.SessionRef, end cloakroom.Ending) (was bool, err error) {
	err = s.writer.write(ctx, func(c *sqlite.Conn) error {
		closed, err := remove(c, `SELECT key, id, data_bytes FROM sessions WHERE (key >> 48) = ?1 AND user_id = ?2 AND id = ?3`,
			shard(ref.Bucket), pack(userPrefix, ref.UserID), pack(sessionPrefix, ref.ID))
		if err != nil {
			return err
		}
		was = len(closed) > 0
		return ended(c, end, closed...)
	})
	if err != nil {
		return false, fmt.Errorf("close session %s: %w", ref.ID, err)
	}
	return was, nil
}

// CloseUser implements cloakroom.Ledger.
func (s *Store) CloseUser(ctx context.Context, bucket uint16, userID, keep string, end cloakroom.Ending) (closed []string, err error) {
	if userID == "" {
		return nil, s.readers.check(ctx) // guests are nobody's
	}
	err = s.writer.write(ctx, func(c *sqlite.Conn) error {
		closed, err = remove(c, `SELECT key, id, data_bytes FROM sessions WHERE (key >> 48) = ?1 AND user_id = ?2 AND id <> ?3`,
			shard(bucket), pack(userPrefix, userID), pack(sessionPrefix, keep))
		if err != nil {
			return err
		}
		return ended(c, end, closed...)
	})
	if err != nil {
		return nil, fmt.Errorf("close sessions of user %s: %w", userID, err)
	}
	return closed, nil
}

// remove deletes the sessions whose key, id and data_bytes the query answers, with their data. It returns their ids.
func remove(c *sqlite.Conn, query string, args ...any) (ids []string, err error) {
	type row struct {
		key     int64
		id      string
		hasData bool
	}
	var rows []row
	if err := each(c, query, func(s *sqlite.Stmt) {
		rows = append(rows, row{s.ColumnInt64(0), unpack(s, 1, sessionPrefix), s.ColumnInt64(2) > 0})
	}, args...); err != nil {
		return nil, err
	}
	for _, r := range rows {
		if _, err := exec(c, `DELETE FROM sessions WHERE key = ?1`, r.key); err != nil {
			return nil, err
		}
		if r.hasData {
			if err := dropData(c, r.key>>48, r.id); err != nil {
				return nil, err
			}
		}
		ids = append(ids, r.id)
	}
	return ids, nil
}

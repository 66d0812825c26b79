package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// Open implements cloakroom.Ledger. The session that was just opened is never among those closed over the limit, even
// if its CreatedAt is the oldest.
func (s *Store) Open(ctx context.Context, o cloakroom.Opening) (done cloakroom.Opened, err error) {
	err = s.writer.write(ctx, func(c *sqlite.Conn) error {
		done, err = open(c, o)
		return err
	})
	if err != nil {
		return cloakroom.Opened{}, fmt.Errorf("open session %s: %w", o.Session.ID, err)
	}
	return done, nil
}

func open(c *sqlite.Conn, o cloakroom.Opening) (done cloakroom.Opened, err error) {
	replaced, dataBytes, err := replace(c, o)
	if err != nil {
		return done, err
	}
	if done.Evicted, err = evict(c, o); err != nil {
		return done, err
	}
	done.Replaced = len(replaced) > 0
	events := slices.Concat(o.Events, o.Replaced.Each(replaced...), o.Evicted.Each(done.Evicted...))
	if err := addEvents(c, events...); err != nil {
		return done, err
	}
	return done, insertSession(c, o.Session, dataBytes)
}

// replace closes the session of o.Replace, if it is there, and says how much data the new session has from it. It returns
// the ids of what it closed: one or none.
func replace(c *sqlite.Conn, o cloakroom.Opening) (ids []string, dataBytes int64, err error) {
	if o.Replace == nil {
		return nil, 0, nil
	}
	err = each(c, `DELETE FROM sessions WHERE key = ?1 AND tail = ?2 RETURNING id, data_bytes`, func(s *sqlite.Stmt) {
		ids, dataBytes = []string{unpack(s, 0, sessionPrefix)}, s.ColumnInt64(1)
	}, key(*o.Replace), tail(o.Replace))
	if err != nil || len(ids) == 0 {
		return nil, 0, err
	}
	if err := revokeSessions(c, o.Replaced.RevokedUntil, ids...); err != nil {
		return nil, 0, err
	}
	if err := leave(c, *o.Replace, o.MovedUntil); err != nil || dataBytes == 0 {
		return ids, 0, err
	}
	if o.Inherit {
		return ids, dataBytes, moveData(c, shard(o.Replace.Bucket), ids[0], o.Session)
	}
	return ids, 0, dropData(c, shard(o.Replace.Bucket), ids[0])
}

// evict makes room for one more session of the same user, and returns the ids of what it closed.
func evict(c *sqlite.Conn, o cloakroom.Opening) (ids []string, err error) {
	if o.Limit <= 0 || o.Session.UserID == "" {
		return nil, nil
	}
	ids, err = remove(c, `SELECT key, id, data_bytes FROM sessions WHERE (key >> 48) = ?1 AND user_id = ?2 AND expires_at > ?3
		ORDER BY created_at DESC, id DESC LIMIT ?4 OFFSET ?5`,
		shard(o.Session.Token.Bucket), pack(userPrefix, o.Session.UserID), o.Now, math.MaxInt64, o.Limit-1)
	if err != nil {
		return nil, err
	}
	return ids, revokeSessions(c, o.Evicted.RevokedUntil, ids...)
}

func insertSession(c *sqlite.Conn, r cloakroom.SessionRecord, dataBytes int64) error {
	refresh, err := packChains(r.Refresh)
	if err != nil {
		return err
	}
	_, err = exec(c, `INSERT INTO sessions (`+sessionColumns+`, data_bytes)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, nullif(?18, x''), ?19, ?20, ?21)`,
		key(r.Token), tail(&r.Token), pack(sessionPrefix, r.ID), r.Realm, pack(userPrefix, r.UserID), r.Epoch,
		r.CreatedAt, r.AuthenticatedAt, r.LastSeenAt, r.IssuedAt, r.ExpiresAt,
		join(r.Methods), r.Level, join(r.Scopes), r.Remember, r.IP, r.Agent, refresh,
		unlessZero(r.EndsAt), packActor(r.Actor), dataBytes)
	return err
}

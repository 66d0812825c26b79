package sqlite

import (
	"context"
	"fmt"
	"math"

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
	dataBytes := int64(0)
	if o.Replace != nil {
		if done.Replaced, dataBytes, err = replace(c, o); err != nil {
			return done, err
		}
	}
	if done.Evicted, err = evict(c, o); err != nil {
		return done, err
	}
	if err = revokeSessions(c, o.RevokedUntil, done.Evicted...); err != nil {
		return done, err
	}
	return done, insertSession(c, o.Session, dataBytes)
}

// replace closes the session of o.Replace, if it is there, and says how much data the new session has from it.
func replace(c *sqlite.Conn, o cloakroom.Opening) (replaced bool, dataBytes int64, err error) {
	var id string
	replaced, err = one(c, `DELETE FROM sessions WHERE key = ?1 AND tail = ?2 RETURNING id, data_bytes`,
		func(s *sqlite.Stmt) { id, dataBytes = unpack(s, 0, sessionPrefix), s.ColumnInt64(1) },
		key(*o.Replace), tail(o.Replace))
	if err != nil || !replaced {
		return replaced, 0, err
	}
	if err := revokeSessions(c, o.RevokedUntil, id); err != nil {
		return true, 0, err
	}
	if err := leave(c, *o.Replace, o.MovedUntil); err != nil || dataBytes == 0 {
		return true, 0, err
	}
	if o.Inherit {
		return true, dataBytes, moveData(c, shard(o.Replace.Bucket), id, o.Session)
	}
	return true, 0, dropData(c, shard(o.Replace.Bucket), id)
}

// evict makes room for one more session of the same user.
func evict(c *sqlite.Conn, o cloakroom.Opening) (ids []string, err error) {
	if o.Limit <= 0 || o.Session.UserID == "" {
		return nil, nil
	}
	return remove(c, `SELECT key, id, data_bytes FROM sessions WHERE (key >> 48) = ?1 AND user_id = ?2 AND expires_at > ?3
		ORDER BY created_at DESC, id DESC LIMIT ?4 OFFSET ?5`,
		shard(o.Session.Token.Bucket), pack(userPrefix, o.Session.UserID), o.Now, math.MaxInt64, o.Limit-1)
}

func insertSession(c *sqlite.Conn, r cloakroom.SessionRecord, dataBytes int64) error {
	refresh, err := packChains(r.Refresh)
	if err != nil {
		return err
	}
	_, err = exec(c, `INSERT INTO sessions (`+sessionColumns+`, data_bytes)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, nullif(?18, x''), ?19)`,
		key(r.Token), tail(&r.Token), pack(sessionPrefix, r.ID), r.Realm, pack(userPrefix, r.UserID), r.Epoch,
		r.CreatedAt, r.AuthenticatedAt, r.LastSeenAt, r.IssuedAt, r.ExpiresAt,
		join(r.Methods), r.Level, join(r.Scopes), r.Remember, r.IP, r.Agent, refresh, dataBytes)
	return err
}

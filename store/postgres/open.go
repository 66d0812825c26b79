package postgres

import (
	"context"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

// Open implements cloakroom.Ledger. The session that was just opened is never among those closed over the limit, even if
// its CreatedAt is the oldest.
func (s *Store) Open(ctx context.Context, o cloakroom.Opening) (done cloakroom.Opened, err error) {
	err = s.write(ctx, func(t *tx) error {
		done, err = t.open(o)
		return err
	})
	if err != nil {
		return cloakroom.Opened{}, fmt.Errorf("open session %s: %w", o.Session.ID, err)
	}
	return done, nil
}

func (t *tx) open(o cloakroom.Opening) (done cloakroom.Opened, err error) {
	replaced, evicted, err := t.makeRoom(o)
	if err != nil {
		return done, err
	}
	dataBytes := int64(0)
	for _, old := range replaced {
		t.leave(*o.Replace, o.MovedUntil)
		if o.Inherit {
			dataBytes = old.dataBytes
			t.moveData(old, o.Session)
		} else {
			t.dropData(old)
		}
	}
	t.dropData(evicted...)
	if err := t.insertSession(o.Session, dataBytes); err != nil {
		return done, err
	}
	t.ended(o.Replaced, replaced...)
	t.ended(o.Evicted, evicted...)
	t.record(o.Events...)
	return cloakroom.Opened{Replaced: len(replaced) > 0, Evicted: ids(evicted)}, nil
}

// makeRoom deletes the session to be replaced and those over the limit. Whoever opens a session of a user whose sessions
// are limited locks the user's row in owners first, so the second of two counts when the first has committed.
func (t *tx) makeRoom(o cloakroom.Opening) (replaced, evicted []gone, err error) {
	next := o.Session
	limited := o.Limit > 0 && next.UserID != ""
	if limited {
		t.queue(`INSERT INTO owners (bucket, user_id, until) VALUES ($1, $2, $3)
			ON CONFLICT (bucket, user_id) DO UPDATE SET until = greatest(owners.until, excluded.until)`,
			next.Token.Bucket, next.UserID, next.ExpiresAt.UnixMicro())
	}
	if o.Replace != nil {
		t.remove(&replaced, `DELETE FROM sessions WHERE bucket = $1 AND token = $2`, o.Replace.Bucket, o.Replace.Hash[:])
	}
	if limited {
		t.remove(&evicted, `DELETE FROM sessions WHERE bucket = $1 AND user_id = $2 AND id IN (SELECT id FROM sessions
			WHERE bucket = $1 AND user_id = $2 AND expires_at > $3 ORDER BY created_at DESC, id DESC OFFSET $4)`,
			next.Token.Bucket, next.UserID, o.Now.UnixMicro(), o.Limit-1)
	}
	if limited || o.Replace != nil {
		err = t.send()
	}
	return replaced, evicted, err
}

func (t *tx) insertSession(r cloakroom.SessionRecord, dataBytes int64) error {
	refresh, err := packChains(r.Refresh)
	if err != nil {
		return err
	}
	actor, err := packActor(r.Actor)
	if err != nil {
		return err
	}
	t.queue(`INSERT INTO sessions (bucket, token, id, realm, user_id, epoch, created_at, authenticated_at, last_seen_at,
		issued_at, expires_at, methods, level, scopes, remember, ip, agent, refresh, data_bytes, ends_at, actor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`,
		r.Token.Bucket, r.Token.Hash[:], r.ID, r.Realm, r.UserID, r.Epoch,
		r.CreatedAt.UnixMicro(), r.AuthenticatedAt.UnixMicro(), r.LastSeenAt.UnixMicro(), r.IssuedAt.UnixMicro(), r.ExpiresAt.UnixMicro(),
		texts(r.Methods), r.Level, texts(r.Scopes), r.Remember, r.IP, []byte(r.Agent), refresh, dataBytes,
		r.EndsAt.UnixMicro(), actor)
	return nil
}

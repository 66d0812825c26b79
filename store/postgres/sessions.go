package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

const sessionColumns = `s.bucket, s.token, s.id, s.realm, s.user_id, s.epoch, s.created_at, s.authenticated_at, s.last_seen_at,
	s.issued_at, s.expires_at, s.methods, s.level, s.scopes, s.remember, s.ip, s.agent, s.refresh, s.ends_at, s.actor`

// storedSession is a session of which not all is unpacked.
type storedSession struct {
	cloakroom.SessionRecord
	agent, refresh, actor []byte
}

// fields are where the columns of a session go.
func (r *storedSession) fields() []any {
	return []any{
		&r.Token.Bucket, (*hash)(&r.Token.Hash), &r.ID, &r.Realm, &r.UserID, &r.Epoch,
		(*instant)(&r.CreatedAt), (*instant)(&r.AuthenticatedAt), (*instant)(&r.LastSeenAt),
		(*instant)(&r.IssuedAt), (*instant)(&r.ExpiresAt), &r.Methods, &r.Level, &r.Scopes, &r.Remember, &r.IP, &r.agent, &r.refresh,
		(*instant)(&r.EndsAt), &r.actor,
	}
}

// unpack is the session that was read.
func (r *storedSession) unpack() (_ cloakroom.SessionRecord, err error) {
	r.Agent = string(r.agent)
	if r.Refresh, err = unpackChains(r.refresh); err == nil {
		r.Actor, err = unpackActor(r.actor)
	}
	return r.SessionRecord, err
}

func scanSession(row pgx.CollectableRow) (cloakroom.SessionRecord, error) {
	var r storedSession
	if err := row.Scan(r.fields()...); err != nil {
		return r.SessionRecord, err
	}
	return r.unpack()
}

const sessionByToken = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.bucket = $1 AND s.token = $2`

// Session implements cloakroom.Ledger.
func (s *Store) Session(ctx context.Context, t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, error) {
	record, found, err := one(ctx, s, scanSession, sessionByToken, t.Bucket, t.Hash[:])
	if err == nil && !found {
		err = s.missing(ctx, t, now)
	}
	if err != nil {
		return cloakroom.SessionRecord{}, fmt.Errorf("session: %w", err)
	}
	return record, nil
}

// missing says in what way there is no session with this token.
func (s *Store) missing(ctx context.Context, t cloakroom.TokenID, now time.Time) error {
	_, moved, err := one(ctx, s, present, movedToken, t.Bucket, t.Hash[:], now.UnixMicro())
	switch {
	case err != nil:
		return err
	case moved:
		return cloakroom.ErrMoved
	}
	return cloakroom.ErrNotFound
}

const movedToken = `SELECT 1 FROM moved WHERE bucket = $1 AND token = $2 AND until > $3`

// SessionsOf implements cloakroom.Ledger.
func (s *Store) SessionsOf(ctx context.Context, bucket uint16, userID, before string, limit int) ([]cloakroom.SessionRecord, error) {
	sql := `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.bucket = $1 AND s.user_id = $2`
	args := []any{bucket, text(userID), max(limit, 0)}
	if before != "" {
		sql += ` AND s.id < $4`
		args = append(args, text(before))
	}
	found, err := list(ctx, s, scanSession, sql+` ORDER BY s.id DESC LIMIT $3`, args...)
	if err != nil {
		return nil, fmt.Errorf("sessions of user %s: %w", userID, err)
	}
	return found, nil
}

// touchJobs is how many uses are written in one transaction, so that nobody waits long for one of their rows.
const touchJobs = 256

// Touch implements cloakroom.Ledger. Each piece of the list is atomic, the list is not; after an error it may be written
// again. The rows are locked in one order everywhere, so that two lists never wait for each other.
func (s *Store) Touch(ctx context.Context, touches []cloakroom.Touch) error {
	touches = slices.SortedFunc(slices.Values(touches), func(a, b cloakroom.Touch) int {
		return cmp.Or(cmp.Compare(a.Token.Bucket, b.Token.Bucket), slices.Compare(a.Token.Hash[:], b.Token.Hash[:]))
	})
	for piece := range slices.Chunk(touches, touchJobs) {
		err := s.write(ctx, func(t *tx) error {
			for _, touch := range piece {
				t.queue(`UPDATE sessions SET `+touched+` WHERE bucket = $1 AND token = $2`, touchArgs(touch)...)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("touch sessions: %w", err)
		}
	}
	return nil
}

// touched lets times grow to those of touchArgs.
const touched = `last_seen_at = greatest(last_seen_at, $3), expires_at = greatest(expires_at, $4),
	issued_at = greatest(issued_at, $5)`

func touchArgs(t cloakroom.Touch) []any {
	return []any{t.Token.Bucket, t.Token.Hash[:], t.SeenAt.UnixMicro(), t.ExpiresAt.UnixMicro(), t.IssuedAt.UnixMicro()}
}

// Renew implements cloakroom.Ledger.
func (s *Store) Renew(ctx context.Context, r cloakroom.Renewal) error {
	err := s.write(ctx, func(t *tx) error { return t.renew(r) })
	if err != nil {
		return fmt.Errorf("renew session %s: %w", r.Session.ID, err)
	}
	return nil
}

func (t *tx) renew(r cloakroom.Renewal) error {
	next := r.Session
	refresh, err := packChains(next.Refresh)
	if err != nil {
		return err
	}
	var renewed bool
	t.find(&renewed, `UPDATE sessions SET token = $4, epoch = $5, authenticated_at = $6, issued_at = $7, last_seen_at = $8,
		expires_at = $9, methods = $10, level = $11, refresh = CASE WHEN token = $4 THEN refresh ELSE $12 END
		WHERE bucket = $1 AND token = $2 AND id = $3 RETURNING 1`,
		r.Old.Bucket, r.Old.Hash[:], next.ID, next.Token.Hash[:], next.Epoch, next.AuthenticatedAt.UnixMicro(),
		next.IssuedAt.UnixMicro(), next.LastSeenAt.UnixMicro(), next.ExpiresAt.UnixMicro(), texts(next.Methods), next.Level, refresh)
	if err := t.send(); err != nil {
		return err
	}
	if !renewed {
		return cloakroom.ErrNotFound
	}
	if next.Token.Bucket != r.Old.Bucket {
		return errors.New("the new token must be of the same bucket")
	}
	t.record(r.Events...)
	if next.Token == r.Old {
		return nil
	}
	t.leave(r.Old, r.MovedUntil)
	if !r.RevokedUntil.IsZero() {
		t.feed = append(t.feed, cloakroom.Revocation{Subject: r.Old.Hash, Epoch: cloakroom.TokenReplaced, Until: r.RevokedUntil})
	}
	return nil
}

// leave remembers that the token was exchanged for another.
func (t *tx) leave(token cloakroom.TokenID, until time.Time) {
	t.queue(`INSERT INTO moved (bucket, token, until) VALUES ($1, $2, $3)
		ON CONFLICT (bucket, token) DO UPDATE SET until = excluded.until`, token.Bucket, token.Hash[:], until.UnixMicro())
}

// Close implements cloakroom.Ledger. To end the store itself see Shutdown.
func (s *Store) Close(ctx context.Context, ref cloakroom.SessionRef, end cloakroom.Ending) (bool, error) {
	closed, err := s.close(ctx, end, `DELETE FROM sessions WHERE bucket = $1 AND user_id = $2 AND id = $3`,
		ref.Bucket, text(ref.UserID), text(ref.ID))
	if err != nil {
		return false, fmt.Errorf("close session %s: %w", ref.ID, err)
	}
	return len(closed) > 0, nil
}

// CloseUser implements cloakroom.Ledger.
func (s *Store) CloseUser(ctx context.Context, bucket uint16, userID, keep string, end cloakroom.Ending) ([]string, error) {
	if userID == "" {
		return nil, s.check(ctx) // guests are nobody's
	}
	closed, err := s.close(ctx, end, `DELETE FROM sessions WHERE bucket = $1 AND user_id = $2 AND id <> $3`,
		bucket, text(userID), text(keep))
	if err != nil {
		return nil, fmt.Errorf("close sessions of user %s: %w", userID, err)
	}
	return ids(closed), nil
}

func (s *Store) close(ctx context.Context, end cloakroom.Ending, deletion string, args ...any) (closed []gone, err error) {
	err = s.write(ctx, func(t *tx) error {
		t.remove(&closed, deletion, args...)
		if err := t.send(); err != nil {
			return err
		}
		t.dropData(closed...)
		t.ended(end, closed...)
		return nil
	})
	return closed, err
}

// gone is a session that this transaction deleted.
type gone struct {
	bucket    uint16
	id        string
	dataBytes int64
}

func ids(sessions []gone) (all []string) {
	for _, s := range sessions {
		all = append(all, s.id)
	}
	return all
}

// remove runs a deletion of sessions. Which they were is known after the next send; their data is still there.
func (t *tx) remove(removed *[]gone, deletion string, args ...any) {
	*removed = nil
	t.ask(func(row pgx.CollectableRow) error {
		var g gone
		err := row.Scan(&g.bucket, &g.id, &g.dataBytes)
		*removed = append(*removed, g)
		return err
	}, deletion+` RETURNING bucket, id, data_bytes`, args...)
}

func (t *tx) dropData(sessions ...gone) {
	for _, s := range sessions {
		if s.dataBytes > 0 {
			t.queue(`DELETE FROM session_data WHERE bucket = $1 AND session_id = $2`, s.bucket, s.id)
		}
	}
}

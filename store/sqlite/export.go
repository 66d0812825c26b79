package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
)

var _ archive.Target = (*Store)(nil)

// Export implements archive.Source, for backups and copies. It is one read transaction: what is written meanwhile is not in it,
// and waits in the write-ahead log, which grows until the export ends.
func (s *Store) Export(ctx context.Context, to archive.Sink) error {
	err := s.readers.read(ctx, func(c *sqlite.Conn) error { return snapshot(c, func() error { return export(ctx, c, to) }) })
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// snapshot runs f in a read transaction.
func snapshot(c *sqlite.Conn, f func() error) (err error) {
	if _, err := exec(c, "BEGIN"); err != nil {
		return err
	}
	defer func() {
		_, end := exec(c, "ROLLBACK") // nothing was written
		err = errors.Join(err, end)
	}()
	return f()
}

// exports are the kinds in their order, each with the table that it is counted by.
var exports = [...]struct {
	table  string
	export func(*exporter) error
}{
	archive.KindUser:       {"users", (*exporter).users},
	archive.KindAPIKey:     {"api_keys", (*exporter).apiKeys},
	archive.KindKeySet:     {"signing_keys", (*exporter).keySets},
	archive.KindSession:    {"sessions", (*exporter).sessions},
	archive.KindTicket:     {"tickets", (*exporter).tickets},
	archive.KindCounter:    {"counters", (*exporter).counters},
	archive.KindMoved:      {"moved", (*exporter).moved},
	archive.KindRevocation: {"revocations", (*exporter).revocations},
	archive.KindEvent:      {"events", (*exporter).events},
	archive.KindParcel:     {"parcels", (*exporter).parcels},
}

func export(ctx context.Context, c *sqlite.Conn, to archive.Sink) error {
	var counts archive.Counts
	for k, kind := range exports {
		if _, err := one(c, `SELECT count(*) FROM `+kind.table, func(s *sqlite.Stmt) { counts[k] = s.ColumnInt64(0) }); err != nil {
			return err
		}
	}
	if err := to.Begin(counts); err != nil {
		return err
	}
	e := &exporter{ctx, c, to}
	for _, kind := range exports {
		if err := kind.export(e); err != nil {
			return err
		}
	}
	return nil
}

type exporter struct {
	ctx context.Context
	c   *sqlite.Conn
	to  archive.Sink
}

// each hands out what scan makes of each row, until something fails.
func (e *exporter) each(sql string, scan func(*sqlite.Stmt) (archive.Item, error)) error {
	stmt, err := e.c.Prepare(sql)
	if err != nil {
		return err
	}
	defer stmt.Reset()
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			return err
		}
		item, err := scan(stmt)
		if err == nil {
			err = e.to.Add(item)
		}
		if err := errors.Join(e.ctx.Err(), err); err != nil {
			return err
		}
	}
}

func (e *exporter) users() error {
	return e.each(`SELECT `+userColumns+` FROM users u ORDER BY u.id`, func(s *sqlite.Stmt) (archive.Item, error) {
		u := archive.User{
			ID: s.ColumnText(0), Realm: s.ColumnText(1), Email: s.ColumnText(2), EmailVerified: s.ColumnBool(3),
			FullName: s.ColumnText(4), Roles: split(s.ColumnText(5)),
			CreatedAt: s.ColumnInt64(6), UpdatedAt: s.ColumnInt64(7), BannedAt: s.ColumnInt64(8),
			Epoch: s.ColumnInt64(9), Revision: s.ColumnInt64(10),
			Locale: s.ColumnText(11), Picture: s.ColumnText(12), Phone: s.ColumnText(13), MFA: s.ColumnBool(14), ResetRequired: s.ColumnBool(15),
			LeavesAt: numberIfAny(s, 16), ExternalID: s.ColumnText(17),
		}
		err := each(e.c, `SELECT method, id, name, data, revision, created_at, updated_at FROM credentials
			WHERE user_id = ?1 ORDER BY method, id`, func(s *sqlite.Stmt) {
			u.Credentials = append(u.Credentials, archive.Credential{
				Method: s.ColumnText(0), ID: s.ColumnText(1), Name: s.ColumnText(2), Data: blob(s, 3),
				Revision: s.ColumnInt64(4), CreatedAt: s.ColumnInt64(5), UpdatedAt: s.ColumnInt64(6),
			})
		}, u.ID)
		return u, err
	})
}

// numberIfAny reads a time that is NULL in most rows.
func numberIfAny(s *sqlite.Stmt, col int) *int64 {
	if s.ColumnIsNull(col) {
		return nil
	}
	n := s.ColumnInt64(col)
	return &n
}

func (e *exporter) apiKeys() error {
	return e.each(`SELECT `+apiKeyColumns+` FROM api_keys ORDER BY key`, func(s *sqlite.Stmt) (archive.Item, error) {
		return archive.APIKey{
			Token: archivedToken(s), ID: s.ColumnText(2), Realm: s.ColumnText(3), UserID: s.ColumnText(4), Label: s.ColumnText(5),
			Scopes: split(s.ColumnText(6)), CreatedBy: s.ColumnText(7),
			CreatedAt: s.ColumnInt64(8), ExpiresAt: s.ColumnInt64(9), LastUsedAt: s.ColumnInt64(10), Revision: s.ColumnInt64(11),
		}, nil
	})
}

func (e *exporter) keySets() error {
	return e.each(`SELECT realm, revision, keys FROM signing_keys ORDER BY realm`, func(s *sqlite.Stmt) (archive.Item, error) {
		set := archive.KeySet{Realm: s.ColumnText(0), Revision: s.ColumnInt64(1)}
		var stored []storedKey
		err := json.Unmarshal([]byte(s.ColumnText(2)), &stored)
		for _, k := range stored {
			set.Keys = append(set.Keys, archive.SigningKey(k))
		}
		return set, err
	})
}

func (e *exporter) sessions() error {
	return e.each(`SELECT `+sessionColumns+` FROM sessions ORDER BY key`, func(s *sqlite.Stmt) (archive.Item, error) {
		r := archive.Session{
			Token: archivedToken(s), ID: unpack(s, 2, sessionPrefix), Realm: s.ColumnText(3), UserID: unpack(s, 4, userPrefix),
			Epoch: s.ColumnInt64(5), CreatedAt: s.ColumnInt64(6), AuthenticatedAt: s.ColumnInt64(7), LastSeenAt: s.ColumnInt64(8),
			IssuedAt: s.ColumnInt64(9), ExpiresAt: s.ColumnInt64(10), Methods: split(s.ColumnText(11)), Level: s.ColumnInt64(12),
			Scopes: split(s.ColumnText(13)), Remember: s.ColumnBool(14), IP: s.ColumnText(15), Agent: blob(s, 16),
		}
		chains, err := chainsOf(s, 17)
		r.Refresh, r.EndsAt = archivedChains(chains), numberIfAny(s, 18)
		actor, actorErr := actorOf(s, 19)
		r.Actor = archivedActor(actor)
		dataErr := each(e.c, `SELECT key, value, revision FROM session_data WHERE bucket = ?1 AND session_id = ?2 ORDER BY key`,
			func(s *sqlite.Stmt) {
				r.Data = append(r.Data, archive.Datum{Key: s.ColumnText(0), Value: blob(s, 1), Revision: s.ColumnInt64(2)})
			}, shard(r.Token.Bucket), pack(sessionPrefix, r.ID))
		return r, errors.Join(err, actorErr, dataErr)
	})
}

func archivedActor(a *cloakroom.Actor) *archive.Actor {
	if a == nil {
		return nil
	}
	return &archive.Actor{UserID: a.UserID, SessionID: a.SessionID, Token: archive.Token{Bucket: a.Token.Bucket, Hash: a.Token.Hash}}
}

// archivedToken reads key and tail, the first columns of a row.
func archivedToken(s *sqlite.Stmt) archive.Token {
	t := token(s, 0, 1)
	return archive.Token{Bucket: t.Bucket, Hash: t.Hash}
}

func archivedChains(chains []cloakroom.RefreshChain) (archived []archive.Chain) {
	for _, c := range chains {
		chain := archive.Chain{Current: c.Current}
		for _, p := range c.Past {
			chain.Past = append(chain.Past, archive.Rotated{Token: p.Token, Sealed: p.Sealed, At: p.At.UnixMicro()})
		}
		archived = append(archived, chain)
	}
	return archived
}

func (e *exporter) tickets() error {
	return e.each(`SELECT key, tail, kind, payload, expires_at, revision, used FROM tickets ORDER BY key, tail, kind`,
		func(s *sqlite.Stmt) (archive.Item, error) {
			return archive.Ticket{
				ID: archivedToken(s), Of: s.ColumnText(2), Payload: blob(s, 3),
				ExpiresAt: s.ColumnInt64(4), Revision: s.ColumnInt64(5), Used: s.ColumnBool(6),
			}, nil
		})
}

func (e *exporter) counters() error {
	return e.each(`SELECT key, n, reset_at FROM counters ORDER BY key`, func(s *sqlite.Stmt) (archive.Item, error) {
		c := archive.Counter{N: s.ColumnInt64(1), ResetAt: s.ColumnInt64(2)}
		s.ColumnBytes(0, c.Key[:])
		return c, nil
	})
}

func (e *exporter) moved() error {
	return e.each(`SELECT key, tail, until FROM moved ORDER BY key`, func(s *sqlite.Stmt) (archive.Item, error) {
		return archive.Moved{Token: archivedToken(s), Until: s.ColumnInt64(2)}, nil
	})
}

func (e *exporter) revocations() error {
	return e.each(`SELECT seq, subject, epoch, until FROM revocations ORDER BY seq`, func(s *sqlite.Stmt) (archive.Item, error) {
		r := archive.Revocation{Seq: s.ColumnInt64(0), Epoch: s.ColumnInt64(2), Until: s.ColumnInt64(3)}
		s.ColumnBytes(1, r.Subject[:])
		return r, nil
	})
}

func (e *exporter) events() error {
	return e.each(`SELECT `+eventColumns+` FROM events ORDER BY id`, func(s *sqlite.Stmt) (archive.Item, error) {
		return archive.Event{
			ID: unpack(s, 0, eventPrefix), Type: s.ColumnText(1), At: s.ColumnInt64(2), Realm: s.ColumnText(3),
			UserID: unpack(s, 4, userPrefix), SessionID: unpack(s, 5, sessionPrefix), Data: blob(s, 6), Queued: s.ColumnBool(7),
		}, nil
	})
}

func (e *exporter) parcels() error {
	return e.each(`SELECT id, realm, kind, due_at, tries, data FROM parcels ORDER BY id`, func(s *sqlite.Stmt) (archive.Item, error) {
		return archive.Parcel{
			ID: s.ColumnText(0), Realm: s.ColumnText(1), Of: s.ColumnText(2), DueAt: s.ColumnInt64(3), Tries: s.ColumnInt64(4), Data: blob(s, 5),
		}, nil
	})
}

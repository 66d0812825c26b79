package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
)

var _ archive.Target = (*Store)(nil)

// Export implements archive.Source, for backups and copies. It is one transaction that only reads, on a connection of its own:
// what is written meanwhile is not in it, and the server keeps what is deleted meanwhile until the export ends.
func (s *Store) Export(ctx context.Context, to archive.Sink) error {
	conn, err := s.pool.Acquire(ctx)
	if err == nil {
		defer conn.Release()
		err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{BeginQuery: s.snapshot()}, func(tx pgx.Tx) error { return export(ctx, tx, to) })
	}
	if err != nil {
		return fmt.Errorf("export: %w", s.told(err))
	}
	return nil
}

// snapshot begins a transaction that sees one moment, and takes the time it takes: whoever receives may be slow.
func (s *Store) snapshot() string {
	begin := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
	if s.settings != "" {
		begin += s.settings + "; "
	}
	return begin + "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
}

// exports are the kinds in their order, each with the rows that it has.
var exports = [...]struct {
	rows   string
	export func(*exporter) error
}{
	archive.KindUser:       {"users", (*exporter).users},
	archive.KindAPIKey:     {"api_keys", (*exporter).apiKeys},
	archive.KindKeySet:     {"signing_keys", (*exporter).keySets},
	archive.KindSession:    {"sessions", (*exporter).sessions},
	archive.KindTicket:     {"tickets", (*exporter).tickets},
	archive.KindCounter:    {"counters WHERE n <> 0", (*exporter).counters},
	archive.KindMoved:      {"moved", (*exporter).moved},
	archive.KindRevocation: {"feed", (*exporter).revocations},
	archive.KindEvent:      {"events", (*exporter).events},
	archive.KindParcel:     {"parcels", (*exporter).parcels},
}

func export(ctx context.Context, tx pgx.Tx, to archive.Sink) error {
	var counts archive.Counts
	for k, kind := range exports {
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM `+kind.rows).Scan(&counts[k]); err != nil {
			return err
		}
	}
	if err := to.Begin(counts); err != nil {
		return err
	}
	e := &exporter{ctx, tx, to}
	for _, kind := range exports {
		if err := kind.export(e); err != nil {
			return err
		}
	}
	return nil
}

type exporter struct {
	ctx context.Context
	tx  pgx.Tx
	to  archive.Sink
}

// exportPage is how many rows are in memory at once.
const exportPage = 256

// pages reads the answer of a query page by page. Each kind has a cursor of its own, because statements are prepared by
// their text.
func pages[T any](e *exporter, kind archive.Kind, scan func(pgx.CollectableRow) (T, error), query string, page func([]T) error) error {
	if _, err := e.tx.Exec(e.ctx, fmt.Sprintf(`DECLARE %v_page NO SCROLL CURSOR FOR %s`, kind, query)); err != nil {
		return err
	}
	for {
		rows, err := e.tx.Query(e.ctx, fmt.Sprintf(`FETCH FORWARD %d FROM %v_page`, exportPage, kind))
		if err != nil {
			return err
		}
		items, err := pgx.CollectRows(rows, scan)
		if err == nil {
			err = page(items)
		}
		if err != nil {
			return err
		}
		if len(items) < exportPage {
			_, err := e.tx.Exec(e.ctx, fmt.Sprintf(`CLOSE %v_page`, kind))
			return err
		}
	}
}

// items hands out what scan makes of each row.
func items[T archive.Item](e *exporter, scan func(pgx.CollectableRow) (T, error), query string) error {
	var of T
	return pages(e, of.Kind(), scan, query, func(page []T) error { return handOut(e, page) })
}

// handOut passes a page on.
func handOut[T archive.Item](e *exporter, page []T) error {
	for _, item := range page {
		if err := e.to.Add(item); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) users() error {
	scan := func(row pgx.CollectableRow) (u archive.User, err error) {
		err = row.Scan(&u.ID, &u.Realm, &u.Email, &u.EmailVerified, &u.FullName, &u.Roles, &u.CreatedAt, &u.UpdatedAt, &u.BannedAt,
			&u.Epoch, &u.Locale, &u.Picture, &u.Phone, &u.MFA, &u.ResetRequired, &u.LeavesAt, &u.ExternalID, &u.Revision)
		u.LeavesAt = unlessZero(u.LeavesAt)
		return u, err
	}
	return pages(e, archive.KindUser, scan, `SELECT `+userColumns+` FROM users u ORDER BY u.id`, func(page []archive.User) error {
		if err := e.addCredentials(page); err != nil {
			return err
		}
		return handOut(e, page)
	})
}

// addCredentials reads those of a page of users at once.
func (e *exporter) addCredentials(page []archive.User) error {
	ids, place := make([]string, len(page)), map[string]int{}
	for i, u := range page {
		ids[i], place[u.ID] = u.ID, i
	}
	rows, err := e.tx.Query(e.ctx, `SELECT user_id, method, id, name, data, revision, created_at, updated_at FROM credentials
		WHERE user_id = ANY ($1::text[]) ORDER BY user_id, method, id`, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	return each(rows, func(row pgx.CollectableRow) error {
		var user string
		var c archive.Credential
		err := row.Scan(&user, &c.Method, &c.ID, &c.Name, &c.Data, &c.Revision, &c.CreatedAt, &c.UpdatedAt)
		u := &page[place[user]]
		u.Credentials = append(u.Credentials, c)
		return err
	})
}

// unlessZero is a time of the archive that is left out where it says nothing.
func unlessZero(micro *int64) *int64 {
	if micro != nil && *micro == (time.Time{}).UnixMicro() {
		return nil
	}
	return micro
}

func (e *exporter) apiKeys() error {
	return items(e, func(row pgx.CollectableRow) (k archive.APIKey, err error) {
		err = row.Scan(&k.Token.Bucket, (*hash)(&k.Token.Hash), &k.ID, &k.Realm, &k.UserID, &k.Label, &k.Scopes, &k.CreatedBy,
			&k.CreatedAt, &k.ExpiresAt, &k.LastUsedAt, &k.Revision)
		return k, err
	}, `SELECT `+apiKeyColumns+` FROM api_keys ORDER BY bucket, token`)
}

func (e *exporter) keySets() error {
	return items(e, func(row pgx.CollectableRow) (set archive.KeySet, err error) {
		var keys []byte
		if err := row.Scan(&set.Realm, &set.Revision, &keys); err != nil {
			return set, err
		}
		var stored []storedKey
		err = json.Unmarshal(keys, &stored)
		for _, k := range stored {
			set.Keys = append(set.Keys, archive.SigningKey(k))
		}
		return set, err
	}, `SELECT realm, revision, keys FROM signing_keys ORDER BY realm`)
}

func (e *exporter) sessions() error {
	scan := func(row pgx.CollectableRow) (r archive.Session, err error) {
		var refresh, actor []byte
		if err := row.Scan(&r.Token.Bucket, (*hash)(&r.Token.Hash), &r.ID, &r.Realm, &r.UserID, &r.Epoch,
			&r.CreatedAt, &r.AuthenticatedAt, &r.LastSeenAt, &r.IssuedAt, &r.ExpiresAt,
			&r.Methods, &r.Level, &r.Scopes, &r.Remember, &r.IP, &r.Agent, &refresh, &r.EndsAt, &actor); err != nil {
			return r, err
		}
		chains, err := unpackChains(refresh)
		if err != nil {
			return r, err
		}
		r.Refresh, r.EndsAt = archivedChains(chains), unlessZero(r.EndsAt)
		r.Actor, err = archivedActor(actor)
		return r, err
	}
	return pages(e, archive.KindSession, scan, `SELECT `+sessionColumns+` FROM sessions s ORDER BY s.bucket, s.token`,
		func(page []archive.Session) error {
			if err := e.addData(page); err != nil {
				return err
			}
			return handOut(e, page)
		})
}

// addData reads that of a page of sessions at once.
func (e *exporter) addData(page []archive.Session) error {
	type owner struct {
		bucket uint16
		id     string
	}
	buckets, ids, place := make([]int32, len(page)), make([]string, len(page)), map[owner]int{}
	for i, r := range page {
		buckets[i], ids[i], place[owner{r.Token.Bucket, r.ID}] = int32(r.Token.Bucket), r.ID, i
	}
	rows, err := e.tx.Query(e.ctx, `SELECT bucket, session_id, key, value, revision FROM session_data
		WHERE (bucket, session_id) IN (SELECT * FROM unnest($1::integer[], $2::text[])) ORDER BY bucket, session_id, key`, buckets, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	return each(rows, func(row pgx.CollectableRow) error {
		var of owner
		var d archive.Datum
		err := row.Scan(&of.bucket, &of.id, &d.Key, &d.Value, &d.Revision)
		r := &page[place[of]]
		r.Data = append(r.Data, d)
		return err
	})
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

func archivedActor(text []byte) (*archive.Actor, error) {
	a, err := unpackActor(text)
	if a == nil || err != nil {
		return nil, err
	}
	token := archive.Token{Bucket: a.Token.Bucket, Hash: a.Token.Hash}
	return &archive.Actor{UserID: a.UserID, SessionID: a.SessionID, Token: token}, nil
}

func (e *exporter) tickets() error {
	return items(e, func(row pgx.CollectableRow) (t archive.Ticket, err error) {
		err = row.Scan(&t.ID.Bucket, (*hash)(&t.ID.Hash), &t.Of, &t.Payload, &t.ExpiresAt, &t.Revision, &t.Used)
		return t, err
	}, `SELECT bucket, token, kind, payload, expires_at, revision, used FROM tickets ORDER BY bucket, token, kind`)
}

func (e *exporter) counters() error {
	return items(e, func(row pgx.CollectableRow) (c archive.Counter, err error) {
		err = row.Scan((*hash)(&c.Key), &c.N, &c.ResetAt)
		return c, err
	}, `SELECT key, n, reset_at FROM counters WHERE n <> 0 ORDER BY key`)
}

func (e *exporter) moved() error {
	return items(e, func(row pgx.CollectableRow) (m archive.Moved, err error) {
		err = row.Scan(&m.Token.Bucket, (*hash)(&m.Token.Hash), &m.Until)
		return m, err
	}, `SELECT bucket, token, until FROM moved ORDER BY bucket, token`)
}

func (e *exporter) revocations() error {
	return items(e, func(row pgx.CollectableRow) (r archive.Revocation, err error) {
		err = row.Scan(&r.Seq, (*hash)(&r.Subject), &r.Epoch, &r.Until)
		return r, err
	}, `SELECT seq, subject, epoch, until FROM feed ORDER BY seq`)
}

func (e *exporter) events() error {
	return items(e, func(row pgx.CollectableRow) (v archive.Event, err error) {
		err = row.Scan(&v.ID, &v.Type, &v.At, &v.Realm, &v.UserID, &v.SessionID, &v.Data, &v.Queued)
		return v, err
	}, `SELECT `+eventColumns+` FROM events ORDER BY id`)
}

func (e *exporter) parcels() error {
	return items(e, func(row pgx.CollectableRow) (p archive.Parcel, err error) {
		err = row.Scan(&p.ID, &p.Realm, &p.Of, &p.DueAt, &p.Tries, &p.Data)
		return p, err
	}, `SELECT id, realm, kind, due_at, tries, data FROM parcels ORDER BY id`)
}

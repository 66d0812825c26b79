package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	attempts  = 12 // of what the server gave up because of others
	firstWait = time.Millisecond
	lastWait  = 100 * time.Millisecond
)

// retry runs attempt until it does not fail for a reason that goes by and that certainly left nothing behind.
func (s *Store) retry(ctx context.Context, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	wait := firstWait
	for left := attempts; ; left-- {
		err := attempt(ctx)
		if err == nil || left <= 1 || ctx.Err() != nil || !passing(err) {
			return s.told(err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait/2 + rand.N(wait)):
		}
		wait = min(2*wait, lastWait)
	}
}

// told names the reason of what fails because the store is shut down.
func (s *Store) told(err error) error {
	if err != nil && s.closed.Load() {
		return errors.Join(errShutdown, err)
	}
	return err
}

// passing reports whether the server rolled back because of somebody else. Nothing else is repeated: what pgconn calls safe
// to retry is not, for a connection that broke after a batch was sent is found closed by whoever reads the answers.
func passing(err error) bool {
	switch code(err) {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	}
	return false
}

// query runs one statement and hands its answer to read, once for each attempt.
func (s *Store) query(ctx context.Context, read func(pgx.Rows) error, sql string, args ...any) error {
	return s.retry(ctx, func(ctx context.Context) error {
		if s.settings != "" {
			return s.querySet(ctx, read, sql, args)
		}
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		return read(rows)
	})
}

// querySet sends the settings along. Both statements are one transaction, because they are one message.
func (s *Store) querySet(ctx context.Context, read func(pgx.Rows) error, sql string, args []any) error {
	var batch pgx.Batch
	batch.Queue(s.settings)
	batch.Queue(sql, args...).Query(read)
	return s.pool.SendBatch(ctx, &batch).Close()
}

// exec runs one statement that answers no rows and returns how many it changed.
func (s *Store) exec(ctx context.Context, sql string, args ...any) (n int, err error) {
	err = s.query(ctx, func(rows pgx.Rows) error {
		rows.Close()
		n = int(rows.CommandTag().RowsAffected())
		return rows.Err()
	}, sql, args...)
	return n, err
}

// each calls row for every row of an answer.
func each(rows pgx.Rows, row func(pgx.CollectableRow) error) error {
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// list runs one statement and returns a value for each row of its answer.
func list[T any](ctx context.Context, s *Store, scan func(pgx.CollectableRow) (T, error), sql string, args ...any) (all []T, err error) {
	err = s.query(ctx, func(rows pgx.Rows) error {
		all = nil
		return each(rows, func(row pgx.CollectableRow) error {
			v, err := scan(row)
			all = append(all, v)
			return err
		})
	}, sql, args...)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// one is list of at most one row, and reports whether there was one.
func one[T any](ctx context.Context, s *Store, scan func(pgx.CollectableRow) (T, error), sql string, args ...any) (v T, found bool, err error) {
	all, err := list(ctx, s, scan, sql, args...)
	if len(all) > 0 {
		v, found = all[0], true
	}
	return v, found, err
}

// present is the scan of a row of which only its being there matters.
func present(row pgx.CollectableRow) (int64, error) { return scalar[int64](row) }

func scalar[T any](row pgx.CollectableRow) (v T, err error) {
	err = row.Scan(&v)
	return v, err
}

// instant reads a time. The zero time needs no case of its own: it is some number of microseconds like any other.
type instant time.Time

// ScanInt64 implements pgtype.Int64Scanner.
func (t *instant) ScanInt64(v pgtype.Int8) error {
	*t = instant(time.UnixMicro(v.Int64).UTC())
	return nil
}

// hash reads 32 bytes.
type hash [32]byte

var errHash = errors.New("a hash must have 32 bytes")

// ScanBytes implements pgtype.BytesScanner.
func (h *hash) ScanBytes(v []byte) error {
	if len(v) != len(h) {
		return errHash
	}
	copy(h[:], v)
	return nil
}

// blob is bytes as they are stored: never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// texts is a list as it is stored: never NULL.
func texts(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// text makes of a string that came from outside one that the server takes. Bytes that are no text become characters that
// no id has, so it finds nothing, as it should.
func text(s string) string {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	}
	return s
}

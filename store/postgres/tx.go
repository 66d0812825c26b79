package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// begin states the isolation that the statements here are made for, whatever the server's default is: each sees what was
// committed before it began, so what follows a lock sees what the one before it did.
const begin = "BEGIN ISOLATION LEVEL READ COMMITTED"

// rollbackPatience is how long it takes at most to end a transaction that came to nothing; then the connection ends.
const rollbackPatience = time.Second

// tx is a transaction. Statements wait until somebody needs their answer, or until the commit, and travel together: a
// transaction without questions is one message and one answer.
type tx struct {
	store *Store
	ctx   context.Context
	conn  *pgx.Conn
	batch *pgx.Batch
	feed  []cloakroom.Revocation

	eventIDs, parcelIDs id.Series
}

// write runs f in a transaction and commits unless f fails. f may run several times.
func (s *Store) write(ctx context.Context, f func(*tx) error) error {
	return s.retry(ctx, func(ctx context.Context) error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		t := &tx{store: s, ctx: ctx, conn: conn.Conn(), batch: &pgx.Batch{}}
		t.queue(begin)
		if s.settings != "" {
			t.queue(s.settings)
		}
		if err = f(t); err == nil {
			err = t.commit()
		}
		if err != nil {
			t.rollback()
		}
		return err
	})
}

// queue adds a statement to what is sent next.
func (t *tx) queue(sql string, args ...any) *pgx.QueuedQuery { return t.batch.Queue(sql, args...) }

// ask queues a statement whose rows are wanted. They come with the next send.
func (t *tx) ask(row func(pgx.CollectableRow) error, sql string, args ...any) {
	t.queue(sql, args...).Query(func(rows pgx.Rows) error { return each(rows, row) })
}

// find asks whether a statement answers a row.
func (t *tx) find(found *bool, sql string, args ...any) {
	*found = false
	t.ask(func(pgx.CollectableRow) error {
		*found = true
		return nil
	}, sql, args...)
}

// send sends what waits, and returns when all of it was answered.
func (t *tx) send() error {
	batch := t.batch
	t.batch = &pgx.Batch{}
	return t.conn.SendBatch(t.ctx, batch).Close()
}

// commit appends to the feed what the transaction has to tell, last of all, and ends it in the same message. What was
// queued since the last send is committed unless the server refuses it: nobody may judge an answer to it.
func (t *tx) commit() error {
	t.appendFeed()
	ended := ""
	t.queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		ended = tag.String()
		return nil
	})
	err := t.send()
	switch {
	case err == nil && ended != "COMMIT":
		return fmt.Errorf("the server ended the transaction by %s", ended)
	case err != nil && code(err) == "":
		return fmt.Errorf("it is not known whether the transaction was committed: %w", err)
	}
	return err
}

// rollback leaves the connection as it was, or closed.
func (t *tx) rollback() {
	if t.conn.IsClosed() || t.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), rollbackPatience)
	defer cancel()
	if _, err := t.conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = t.conn.Close(ctx)
	}
}

package sqlite

import (
	"time"

	"zombiezen.com/go/sqlite"
)

const (
	logStep  = logPages / 2       // pages written between two checkpoints
	logPages = 4096               // from here on the log is brought to its end, so that it begins anew
	logRest  = 256                // pages that may be left for the writer's pause
	logTries = 4                  // to get there
	logBytes = 2 * logPages << 12 // of the log file, once it has begun anew
	logIdle  = 10 * time.Second   // between two checkpoints that nobody asked for
)

// checkpointer moves what was written from the log into the database, on a connection of its own while the writer goes
// on.
//
// The log begins anew only when a checkpoint reaches its very end, which it never does while the writer appends. So
// when the log has grown long, the last few pages are moved in a pause between two of the writer's transactions. A log
// that somebody else still reads just grows meanwhile.
//
// SQLite syncs the database only with the checkpoint that reaches the end. Left to itself it would sync in the pause
// what was moved in all the time before; so the pause begins after a sync, when there is little to write any more.
type checkpointer struct {
	path   string // empty: nothing is ever synced
	conn   *sqlite.Conn
	writer *writer
	quit   chan struct{}
	done   chan struct{}
}

func openCheckpointer(path string, w *writer, noSync bool) (*checkpointer, error) {
	conn, err := connect(path, synchronous(noSync), "wal_autocheckpoint = 0", "cache_size = -256")
	if err != nil {
		return nil, err
	}
	c := &checkpointer{path: path, conn: conn, writer: w, quit: make(chan struct{}), done: make(chan struct{})}
	if noSync {
		c.path = ""
	}
	go c.loop()
	return c, nil
}

func (c *checkpointer) loop() {
	defer close(c.done)
	idle := time.NewTicker(logIdle)
	defer idle.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-c.writer.grown:
		case <-idle.C:
		}
		c.pass()
	}
}

// pass is one checkpoint. An error is no harm: everything is in the log, and the writer meets whatever it was.
func (c *checkpointer) pass() {
	pages, _, err := checkpoint(c.conn, "PASSIVE")
	if err != nil || pages < logPages {
		return
	}
	for range logTries {
		if c.path != "" {
			syncEarly(c.path)
		}
		_, rest, err := checkpoint(c.conn, "NOOP") // what came since the last one began
		if err != nil || rest <= logRest {
			break
		}
		if _, _, err := checkpoint(c.conn, "PASSIVE"); err != nil {
			break
		}
	}
	c.writer.pause(func(conn *sqlite.Conn) { _, _, _ = checkpoint(conn, "PASSIVE") })
}

func (c *checkpointer) close() error {
	close(c.quit)
	<-c.done
	return c.conn.Close()
}

// checkpoint moves what it can: without waiting in mode PASSIVE, waiting for readers in mode TRUNCATE, nothing in mode
// NOOP. It returns how many pages the log has, and how many of them are still to be moved.
func checkpoint(conn *sqlite.Conn, mode string) (pages, rest int, err error) {
	_, err = one(conn, "PRAGMA wal_checkpoint("+mode+")", func(s *sqlite.Stmt) {
		pages, rest = s.ColumnInt(1), s.ColumnInt(1)-s.ColumnInt(2)
	})
	if busy(err) { // another process does the same
		err = nil
	}
	return pages, rest, err
}

package sqlite

import (
	"time"

	"zombiezen.com/go/sqlite"
)

const (
	logStep  = 1000               // rows changed between two checkpoints, a few pages each
	logPages = 4096               // from here on the log is brought to its end, so that it begins anew
	logRest  = 256                // pages that may be left for the writer's pause
	logTries = 8                  // to get there; each has less to move than the one before
	logBytes = 2 * logPages << 12 // of the log file, once it has begun anew
	logIdle  = 10 * time.Second   // between two checkpoints that nobody asked for
)

// checkpointer moves what was written from the log into the database, on a connection of its own while the writer goes
// on.
//
// The log begins anew only when a checkpoint reaches its very end, which it never does while the writer appends. So
// when the log has grown long, the last few pages are moved in a pause between two of the writer's transactions: they
// are few, so the pause is short. A log that somebody else still reads just grows meanwhile.
type checkpointer struct {
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
	c := &checkpointer{conn: conn, writer: w, quit: make(chan struct{}), done: make(chan struct{})}
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
	for try := range logTries {
		pages, rest, err := checkpoint(c.conn, "PASSIVE")
		if err != nil || pages < logPages {
			return
		}
		if rest <= logRest || try == logTries-1 {
			c.writer.pause(func(conn *sqlite.Conn) { _, _, _ = checkpoint(conn, "PASSIVE") })
			return
		}
	}
}

func (c *checkpointer) close() error {
	close(c.quit)
	<-c.done
	return c.conn.Close()
}

// checkpoint moves what it can without waiting, or waiting for readers in mode TRUNCATE. It returns how many pages the
// log had, and how many of them are still to be moved.
func checkpoint(conn *sqlite.Conn, mode string) (pages, rest int, err error) {
	_, err = one(conn, "PRAGMA wal_checkpoint("+mode+")", func(s *sqlite.Stmt) {
		pages, rest = s.ColumnInt(1), s.ColumnInt(1)-s.ColumnInt(2)
	})
	if busy(err) { // another process does the same
		err = nil
	}
	return pages, rest, err
}

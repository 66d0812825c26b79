package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
)

const (
	batchJobs = 256                  // at most so many writes share one commit
	batchTime = 4 * time.Millisecond // and no other joins them after so long
)

// writer is the one goroutine that writes. It commits all writes that wait at once, so they share one sync.
type writer struct {
	conn    *sqlite.Conn
	place   *place
	wake    chan struct{}           // holds one: there may be something to do
	pauses  chan func(*sqlite.Conn) // run between two transactions
	grown   chan struct{}           // holds one: the log has grown by about logStep rows
	logged  int64                   // rows changed when grown was last told; the goroutine's
	done    chan struct{}           // closed when the goroutine has ended
	commits atomic.Int64            // transactions that committed

	mu      sync.Mutex
	waiting []*job
	shut    bool
}

// job is one write. It runs whole or not at all.
type job struct {
	run   func(*sqlite.Conn) error
	state atomic.Int32
	done  chan error
	err   error // of run; the writer's
}

const (
	jobWaiting int32 = iota
	jobRuns          // its caller waits for the result, whatever happens
	jobGone          // its caller has left, it must not run
)

func openWriter(path string, noSync bool) (*writer, error) {
	conn, err := connect(path, synchronous(noSync), "wal_autocheckpoint = 0", "cache_size = -16384",
		fmt.Sprintf("journal_size_limit = %d", logBytes))
	if err != nil {
		return nil, err
	}
	place, err := placeOf(path, conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	conn.SetBusyTimeout(0) // begin waits, in a way of its own
	w := &writer{
		conn: conn, place: place, wake: make(chan struct{}, 1), pauses: make(chan func(*sqlite.Conn)),
		grown: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go w.loop()
	return w, nil
}

func synchronous(noSync bool) string {
	if noSync {
		return "synchronous = off"
	}
	return "synchronous = full"
}

// write runs f in a transaction that it may share with others, and returns when that is on the disk. An error of f
// undoes what f did and nothing else. If ctx ends before f was begun, f never runs; once begun, the result counts.
// f may change what it closes over only as its last step: it must not be seen half done.
func (w *writer) write(ctx context.Context, f func(*sqlite.Conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{run: f, done: make(chan error, 1)}
	if !w.enqueue(j) {
		return errShutdown
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaiting, jobGone) {
			return ctx.Err()
		}
		return <-j.done
	}
}

func (w *writer) enqueue(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut {
		return false
	}
	w.waiting = append(w.waiting, j)
	tell(w.wake)
	return true
}

// tell leaves a word for whoever reads the channel, if none lies there.
func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// loop is the goroutine. It ends when the writer was shut and nothing waits any more.
func (w *writer) loop() {
	defer close(w.done)
	for {
		select {
		case f := <-w.pauses:
			f(w.conn)
		case <-w.wake:
		}
		for {
			w.gather()
			batch, shut := w.take()
			if len(batch) == 0 && shut {
				return
			}
			if len(batch) == 0 {
				break
			}
			w.putBack(w.commit(batch))
			select {
			case f := <-w.pauses:
				f(w.conn)
			default:
			}
		}
	}
}

// gather lets others run for as long as that brings more writes: who was just answered often comes with the next one,
// and every write that joins this commit is one that waits for no other.
func (w *writer) gather() {
	for have := -1; ; {
		w.mu.Lock()
		n := len(w.waiting)
		w.mu.Unlock()
		if n == have || n >= batchJobs {
			return
		}
		have = n
		runtime.Gosched()
	}
}

func (w *writer) take() (batch []*job, shut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.waiting), batchJobs)
	batch = append(batch, w.waiting[:n]...)
	w.waiting = append(w.waiting[:0], w.waiting[n:]...)
	return batch, w.shut
}

func (w *writer) putBack(rest []*job) {
	if len(rest) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(append([]*job(nil), rest...), w.waiting...)
}

// commit runs the jobs in one transaction and tells each its result. It returns those that it had no time for.
func (w *writer) commit(batch []*job) (rest []*job) {
	if err := retry(w.begin); err != nil {
		err = fmt.Errorf("begin a transaction: %w", err)
		for _, j := range batch {
			if j.claim() {
				j.done <- err
			}
		}
		return nil
	}
	ran, rest, err := w.runAll(batch)
	if err == nil {
		err = w.place.check()
	}
	if err == nil {
		_, err = exec(w.conn, "COMMIT")
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("nothing was written: %w", err), w.rollback())
	} else {
		w.commits.Add(1)
		w.measure()
	}
	for _, j := range ran {
		if err != nil {
			j.err = err
		}
		j.done <- j.err
	}
	return rest
}

func (w *writer) begin() error {
	_, err := exec(w.conn, "BEGIN IMMEDIATE")
	return err
}

// rollback ends the transaction if SQLite has not ended it by itself.
func (w *writer) rollback() error {
	if w.conn.AutocommitEnabled() {
		return nil
	}
	_, err := exec(w.conn, "ROLLBACK")
	return err
}

func (w *writer) runAll(batch []*job) (ran, rest []*job, err error) {
	start := time.Now()
	for i, j := range batch {
		if time.Since(start) > batchTime {
			return ran, batch[i:], nil
		}
		if !j.claim() {
			continue
		}
		ran = append(ran, j)
		j.err = w.runOne(j.run)
		if w.conn.AutocommitEnabled() { // an error so bad that SQLite has undone everything
			return ran, batch[i+1:], errors.Join(j.err, errors.New("the transaction was undone"))
		}
	}
	return ran, nil, nil
}

func (j *job) claim() bool { return j.state.CompareAndSwap(jobWaiting, jobRuns) }

// runOne undoes what f did if f fails.
func (w *writer) runOne(f func(*sqlite.Conn) error) error {
	if _, err := exec(w.conn, "SAVEPOINT job"); err != nil {
		return err
	}
	err := guarded(w.conn, f)
	if w.conn.AutocommitEnabled() {
		return err
	}
	if err != nil {
		if _, undo := exec(w.conn, "ROLLBACK TO job"); undo != nil {
			return errors.Join(err, undo, w.rollback())
		}
	}
	if _, release := exec(w.conn, "RELEASE job"); release != nil {
		return errors.Join(err, release, w.rollback())
	}
	return err
}

// guarded makes a panic an error: it must cost its caller, not everybody, the result.
func guarded(conn *sqlite.Conn, f func(*sqlite.Conn) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while writing: %v", r)
		}
	}()
	return f(conn)
}

// measure tells the checkpointer when enough has changed since the last time.
func (w *writer) measure() {
	var changed int64
	_, err := one(w.conn, "SELECT total_changes()", func(s *sqlite.Stmt) { changed = s.ColumnInt64(0) })
	if err == nil && changed-w.logged >= logStep {
		w.logged = changed
		tell(w.grown)
	}
}

// pause runs f between two transactions, unless the writer ends first.
func (w *writer) pause(f func(*sqlite.Conn)) {
	finished := make(chan struct{})
	select {
	case w.pauses <- func(c *sqlite.Conn) { defer close(finished); f(c) }:
		<-finished
	case <-w.done:
	}
}

// close writes what waits, moves the log into the database and closes the connection.
func (w *writer) close() error {
	w.mu.Lock()
	w.shut = true
	tell(w.wake)
	w.mu.Unlock()
	<-w.done
	w.conn.SetBusyTimeout(time.Second)
	_, _, err := checkpoint(w.conn, "TRUNCATE")
	return errors.Join(err, w.conn.Close())
}

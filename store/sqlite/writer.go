package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
)

const (
	batchJobs = 256                  // at most so many writes share one commit
	batchTime = 4 * time.Millisecond // and no other joins them after so long

	measureEvery = 16               // writes, the log is measured,
	measureAfter = time.Millisecond // and after a commit that took so long, which may have written much

	slackPart = 8                      // of the time of a commit it may wait for more writes
	slackMost = 200 * time.Microsecond // and in no case longer
)

// writer is who writes: one at a time. All writes that wait share one commit, and so one sync. There is no goroutine for it:
// of those who wait, whoever comes to the turn commits for all, so that who writes alone waits for nobody to wake up.
//
// The sync is most of what a write costs, so a commit should have as many as it can. Whoever was just answered often
// comes back with the next write: the writer runs each as it comes, and when none waits but fewer came than there are
// writers about, it gives them a moment. One who writes alone never waits for others.
type writer struct {
	conn    *sqlite.Conn
	place   *place
	turn    chan struct{} // holds one: somebody has the right to use conn and what is the turn's own
	grown   chan struct{} // holds one: the log has grown by logStep pages
	done    chan struct{} // closed when nothing will be written any more
	commits atomic.Int64  // transactions that committed
	noSync  bool          // nothing ever waits for the disk

	// The turn's own.
	hasty  bool          // commits do not wait for the disk at present
	next   []*job        // taken from waiting, not yet run
	crowd  int           // writes in the last transaction and those that came during it
	slack  time.Duration // how long this transaction may still wait for writes
	locked time.Time     // since when no transaction could begin; zero: the last one could
	logged int           // pages of the log when grown was last told
	behind int           // writes since the log was measured

	mu      sync.Mutex
	waiting []*job
	shut    bool
}

// job is one write. It runs whole or not at all.
type job struct {
	run   func(*sqlite.Conn) error
	hasty bool // see writer.note
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
		conn: conn, place: place, turn: make(chan struct{}, 1), grown: make(chan struct{}, 1), done: make(chan struct{}),
		noSync: noSync,
	}
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
	return w.do(ctx, &job{run: f})
}

// note is write for what may be lost with the machine's power, though not with the process: unless it shares its transaction with
// a write, it does not wait for the disk. The log has an order, so it lasts as soon as any later write does.
func (w *writer) note(ctx context.Context, f func(*sqlite.Conn) error) error {
	return w.do(ctx, &job{run: f, hasty: true})
}

func (w *writer) do(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.done = make(chan error, 1)
	if !w.enqueue(j) {
		return errShutdown
	}
	for {
		select {
		case err := <-j.done:
			return err
		default:
		}
		select {
		case err := <-j.done:
			return err
		case w.turn <- struct{}{}:
			if j.hasty {
				runtime.Gosched() // what is noted seldom comes alone
			}
			w.round(ctx)
		case <-ctx.Done():
			if j.state.CompareAndSwap(jobWaiting, jobGone) {
				return ctx.Err()
			}
			return <-j.done
		}
	}
}

func (w *writer) enqueue(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut {
		return false
	}
	w.waiting = append(w.waiting, j)
	return true
}

// tell leaves a word for whoever reads the channel, if none lies there.
func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// round is one turn: a commit, if anything waits. Whoever's ctx ends before it could begin leaves it to the next, also who
// came to the turn too late: the write that was given up would be the first to run.
func (w *writer) round(ctx context.Context) {
	defer func() { <-w.turn }()
	if ctx.Err() == nil && w.take() > 0 {
		w.commit(ctx)
	}
}

// take moves what waits to next, if that is empty, and returns how many are there.
func (w *writer) take() int {
	if len(w.next) == 0 {
		w.mu.Lock()
		w.next, w.waiting = w.waiting, nil
		w.mu.Unlock()
	}
	return len(w.next)
}

// commit runs what waits in one transaction and tells each its result.
func (w *writer) commit(ctx context.Context) {
	start := time.Now()
	err := w.pace()
	if err == nil {
		err = w.begin(ctx)
	}
	if busy(err) && ctx.Err() != nil {
		return
	}
	w.locked = time.Time{}
	if err != nil {
		w.refuse(fmt.Errorf("begin a transaction: %w", err))
		return
	}
	ran, err := w.runAll()
	if err == nil {
		err = w.place.check()
	}
	if err == nil {
		err = w.sync()
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("nothing was written: %w", err), w.rollback())
	} else {
		w.commits.Add(1)
	}
	w.count(len(ran))
	for _, j := range ran {
		if err != nil {
			j.err = err
		}
		j.done <- j.err
	}
	if w.behind += len(ran); w.behind >= measureEvery || time.Since(start) >= measureAfter {
		w.measure()
	}
}

// refuse answers what is next without running it.
func (w *writer) refuse(err error) {
	for _, j := range w.next {
		if j.claim() {
			j.done <- err
		}
	}
	w.next = nil
}

func (w *writer) sync() error {
	start := time.Now()
	_, err := exec(w.conn, "COMMIT")
	if !w.hasty {
		w.slack = min(time.Since(start)/slackPart, slackMost)
	}
	return err
}

// pace sets whether the next commit waits for the disk: it does unless all that is next was noted.
func (w *writer) pace() (err error) {
	hasty := !slices.ContainsFunc(w.next, func(j *job) bool { return !j.hasty })
	if hasty == w.hasty || w.noSync {
		return nil
	}
	if hasty {
		_, err = exec(w.conn, "PRAGMA synchronous = normal")
	} else {
		_, err = exec(w.conn, "PRAGMA synchronous = full")
	}
	if err == nil {
		w.hasty = hasty
	}
	return err
}

// count is called when the writes of a transaction are about to be answered.
func (w *writer) count(ran int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.crowd = ran + len(w.next) + len(w.waiting)
}

// begin waits while another process writes, but all who try it one after the other no longer than patience together.
func (w *writer) begin(ctx context.Context) error {
	if w.locked.IsZero() {
		w.locked = time.Now()
	}
	return retryUntil(ctx, w.locked.Add(patience), func() error {
		_, err := exec(w.conn, "BEGIN IMMEDIATE")
		return err
	})
}

// rollback ends the transaction if SQLite has not ended it by itself.
func (w *writer) rollback() error {
	if w.conn.AutocommitEnabled() {
		return nil
	}
	_, err := exec(w.conn, "ROLLBACK")
	return err
}

func (w *writer) runAll() (ran []*job, err error) {
	for end := time.Now().Add(batchTime); len(ran) < batchJobs && time.Now().Before(end) && w.more(len(ran)); {
		j := w.next[0]
		w.next = w.next[1:]
		if !j.claim() {
			continue
		}
		ran = append(ran, j)
		j.err = w.runOne(j.run)
		if w.conn.AutocommitEnabled() { // an error so bad that SQLite has undone everything
			return ran, errors.Join(j.err, errors.New("the transaction was undone"))
		}
	}
	return ran, nil
}

// more reports whether there is another write to join those that ran. It lets others run, so that they bring one. A commit that
// does not wait for the disk is not worth waiting for, and takes nothing along that must last.
func (w *writer) more(ran int) bool {
	if w.hasty {
		return w.take() > 0 && w.next[0].hasty
	}
	begin := time.Now()
	for w.take() == 0 {
		runtime.Gosched()
		if w.take() == 0 && (ran >= w.crowd || time.Since(begin) >= w.slack) {
			return false
		}
	}
	w.slack -= time.Since(begin)
	return true
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

// measure tells the checkpointer when the log has grown enough since the last time, or has begun anew.
func (w *writer) measure() {
	pages, _, err := checkpoint(w.conn, "NOOP")
	if err != nil {
		return // the next commit looks again
	}
	w.behind = 0
	w.logged = min(w.logged, pages)
	if pages-w.logged >= logStep {
		w.logged = pages
		tell(w.grown)
	}
}

// pause runs f between two transactions, unless the writer ends first.
func (w *writer) pause(f func(*sqlite.Conn)) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
		f(w.conn)
	case <-w.done:
	}
}

// close writes what waits, moves the log into the database and closes the connection.
func (w *writer) close() error {
	w.mu.Lock()
	w.shut = true
	w.mu.Unlock()
	w.turn <- struct{}{} // and never gives it back
	for w.take() > 0 {
		w.commit(context.Background())
	}
	close(w.done)
	w.conn.SetBusyTimeout(time.Second)
	_, _, err := checkpoint(w.conn, "TRUNCATE")
	return errors.Join(err, w.conn.Close())
}

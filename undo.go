package cloakroom

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// undoTime is how long taking back may take, whatever became of the request.
	undoTime = 5 * time.Second
	// maxEdits bounds what is remembered of one value. More than one edit of it is kept only where goroutines of the
	// request write it side by side, or others write it in between.
	maxEdits = 64
)

// writes remembers what a handler wrote into its session, so that it can be taken back if the handler panics. Every
// request behind a guard has one, so it is a pointer, and nil until the first write.
type writes struct{ log atomic.Pointer[writeLog] }

type writeLog struct {
	mu    sync.Mutex
	edits []edit
}

// edit is a change of one value. An absent value has revision 0.
type edit struct {
	ref      SessionRef
	from, to Datum
}

func (e *edit) of(ref SessionRef, key string) bool { return e.ref == ref && e.to.Key == key }

// note remembers a write and what it was told. One that may or may not have happened counts: what the store has when it
// is taken back will tell.
func (w *writes) note(ref SessionRef, from, to Datum, err error) {
	if _, unknown := errors.AsType[*UnavailableError](err); w == nil || err != nil && !unknown {
		return
	}
	if to.Revision++; to.Value == nil {
		to.Revision = 0
	}
	if w.log.Load() == nil {
		w.log.CompareAndSwap(nil, &writeLog{})
	}
	w.log.Load().add(edit{ref, from, to})
}

// add joins an edit to the one that led to it, so that one value written a hundred times is one edit. Goroutines may tell
// of theirs out of order; then edits stay apart until origin puts them together.
func (l *writeLog) add(e edit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest, n := 0, 0
	for i := len(l.edits) - 1; i >= 0; i-- {
		switch have := &l.edits[i]; {
		case !have.of(e.ref, e.to.Key):
		case same(have.to, e.from):
			have.to = e.to
			return
		default:
			oldest, n = i, n+1
		}
	}
	if n == maxEdits {
		l.edits = slices.Delete(l.edits, oldest, oldest+1)
	}
	l.edits = append(l.edits, e)
}

func (l *writeLog) all() []edit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.edits)
}

// origin is what a value was before the edits that made it what it is; somebody else's value is its own origin.
func origin(edits []edit, ref SessionRef, d Datum) Datum {
	for edits = slices.Clone(edits); ; {
		i := slices.IndexFunc(edits, func(e edit) bool { return e.of(ref, d.Key) && same(e.to, d) })
		if i < 0 {
			return d
		}
		d = edits[i].from
		edits = slices.Delete(edits, i, i+1)
	}
}

// same reports whether two readings are of one write. The revision alone does not tell: after a value was removed it
// starts again.
func same(a, b Datum) bool { return a.Revision == b.Revision && bytes.Equal(a.Value, b.Value) }

// undo takes back what the handler of a request did: what it wrote through s, which may be nil, and the guest session
// that it began.
func (a *Auth) undo(r *http.Request, s *Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), undoTime) // the client may be gone
	defer cancel()
	if s != nil {
		a.unwrite(ctx, r, s)
	}
	if begun := visitOf(r.Context()).session.Load(); begun != nil && begun != s && begun.Anonymous() {
		a.unbegin(ctx, r, begun)
	}
}

func (a *Auth) unwrite(ctx context.Context, r *http.Request, s *Session) {
	log := s.writes.log.Load()
	if log == nil {
		return
	}
	var failed error
	edits := log.all()
	for _, e := range edits {
		failed = errors.Join(failed, a.restore(ctx, edits, e.ref, e.to.Key))
	}
	if failed != nil {
		a.emitRequest(r, Event{Type: RequestFailed, UserID: s.ref.UserID, SessionID: s.ref.ID, Reason: "undo", Err: failed})
	}
}

// restore puts one value back to what it was before edits, unless it is somebody else's by now.
func (a *Auth) restore(ctx context.Context, edits []edit, ref SessionRef, key string) error {
	for {
		have, err := a.datum(ctx, ref, key)
		if err != nil {
			return err
		}
		was := origin(edits, ref, have)
		if same(was, have) {
			return nil
		}
		// What was there before had room; while some of it is back and some is not it may take more for a moment.
		err = a.ledger.SetDatum(ctx, ref, Datum{Key: key, Value: was.Value, Revision: have.Revision}, 2*maxData)
		switch {
		case err == nil, errors.Is(err, ErrNotFound): // the session ended, and its data with it
			return nil
		case !errors.Is(err, ErrConflict) || ctx.Err() != nil:
			return unavailable(err)
		}
	}
}

func (a *Auth) unbegin(ctx context.Context, r *http.Request, guest *Session) {
	_, err := a.close(ctx, guest.ref, a.requested(r, Event{Type: SessionRevoked, SessionID: guest.ref.ID, Reason: "undo"}))
	if err != nil {
		a.emitRequest(r, Event{Type: RequestFailed, SessionID: guest.ref.ID, Reason: "undo", Err: err})
	}
}

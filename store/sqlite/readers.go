package sqlite

import (
	"context"
	"errors"
	"sync"

	"zombiezen.com/go/sqlite"
)

// readers is the pool of connections that read. The one used last is used next, because its cache is warm.
type readers struct {
	free chan struct{} // one for each idle connection
	shut chan struct{}

	mu   sync.Mutex
	idle []*sqlite.Conn
	all  int
}

func openReaders(path string, n int) (*readers, error) {
	r := &readers{free: make(chan struct{}, n), shut: make(chan struct{})}
	for range n {
		conn, err := connect(path, "query_only = on", "cache_size = -4096")
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.all++
		r.put(conn)
	}
	return r, nil
}

// check returns the reason why nothing more may be read, if there is one.
func (r *readers) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-r.shut:
		return errShutdown
	default:
		return nil
	}
}

// get waits for an idle connection. A read takes microseconds: it is not interrupted when ctx ends.
func (r *readers) get(ctx context.Context) (*sqlite.Conn, error) {
	if err := r.check(ctx); err != nil {
		return nil, err
	}
	select {
	case <-r.free:
		return r.pop(), nil
	case <-r.shut:
		return nil, errShutdown
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *readers) pop() *sqlite.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.idle) - 1
	conn := r.idle[last]
	r.idle = r.idle[:last]
	return conn
}

func (r *readers) put(conn *sqlite.Conn) {
	r.mu.Lock()
	r.idle = append(r.idle, conn)
	r.mu.Unlock()
	r.free <- struct{}{}
}

// read runs f on a connection of the pool.
func (r *readers) read(ctx context.Context, f func(*sqlite.Conn) error) error {
	conn, err := r.get(ctx)
	if err != nil {
		return err
	}
	defer r.put(conn)
	return f(conn)
}

// close lets the reads that run finish and no other begin.
func (r *readers) close() error {
	close(r.shut)
	var errs []error
	for range r.all {
		<-r.free
		errs = append(errs, r.pop().Close())
	}
	return errors.Join(errs...)
}

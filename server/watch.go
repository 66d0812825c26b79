package server

import (
	"context"
	"io/fs"
	"os"
	"time"
)

// secretWatch notices that the secrets file is another than it was.
type secretWatch struct {
	path string
	seen fs.FileInfo // nil: it is not there, or cannot be looked at
}

func newSecretWatch(path string) *secretWatch {
	w := &secretWatch{path: path}
	w.seen, _ = os.Stat(path)
	return w
}

// made tells that the file has been read, which makes one that was not there.
func (w *secretWatch) made() {
	if w != nil && w.seen == nil {
		w.seen, _ = os.Stat(w.path)
	}
}

// changed reports whether the file is there and differs from what was seen the last time.
func (w *secretWatch) changed() bool {
	before := w.seen
	w.seen, _ = os.Stat(w.path)
	if w.seen == nil || before == nil {
		return w.seen != nil
	}
	return !os.SameFile(before, w.seen) || !before.ModTime().Equal(w.seen.ModTime()) ||
		before.Size() != w.seen.Size() || before.Mode() != w.seen.Mode()
}

// watchSecrets looks at the secrets file from time to time until ctx ends, and puts a new list in place while requests
// run. A file that is gone or broken leaves the list as it is: a slip of the operator signs nobody out. The
// channel is closed when it has ended.
func (s *Server) watchSecrets(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	if s.secrets == nil {
		close(done)
		return done
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(s.times.poll)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if s.secrets.changed() {
					s.reloadSecrets()
				}
			}
		}
	}()
	return done
}

func (s *Server) reloadSecrets() {
	secrets, err := readSecrets(s.secrets.path)
	if err == nil {
		err = s.engine.Auth.SetSecrets(secrets)
	}
	if err != nil {
		s.log.Error("secrets file cannot be used; the secrets stay as they were", "error", err)
		return
	}
	s.log.Info("secrets changed", "count", len(secrets))
}

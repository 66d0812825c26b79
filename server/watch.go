package server

import (
	"context"
	"io/fs"
	"os"
	"time"

	"github.com/cloakroom-auth/cloakroom"
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

// youngerThan reports whether the file was changed less than d ago, or in what is still to come.
func (w *secretWatch) youngerThan(d time.Duration) bool {
	return w.seen != nil && time.Since(w.seen.ModTime()) < d
}

// watchSecrets looks at the secrets file from time to time until ctx ends, and puts a new list in place while requests
// run. The channel is closed when it has ended.
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
				s.lookAtSecrets()
				s.resealKeys(ctx)
			}
		}
	}()
	return done
}

// beginSecrets puts the first list in place. A file that was changed just now may be news to servers that run beside
// this one, so it is taken as they take it.
func (s *Server) beginSecrets() error {
	if s.secrets == nil {
		return nil
	}
	secrets, err := readSecrets(s.secrets.path)
	if err != nil {
		return err
	}
	s.rotation.signing = secrets[0]
	if len(secrets) > 1 && s.secrets.youngerThan((settle+1)*s.times.poll) {
		s.rotation.signing = secrets[1]
	}
	return s.engine.Auth.SetSecrets(s.rotation.publish(secrets))
}

// lookAtSecrets is one poll. A file that is gone or broken leaves the list as it is: a slip of the operator signs nobody
// out.
func (s *Server) lookAtSecrets() {
	next := s.rotation
	list, err := s.dueSecrets(&next)
	if err == nil && list != nil {
		err = s.engine.Auth.SetSecrets(list)
	}
	switch {
	case err != nil:
		s.rotation.stay()
		s.log.Error("secrets file cannot be used; the secrets stay as they were", "error", err)
		return
	case list != nil && s.rotation.next != nil && next.next == nil:
		s.log.Info("a new secret signs", "count", len(list))
	case list != nil:
		s.log.Info("secrets changed", "count", len(list))
	}
	s.rotation = next
	if list != nil {
		s.resealUntil = time.Now().Add(resealing)
	}
}

// dueSecrets is the list to use from now on, or nil.
func (s *Server) dueSecrets(r *rotation) ([]cloakroom.Secret, error) {
	if !s.secrets.changed() {
		return r.poll(), nil
	}
	list, err := readSecrets(s.secrets.path)
	if err != nil {
		return nil, err
	}
	return r.publish(list), nil
}

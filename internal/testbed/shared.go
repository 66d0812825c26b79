package testbed

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// shared are the servers that all tests of one binary use. They are state of the package because a test has nothing
// else in common with the next: only the process, and Main, which sees its end.
var shared servers

// servers are started when the first test asks.
type servers struct {
	mu       sync.Mutex
	dir      string // made with the first server
	postgres *Postgres
	cluster  *ValkeyCluster

	databases atomic.Int64 // handed out so far
	holding   sync.Mutex   // held by the test that has the cluster
}

// Main runs the tests of a package and then ends the servers they shared. A package whose tests use one calls it, and
// nothing after it, in its TestMain.
func Main(m *testing.M) {
	m.Run() // the exit code is kept in m, and the process exits with it when TestMain returns
	if err := shared.stop(); err != nil {
		panic(err) // the only way to fail when all tests are over
	}
}

// PostgresDSN gives a test an empty database of its own, on a server that it shares. It is dropped when the test ends,
// connections or not. The server keeps its promises only while it runs: nothing waits for the disk.
func PostgresDSN(tb testing.TB) string {
	tb.Helper()
	p, err := shared.sharedPostgres()
	if err != nil {
		tb.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", shared.databases.Add(1))
	if _, err := p.Exec("", "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := p.Exec("", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
	})
	return p.DSN(name)
}

// ValkeyAddr gives a test an empty server of its own, which ends with the test.
func ValkeyAddr(tb testing.TB) string {
	tb.Helper()
	v, err := StartValkey(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := v.Kill(); err != nil { // Stop takes ten times as long as a start
			tb.Error(err)
		}
	})
	return v.Addr()
}

// ValkeyClusterAddrs gives a test an empty cluster of three masters, which is its own until it ends: another test that
// asks waits until then, so one test must not ask twice. Cluster tests of one binary run one by one for that reason.
func ValkeyClusterAddrs(tb testing.TB) []string {
	tb.Helper()
	shared.holding.Lock()
	tb.Cleanup(shared.holding.Unlock)
	c, err := shared.sharedCluster()
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.await(); err != nil {
		tb.Fatal(err)
	}
	for _, n := range c.Nodes() {
		if _, err := n.Do("FLUSHALL"); err != nil {
			tb.Fatal(err)
		}
	}
	return c.Addrs()
}

func (s *servers) sharedPostgres() (*Postgres, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.postgres != nil {
		return s.postgres, nil
	}
	dir, err := s.folder("postgres")
	if err != nil {
		return nil, err
	}
	s.postgres, err = StartPostgres(dir, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300")
	return s.postgres, err
}

func (s *servers) sharedCluster() (*ValkeyCluster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster != nil {
		return s.cluster, nil
	}
	dir, err := s.folder("cluster")
	if err != nil {
		return nil, err
	}
	s.cluster, err = StartValkeyCluster(dir, 3, 0)
	return s.cluster, err
}

// folder makes a new folder in that of the shared servers: another one at each attempt to start a server.
func (s *servers) folder(name string) (string, error) {
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "cloakroom-testbed-")
		if err != nil {
			return "", err
		}
		s.dir = dir
	}
	return os.MkdirTemp(s.dir, name)
}

func (s *servers) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.postgres != nil {
		errs = append(errs, s.postgres.Kill()) // nobody needs its data any more
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

// What a kind is told of the servers that it may use, in its environment.
const (
	postgresVariable = "BENCH_POSTGRES" // the address of an empty database
	valkeyVariable   = "BENCH_VALKEY"   // host and port
)

// servers are the addresses of these servers. A kind that needs none does not look.
type servers struct{ postgres, valkey string }

// engines are the servers that a run starts for itself when somebody first needs them, on free ports of this machine,
// and stops at its end. A server that does not start is not tried again.
type engines struct {
	postgres *testbed.Postgres
	valkey   *testbed.Valkey

	noPostgres, noValkey error
	databases            int
}

// engines gives a contestant the servers that it needs, as its environment.
func (b *bench) engines(c *contestant) (env []string, err error) {
	if c.postgres {
		dsn, err := b.database()
		if err != nil {
			return nil, err
		}
		env = append(env, postgresVariable+"="+dsn)
	}
	if c.valkey {
		addr, err := b.valkey()
		if err != nil {
			return nil, err
		}
		env = append(env, valkeyVariable+"="+addr)
	}
	return env, nil
}

// database makes an empty database on PostgreSQL and returns its address. Every commit waits for the disk.
func (b *bench) database() (dsn string, err error) {
	s := &b.started
	if s.postgres == nil && s.noPostgres == nil {
		fmt.Fprintln(b.progress, "starting PostgreSQL")
		s.postgres, s.noPostgres = testbed.StartPostgres(filepath.Join(b.dir, "postgres"),
			"shared_buffers=256MB", "max_connections=300", "max_wal_size=4GB", "checkpoint_timeout=15min")
	}
	if s.noPostgres != nil {
		return "", s.noPostgres
	}
	s.databases++
	name := fmt.Sprintf("bench%d", s.databases)
	if _, err := s.postgres.Exec("", "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return s.postgres.DSN(name), nil
}

// nameOf is the name of the database that database has returned.
func nameOf(dsn string) string {
	name, _, _ := strings.Cut(dsn[strings.LastIndexByte(dsn, '/')+1:], "?")
	return name
}

// valkey is a Valkey server, or Redis where there is no Valkey. It writes nothing to the disk.
func (b *bench) valkey() (addr string, err error) {
	s := &b.started
	if s.valkey == nil && s.noValkey == nil {
		fmt.Fprintln(b.progress, "starting Valkey")
		s.valkey, s.noValkey = testbed.StartValkey(filepath.Join(b.dir, "valkey"))
	}
	if s.noValkey != nil {
		return "", s.noValkey
	}
	return s.valkey.Addr(), nil
}

// stop ends what was started. Nothing of it is kept, so nothing is waited for.
func (s *engines) stop() error {
	var errs []error
	if s.postgres != nil {
		errs = append(errs, s.postgres.Kill())
	}
	if s.valkey != nil {
		errs = append(errs, s.valkey.Kill())
	}
	return errors.Join(errs...)
}

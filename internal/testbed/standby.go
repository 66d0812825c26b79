package testbed

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
)

// Standby makes a copy of the server in the folder dir, and starts it as a hot standby that is fed by streaming. It
// has the settings of p and a port of its own, and answers queries. It does not hold up commits of p, unless
// synchronous_standby_names says so.
func (p *Postgres) Standby(dir string) (*Postgres, error) {
	s, err := newPostgres(dir)
	if err != nil {
		return nil, err
	}
	if _, err := s.run("", filepath.Join(s.bin, "pg_basebackup"), "-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync",
		"-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "postgres", "-w"); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	if err := s.process.ready(startPatience, s.streams); err != nil {
		return nil, errors.Join(err, s.Kill())
	}
	return s, nil
}

func (p *Postgres) streams() error {
	status, err := p.Exec("", "SELECT status FROM pg_stat_wal_receiver")
	if err == nil && status != "streaming" {
		return fmt.Errorf("the standby is not fed: status %q", status)
	}
	return err
}

// Promote ends the standby's following. When it returns, the server takes writes.
func (p *Postgres) Promote() error {
	promoted, err := p.Exec("", fmt.Sprintf("SELECT pg_promote(true, %.0f)", startPatience.Seconds()))
	if err == nil && promoted != "t" {
		return fmt.Errorf("the standby is not promoted within %v", startPatience)
	}
	return err
}

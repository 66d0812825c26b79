package main

import (
	"database/sql"
	"errors"
	"time"

	_ "modernc.org/sqlite"
)

// scsStore keeps sessions of scs in SQLite, the way its own store for SQLite does: database/sql, one table, the session
// as a blob. It is given what makes it fast without making it lose anything: a write-ahead log, statements that are
// prepared, and one connection for all writes, so that they queue and do not collide.
type scsStore struct {
	readers, writer *sql.DB
	find            *sql.Stmt
}

func openSCSStore(path string) (*scsStore, error) {
	dsn := "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)"
	writer, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	if _, err := writer.Exec(`CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry INTEGER NOT NULL) WITHOUT ROWID`); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	readers, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	readers.SetMaxOpenConns(4)
	readers.SetMaxIdleConns(4)
	find, err := readers.Prepare(`SELECT data FROM sessions WHERE token = ? AND expiry > ?`)
	if err != nil {
		return nil, errors.Join(err, writer.Close(), readers.Close())
	}
	return &scsStore{readers, writer, find}, nil
}

// Find implements scs.Store.
func (s *scsStore) Find(token string) (data []byte, found bool, err error) {
	err = s.find.QueryRow(token, time.Now().UnixMicro()).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// Commit implements scs.Store.
func (s *scsStore) Commit(token string, data []byte, expiry time.Time) error {
	_, err := s.writer.Exec(`REPLACE INTO sessions (token, data, expiry) VALUES (?, ?, ?)`, token, data, expiry.UnixMicro())
	return err
}

// Delete implements scs.Store.
func (s *scsStore) Delete(token string) error {
	_, err := s.writer.Exec(`DELETE FROM sessions WHERE token = ?`, token)
	return err
}

func (s *scsStore) close() error { return errors.Join(s.readers.Close(), s.writer.Close()) }

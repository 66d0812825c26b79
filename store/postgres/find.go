package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// Find implements cloakroom.Finder. Look-ups of one instant travel together, see flights; where sessions and users lie on
// different machines, they are two statements.
func (s *Store) Find(ctx context.Context, t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, cloakroom.User, error) {
	if s.distributed {
		return s.findApart(ctx, t, now)
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	f, err := s.flights.find(ctx, t)
	if err == nil && f == nil {
		err = s.missing(ctx, t, now)
	}
	if err != nil {
		return cloakroom.SessionRecord{}, cloakroom.User{}, fmt.Errorf("session: %w", err)
	}
	return f.session, f.user, nil
}

func (s *Store) findApart(ctx context.Context, t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, cloakroom.User, error) {
	record, err := s.Session(ctx, t, now)
	if err != nil || record.UserID == "" {
		return record, cloakroom.User{}, err
	}
	user, err := s.User(ctx, record.UserID)
	if err != nil && !errors.Is(err, cloakroom.ErrNotFound) {
		return cloakroom.SessionRecord{}, cloakroom.User{}, err
	}
	return record, user, nil
}

// found is a session with its user. n says which token of several it was found by, from 1.
type found struct {
	n       int
	session cloakroom.SessionRecord
	user    cloakroom.User
}

const foundColumns = sessionColumns + `, ` + userColumns

// findAll finds the sessions that these tokens open. Those of which there is none are left out.
func (s *Store) findAll(ctx context.Context, tokens []cloakroom.TokenID) ([]found, error) {
	if len(tokens) == 1 {
		t := tokens[0]
		return list(ctx, s, scanFound, `SELECT 1, `+foundColumns+` FROM sessions s LEFT JOIN users u ON u.id = s.user_id
			WHERE s.bucket = $1 AND s.token = $2`, t.Bucket, t.Hash[:])
	}
	buckets, hashes := make([]int32, len(tokens)), make([][]byte, len(tokens))
	for i := range tokens {
		buckets[i], hashes[i] = int32(tokens[i].Bucket), tokens[i].Hash[:]
	}
	return list(ctx, s, scanFound, `SELECT k.n, `+foundColumns+`
		FROM unnest($1::integer[], $2::bytea[]) WITH ORDINALITY AS k (bucket, token, n)
		JOIN sessions s ON s.bucket = k.bucket AND s.token = k.token LEFT JOIN users u ON u.id = s.user_id`, buckets, hashes)
}

// scanFound reads a row whose last part is NULL when there is no user.
func scanFound(row pgx.CollectableRow) (f found, err error) {
	var session storedSession
	fields := append([]any{&f.n}, session.fields()...)
	user := userFields(&f.user)
	if row.RawValues()[len(fields)] == nil {
		clear(user) // a column without a place is left out
	}
	if err := row.Scan(append(fields, user...)...); err != nil {
		return f, err
	}
	f.session, err = session.unpack()
	return f, err
}

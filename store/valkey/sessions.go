package valkey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-auth/cloakroom"
)

// Session implements cloakroom.Ledger.
func (l *Ledger) Session(ctx context.Context, t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, error) {
	stored, err := l.look(ctx, t.Bucket, l.tokenKey(t))
	var record cloakroom.SessionRecord
	if err == nil {
		record, err = unpack(stored, t, now)
	}
	if err != nil {
		return cloakroom.SessionRecord{}, fmt.Errorf("session: %w", err)
	}
	return record, nil
}

// get reads a key past the cache. Absent: ErrNotFound.
func (l *Ledger) get(ctx context.Context, key string) (string, error) {
	ctx, cancel, err := l.begin(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	return found(ctx, l.client.Do(ctx, l.client.B().Get().Key(key).Build()))
}

// found makes of nothing ErrNotFound, and of nothing else.
func found(ctx context.Context, result rueidis.RedisResult) (string, error) {
	value, err := result.ToString()
	if rueidis.IsRedisNil(err) {
		return "", cloakroom.ErrNotFound
	}
	return value, cause(ctx, err)
}

// SessionsOf implements cloakroom.Ledger.
func (l *Ledger) SessionsOf(ctx context.Context, bucket uint16, userID, before string, limit int) ([]cloakroom.SessionRecord, error) {
	from := "+"
	if before != "" { // a zero byte of an id is none that ends it
		from = "(" + strings.ReplaceAll(before, "\x00", "\x00\xff")
	}
	var page []cloakroom.SessionRecord
	stored, err := texts(l.query(ctx, l.once, call{
		sessionsOfScript, bucket, []string{l.ownerKey(bucket, userID)}, []string{userID, from, decimal(int64(max(limit, 0)))},
	}))
	for i := 0; i+1 < len(stored) && err == nil; i += 2 {
		t := cloakroom.TokenID{Bucket: bucket}
		var record cloakroom.SessionRecord
		if t.Hash, err = decoded(stored[i]); err == nil {
			record, err = unpack(stored[i+1], t, time.Time{})
		}
		page = append(page, record)
	}
	if err != nil {
		return nil, fmt.Errorf("sessions of user %s: %w", userID, err)
	}
	return page, nil
}

// touchJobs is how many uses are sent in one go, so that no list of them holds up others for long.
const touchJobs = 64

// Touch implements cloakroom.Ledger. Each use is atomic, the list is not; after an error it may be written again.
func (l *Ledger) Touch(ctx context.Context, touches []cloakroom.Touch) error {
	for len(touches) > 0 {
		n := min(touchJobs, len(touches))
		if err := l.touch(ctx, touches[:n]); err != nil {
			return fmt.Errorf("touch sessions: %w", err)
		}
		touches = touches[n:]
	}
	return nil
}

func (l *Ledger) touch(ctx context.Context, touches []cloakroom.Touch) error {
	calls := make([]call, len(touches))
	for i, t := range touches {
		l.written.note(t.Token.Bucket)
		defer l.written.note(t.Token.Bucket)
		args := append([]string{encoded(t.Token.Hash)}, times(t.SeenAt, t.ExpiresAt, t.IssuedAt)...)
		calls[i] = call{touchScript, t.Token.Bucket, []string{l.tokenKey(t.Token)}, args}
	}
	results, err := l.many(ctx, touchScript, calls)
	errs := []error{err}
	for _, r := range results {
		errs = append(errs, r.Error())
	}
	return errors.Join(errs...)
}

func times(all ...time.Time) (args []string) {
	for _, t := range all {
		args = append(args, decimal(micros(t)))
	}
	return args
}

// Renew implements cloakroom.Ledger.
func (l *Ledger) Renew(ctx context.Context, r cloakroom.Renewal) error {
	if err := l.renew(ctx, r); err != nil {
		return fmt.Errorf("renew session %s: %w", r.Session.ID, err)
	}
	return nil
}

func (l *Ledger) renew(ctx context.Context, r cloakroom.Renewal) error {
	if r.Session.Token.Bucket != r.Old.Bucket {
		return errors.New("the new token must be of the same bucket")
	}
	next, err := pack(r.Session)
	if err != nil {
		return err
	}
	answer, err := l.keep(ctx, call{
		renewScript, r.Old.Bucket, []string{l.tokenKey(r.Old), l.tokenKey(r.Session.Token)},
		[]string{encoded(r.Old.Hash), encoded(r.Session.Token.Hash), next, decimal(micros(r.MovedUntil))},
	})
	if err != nil {
		return err
	}
	switch done, err := answer.AsInt64(); {
	case err != nil:
		return err
	case done == 0:
		return cloakroom.ErrNotFound
	case done < 0:
		return errors.New("the new token is in use")
	}
	return nil
}

// Close implements cloakroom.Ledger. To end the Ledger itself see Shutdown.
func (l *Ledger) Close(ctx context.Context, ref cloakroom.SessionRef, _ cloakroom.Ending) (bool, error) {
	answer, err := l.keep(ctx, call{
		closeScript, ref.Bucket, []string{l.ownerKey(ref.Bucket, ref.UserID), l.dataKey(ref)}, []string{ref.UserID, ref.ID},
	})
	var there bool
	if err == nil {
		there, err = answer.AsBool()
	}
	if err != nil {
		return false, fmt.Errorf("close session %s: %w", ref.ID, err)
	}
	return there, nil
}

// CloseUser implements cloakroom.Ledger.
func (l *Ledger) CloseUser(ctx context.Context, bucket uint16, userID, keep string, _ cloakroom.Ending) ([]string, error) {
	if userID == "" {
		return nil, l.check(ctx) // guests are nobody's
	}
	ended, err := texts(l.keep(ctx, call{
		closeUserScript, bucket, []string{l.ownerKey(bucket, userID)}, []string{userID, keep},
	}))
	if err != nil {
		return nil, fmt.Errorf("close sessions of user %s: %w", userID, err)
	}
	return ended, nil
}

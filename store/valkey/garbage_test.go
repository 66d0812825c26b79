package valkey_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

const day = 24 * time.Hour

// furnish leaves something of every kind, in one bucket or two.
func furnish(t *testing.T, l *valkey.Ledger) {
	t.Helper()
	guest, idle, user := begin(t, l, session(1, "")), begin(t, l, session(2, "")), begin(t, l, session(3, "usr_ana"))
	for _, s := range []cloakroom.SessionRecord{guest, user} {
		must(t, l.SetDatum(t.Context(), s.Ref(), cloakroom.Datum{Key: "cart", Value: []byte("one cloak")}, 100))
	}
	next := session(4, "usr_ana")
	opened, err := l.Open(t.Context(), cloakroom.Opening{Session: next, Replace: &guest.Token, Inherit: true, MovedUntil: now.Add(time.Minute), Now: now})
	if err != nil || !opened.Replaced {
		t.Fatal(opened, err)
	}
	renewed := idle
	renewed.Token = token(2 + 4096)
	must(t, l.Renew(t.Context(), cloakroom.Renewal{Old: idle.Token, Session: renewed, MovedUntil: now.Add(time.Minute)}))
	must(t, l.Put(t.Context(), ticket(1)))
	must(t, l.Put(t.Context(), ticket(2)))
	if _, err := l.Take(t.Context(), "reset", token(2), now); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Count(t.Context(), token(1).Hash, 1, time.Minute, now); err != nil {
		t.Fatal(err)
	}
}

// What nobody sweeps is gone in the end; but never before six days after it has expired by the server's clock.
func TestEveryKeyHasATimeToLive(t *testing.T) {
	v, l := started(t)
	furnish(t, l)
	all := keys(t, v)
	if len(all) < 12 {
		t.Fatalf("there are only %d keys: %q", len(all), all)
	}
	atLeast := (time.Until(now.Add(time.Minute)) + valkey.Slack - time.Hour).Milliseconds()
	for _, key := range all {
		if ms := ttl(t, v, key); ms < atLeast || ms > atLeast+3*day.Milliseconds() {
			t.Errorf("%q lives for %d ms, want a little more than %d", key, ms, atLeast)
		}
	}
}

func keys(t *testing.T, v *testbed.Valkey) []string {
	t.Helper()
	return strings.Split(do(t, v, "KEYS *"), "\n")
}

func ttl(t *testing.T, v *testbed.Valkey, key string) int64 {
	t.Helper()
	answer, err := v.Do("PTTL", key)
	if err != nil {
		t.Fatal(err)
	}
	ms, err := strconv.ParseInt(answer, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

func TestUseLengthensTheTimeToLive(t *testing.T) {
	v, l := started(t)
	s := begin(t, l, session(1, "usr_ana"))
	must(t, l.SetDatum(t.Context(), s.Ref(), cloakroom.Datum{Key: "cart", Value: []byte("one cloak")}, 100))
	before := map[string]int64{}
	for _, key := range keys(t, v) {
		before[key] = ttl(t, v, key)
	}
	must(t, l.Touch(t.Context(), []cloakroom.Touch{{Token: s.Token, SeenAt: now, ExpiresAt: s.ExpiresAt.Add(3 * day)}}))
	for key, ms := range before {
		if got := ttl(t, v, key); got < ms+(2*day).Milliseconds() {
			t.Errorf("%q lives for %d ms after the use, %d before", key, got, ms)
		}
	}
	must(t, l.Touch(t.Context(), []cloakroom.Touch{{Token: s.Token, SeenAt: now, ExpiresAt: now}}))
	for key, ms := range before {
		if got := ttl(t, v, key); got < ms {
			t.Errorf("%q lives for %d ms after a late use, %d before", key, got, ms)
		}
	}
}

// A node whose clock is years behind keeps its sessions all the same.
func TestClockInThePast(t *testing.T) {
	v, l := started(t)
	past := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	s, tk := session(1, "usr_ana"), ticket(1)
	s.ExpiresAt, tk.ExpiresAt = past.Add(time.Hour), past.Add(time.Hour)
	begin(t, l, s)
	must(t, l.Put(t.Context(), tk))
	if _, err := l.Session(t.Context(), s.Token, past); err != nil {
		t.Errorf("Session: %v", err)
	}
	if _, err := l.Take(t.Context(), tk.Kind, tk.ID, past); err != nil {
		t.Errorf("Take: %v", err)
	}
	for _, key := range keys(t, v) {
		if ms := ttl(t, v, key); ms < (valkey.Slack - time.Hour).Milliseconds() {
			t.Errorf("%q lives for %d ms", key, ms)
		}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	v, l := started(t)
	furnish(t, l)
	late := now.Add(365 * day)
	total := 0
	for {
		n, err := l.Sweep(t.Context(), cloakroom.Sweep{Now: late, SessionsBefore: late, GuestsBefore: late, Max: 3})
		if err != nil {
			t.Fatal(err)
		}
		if total += n; n == 0 {
			break
		}
	}
	if left := do(t, v, "KEYS *"); left != "" || total != 8 {
		t.Errorf("swept %d, left %q", total, left)
	}
	furnish(t, l)
	for _, userID := range []string{"usr_ana", ""} {
		for bucket := range uint16(10) {
			page, err := l.SessionsOf(t.Context(), bucket, userID, "", 10)
			must(t, err)
			for _, s := range page {
				if there, err := l.Close(t.Context(), s.Ref(), cloakroom.Ending{}); !there || err != nil {
					t.Error(there, err)
				}
			}
		}
	}
	for _, key := range keys(t, v) {
		if strings.Contains(key, ":u:") || strings.Contains(key, ":d:") || strings.HasSuffix(key, ":e") || strings.HasSuffix(key, ":g") {
			t.Errorf("all sessions are closed, %q is left", key)
		}
	}
}

// An index may name a session that is gone, when its key has outlived itself or somebody has deleted it.
func TestStaleIndex(t *testing.T) {
	v, l := started(t)
	gone, lives := begin(t, l, session(1, "usr_ana")), begin(t, l, session(1+4096, "usr_ana"))
	for _, key := range keys(t, v) {
		if got, err := v.Do("TYPE", key); err == nil && got == "string" {
			if _, err := v.Do("COPY", key, key+"-kept"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := v.Do("DEL", "cr:{1}:s:"+valkey.Encoded(gone.Token.Hash)); n != "1" || err != nil {
		t.Fatal(n, err)
	}
	page, err := l.SessionsOf(t.Context(), 1, "usr_ana", "", 1)
	if err != nil || len(page) != 1 || page[0].ID != lives.ID {
		t.Errorf("SessionsOf: got %v, %v", page, err)
	}
	page, err = l.SessionsOf(t.Context(), 1, "usr_ana", lives.ID, 1)
	if err != nil || len(page) != 0 {
		t.Errorf("SessionsOf before the living: got %v, %v", page, err)
	}
	if n := do(t, v, "ZCARD cr:{1}:u:usr_ana"); n != "1" {
		t.Errorf("the list of the user has %s entries still", n)
	}
	if there, err := l.Close(t.Context(), gone.Ref(), cloakroom.Ending{}); there || err != nil {
		t.Errorf("Close: got %v, %v", there, err)
	}
	begin(t, l, gone)
	ended, err := l.CloseUser(t.Context(), 1, "usr_ana", "", cloakroom.Ending{})
	if err != nil || len(ended) != 2 {
		t.Errorf("CloseUser: got %v, %v", ended, err)
	}
}

// A round of the sweeper with nothing to do asks each bucket once, whatever there is.
func TestSweepOfNothing(t *testing.T) {
	v, l := started(t)
	for n := range 50 {
		begin(t, l, session(n, "usr_ana"))
	}
	sweep := func() {
		t.Helper()
		if n, err := l.Sweep(t.Context(), cloakroom.Sweep{Now: now, SessionsBefore: now, Max: 100}); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	}
	sweep() // and load the script
	before := calls(t, v, "evalsha")
	sweep()
	if n := calls(t, v, "evalsha") - before; n != 4096 {
		t.Errorf("a round took %d scripts", n)
	}
}

// Where the old session is in another bucket, it is taken first: what fails after that loses a guest and doubles none.
func TestOpenThatFailsHalfWay(t *testing.T) {
	_, l := started(t)
	guest, there := begin(t, l, session(1, "")), begin(t, l, session(2, "usr_ana"))
	_, err := l.Open(t.Context(), cloakroom.Opening{Session: there, Replace: &guest.Token, Inherit: true, MovedUntil: now.Add(time.Minute), Now: now})
	unknown(t, err, "Open of a session that is there already")
	if _, err := l.Session(t.Context(), guest.Token, now); !errors.Is(err, cloakroom.ErrMoved) {
		t.Errorf("the guest: got %v", err)
	}
	if _, err := l.Session(t.Context(), there.Token, now); err != nil {
		t.Errorf("the session that was there: got %v", err)
	}
}

// A program of tomorrow may store what this one cannot read: that is no reason to say that it is not there.
func TestFormOfTheFuture(t *testing.T) {
	v, l := started(t)
	s := begin(t, l, session(1, "usr_ana"))
	must(t, l.Put(t.Context(), ticket(1)))
	for _, key := range keys(t, v) {
		if strings.Contains(key, ":s:") || strings.Contains(key, ":t:") {
			if _, err := v.Do("SETRANGE", key, "0", "\x07"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for verb, do := range verbs(l, 1) {
		switch verb {
		case "Count", "Count 0", "Datum": // which do not read it
		case "Put":
			if err := do(t.Context()); !errors.Is(err, cloakroom.ErrConflict) {
				t.Errorf("Put: got %v", err)
			}
		default:
			unknown(t, do(t.Context()), verb)
		}
	}
	if _, err := v.Do("SETRANGE", "cr:{1}:s:"+valkey.Encoded(s.Token.Hash), "0", "\x01"); err != nil {
		t.Fatal(err)
	}
	if there, err := l.Close(t.Context(), s.Ref(), cloakroom.Ending{}); !there || err != nil {
		t.Errorf("nothing was written: got %v, %v", there, err)
	}
}

package valkey_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

// now is not the present: no verb may look at another clock.
var now = time.Date(2031, 5, 17, 10, 20, 30, 0, time.UTC)

const patience = 30 * time.Second

func opened(t testing.TB, c valkey.Config) *valkey.Ledger {
	t.Helper()
	l, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Shutdown() })
	return l
}

// started is a server of the test's own, and a Ledger on it that caches nothing.
func started(t testing.TB, settings ...string) (*testbed.Valkey, *valkey.Ledger) {
	t.Helper()
	v, err := testbed.StartValkey(t.TempDir(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Kill() })
	return v, opened(t, valkey.Config{Addresses: []string{v.Addr()}, ClientCache: -1, Timeout: time.Second})
}

// session makes the n-th session of a user, or of a guest, in bucket n.
func session(n int, userID string) cloakroom.SessionRecord {
	return cloakroom.SessionRecord{
		ID: fmt.Sprintf("ses_%06d", n), Realm: "main", UserID: userID, Token: token(n),
		CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(time.Hour), Methods: []string{"password"},
	}
}

func token(n int) cloakroom.TokenID {
	return cloakroom.TokenID{Bucket: uint16(n % 4096), Hash: sha256.Sum256([]byte(strconv.Itoa(n)))}
}

func ticket(n int) cloakroom.Ticket {
	return cloakroom.Ticket{Kind: "reset", ID: token(n), Payload: []byte("payload"), ExpiresAt: now.Add(time.Hour), Revision: 1}
}

func begin(t testing.TB, l *valkey.Ledger, s cloakroom.SessionRecord) cloakroom.SessionRecord {
	t.Helper()
	if _, err := l.Open(t.Context(), cloakroom.Opening{Session: s, Now: now}); err != nil {
		t.Fatal(err)
	}
	return s
}

func do(t testing.TB, v *testbed.Valkey, command string) string {
	t.Helper()
	answer, err := v.Do(strings.Fields(command)...)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// calls is how often the server has run a command.
func calls(t testing.TB, v *testbed.Valkey, command string) int {
	t.Helper()
	_, rest, _ := strings.Cut(do(t, v, "INFO commandstats"), "cmdstat_"+command+":calls=")
	digits, _, _ := strings.Cut(rest, ",")
	n, _ := strconv.Atoi(digits)
	return n
}

// unknown fails the test unless err is an error that does not say what is there.
func unknown(t testing.TB, err error, what string) {
	t.Helper()
	for _, sentinel := range []error{
		cloakroom.ErrNotFound, cloakroom.ErrMoved, cloakroom.ErrConflict, cloakroom.ErrUsed, cloakroom.ErrTooLarge, cloakroom.ErrTaken,
	} {
		if err == nil || errors.Is(err, sentinel) {
			t.Errorf("%s: got %v, want an error that does not say what is there", what, err)
			return
		}
	}
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// field is a number in an answer of INFO.
func field(t testing.TB, info, name string) int {
	t.Helper()
	_, rest, _ := strings.Cut(info, name+":")
	digits, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

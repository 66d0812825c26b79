package valkey_test

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

// While a slot moves from one server to another, what lies there may be out of reach, key by key. Nothing is said to be gone
// that is there, nothing is lost, and it all works when the slot has moved.
func TestSlotThatMoves(t *testing.T) {
	c, err := testbed.StartValkeyCluster(t.TempDir(), 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	l := opened(t, valkey.Config{Addresses: c.Addrs(), ClientCache: -1, Timeout: time.Second})
	var all []cloakroom.SessionRecord
	for n := range 6 {
		all = append(all, begin(t, l, session(7+4096*n, "usr_ana"))) // one user, one bucket
	}
	from, to, slot := place(t, c)
	do(t, to, "CLUSTER SETSLOT "+slot+" IMPORTING "+do(t, from, "CLUSTER MYID"))
	do(t, from, "CLUSTER SETSLOT "+slot+" MIGRATING "+do(t, to, "CLUSTER MYID"))
	host, port, _ := net.SplitHostPort(to.Addr())
	moved := 0
	for _, key := range strings.Split(do(t, from, "CLUSTER GETKEYSINSLOT "+slot+" 100"), "\n") {
		if _, err := from.Do("MIGRATE", host, port, key, "0", "5000"); err != nil {
			t.Fatal(err)
		}
		moved++
		careful(t, l, all)
	}
	for _, node := range []*testbed.Valkey{to, from} {
		do(t, node, "CLUSTER SETSLOT "+slot+" NODE "+do(t, to, "CLUSTER MYID"))
	}
	if moved < len(all)+2 {
		t.Fatalf("only %d keys were moved", moved)
	}
	eventually(t, "all works where the slot is now", func() bool {
		page, err := l.SessionsOf(t.Context(), 7, "usr_ana", "", 10)
		return err == nil && len(page) == len(all)
	})
	if ended, err := l.CloseUser(t.Context(), 7, "usr_ana", "", cloakroom.Ending{}); len(ended) != len(all) || err != nil {
		t.Errorf("CloseUser: got %v, %v", ended, err)
	}
}

// place finds who serves bucket 7, somebody who does not, and its slot.
func place(t *testing.T, c *testbed.ValkeyCluster) (from, to *testbed.Valkey, slot string) {
	slot = do(t, c.Nodes()[0], "CLUSTER KEYSLOT cr:{7}:e")
	i := slices.IndexFunc(c.Nodes(), func(v *testbed.Valkey) bool {
		return do(t, v, "CLUSTER COUNTKEYSINSLOT "+slot) != "0"
	})
	return c.Nodes()[i], c.Nodes()[(i+1)%3], slot
}

// careful asserts that every verb says what is so, or that it does not know.
func careful(t *testing.T, l *valkey.Ledger, all []cloakroom.SessionRecord) {
	t.Helper()
	for i, s := range all {
		if got, err := l.Session(t.Context(), s.Token, now); err != nil || got.ID != s.ID {
			t.Errorf("Session %d: got %s, %v", i, got.ID, err) // one key is always somewhere
		}
	}
	page, err := l.SessionsOf(t.Context(), 7, "usr_ana", "", 10)
	if err == nil && len(page) != len(all) {
		t.Errorf("SessionsOf: got %d sessions without an error", len(page))
	}
	stranger := all[0].Ref()
	stranger.ID = "ses_none"
	if there, err := l.Close(t.Context(), stranger, cloakroom.Ending{}); there {
		t.Errorf("Close of nobody: got %v, %v", there, err)
	}
	err = l.SetDatum(t.Context(), all[1].Ref(), cloakroom.Datum{Key: "n", Value: []byte(strconv.Itoa(1)), Revision: 9}, 100)
	if errors.Is(err, cloakroom.ErrNotFound) || err == nil {
		t.Errorf("SetDatum of another revision: got %v", err)
	}
	err = l.Touch(t.Context(), []cloakroom.Touch{{Token: all[2].Token, SeenAt: now.Add(time.Minute)}})
	got, lookErr := l.Session(t.Context(), all[2].Token, now)
	if err == nil && (lookErr != nil || !got.LastSeenAt.Equal(now.Add(time.Minute))) {
		t.Errorf("Touch said that it has, and %v, %v", got.LastSeenAt, lookErr)
	}
}

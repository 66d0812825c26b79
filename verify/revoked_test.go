package verify_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/cloakroom-auth/cloakroom/verify"
)

func ids(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(prefix, i)
	}
	return list
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestManyRevocations: 100,000 revocations take less than 8 MB, of whatever kind they are, and are given back.
func TestManyRevocations(t *testing.T) {
	const many, ceiling = 100_000, 8_000_000
	for name, c := range map[string]struct{ sessions, users int }{"sessions": {many, 0}, "users": {0, many}, "both": {many / 2, many / 2}} {
		t.Run(name, func(t *testing.T) {
			sessions, users := ids("ses_", c.sessions), ids("usr_", c.users)
			before := heap()
			set := new(verify.Revoked)
			for from := 0; from < many; from += 1000 { // as the feed brings them
				set.Take(part(sessions, from), part(users, from), 1000)
			}
			if used := int64(heap() - before); used > ceiling {
				t.Errorf("%d bytes", used)
			} else {
				t.Logf("%.1f MB", float64(used)/1e6)
			}
			for i := range max(c.sessions, c.users) {
				if !set.Has(fmt.Sprint("ses_", i), fmt.Sprint("usr_", i)) {
					t.Fatalf("%d is not revoked", i)
				}
			}
			if set.Len() != many || set.Has("ses_x", "usr_x") {
				t.Errorf("%d revoked", set.Len())
			}
			set.Forget(1000)
			if set.Len() != many {
				t.Errorf("%d forgotten in the second in which they still matter", many-set.Len())
			}
			for rounds := 0; set.Len() > 0; rounds++ {
				if set.Forget(1001); rounds > 100*many/512 {
					t.Fatalf("%d left after %d rounds", set.Len(), rounds)
				}
			}
			if left := int64(heap() - before); left > ceiling/20 {
				t.Errorf("%d bytes left of nothing", left)
			}
			runtime.KeepAlive(set)
			runtime.KeepAlive(sessions)
			runtime.KeepAlive(users)
		})
	}
}

func part(list []string, from int) []string {
	if from >= len(list) {
		return nil
	}
	return list[from:min(from+1000, len(list))]
}

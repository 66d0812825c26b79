package id

import (
	"strings"
	"testing"
	"time"
)

func TestNew(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a, b := New("ses_", now), New("ses_", now.Add(time.Millisecond))
	if !strings.HasPrefix(a, "ses_") || len(a) != 36 {
		t.Fatalf("id %q: want the prefix and 32 digits", a)
	}
	if a[4+12] != '7' || !strings.ContainsRune("89ab", rune(a[4+16])) {
		t.Errorf("id %q: want version 7 and the RFC variant", a)
	}
	if a >= b {
		t.Errorf("%q made before %q must sort before it", a, b)
	}
	for at := now; at.Before(now.Add(2 * time.Millisecond)); at = at.Add(time.Microsecond) {
		if a, b = New("ses_", at), New("ses_", at.Add(time.Microsecond)); a >= b {
			t.Fatalf("%q made a microsecond before %q must sort before it", a, b)
		}
	}
	if New("ses_", now) == a {
		t.Error("two ids of one moment are the same")
	}
}

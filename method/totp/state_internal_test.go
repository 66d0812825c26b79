package totp

import "testing"

// TestTwoStepsOneCode: two steps in the window have the same digits once in a million; the later is used up.
func TestTwoStepsOneCode(t *testing.T) {
	const now, digits = 910_737, "911617" // the first such pair of this secret
	s := state{secret: []byte("12345678901234567890"), last: never}
	for at := int64(now); at <= now+1; at++ {
		if c := codeOf(s.secret, at); string(c[:]) != digits {
			t.Fatalf("step %d has %s", at, c[:])
		}
	}
	step, ok := s.accepts(digits, now)
	if !ok || step != now+1 {
		t.Fatalf("step %d, %v, want %d", step, ok, now+1)
	}
	s.last = step
	if _, ok := s.accepts(digits, now); ok {
		t.Error("accepted twice")
	}
}

package cloakroom

import "testing"

// What is drawn from words is the same every time, and another for other words, in another realm and under another secret.
func TestDraw(t *testing.T) {
	k := ring(t, "", secretOf(1))
	drawn := k.draw("slip", "ab", "c")
	if drawn != ring(t, "", secretOf(1), secretOf(2)).draw("slip", "ab", "c") {
		t.Error("another ring of the same secret draws something else")
	}
	for what, other := range map[string][32]byte{
		"other words": k.draw("slip", "a", "bc"), "fewer words": k.draw("slip", "abc"), "an empty word": k.draw("slip", "ab", "c", ""),
		"another realm": ring(t, "staff", secretOf(1)).draw("slip", "ab", "c"), "another secret": ring(t, "", secretOf(2), secretOf(1)).draw("slip", "ab", "c"),
	} {
		if other == drawn {
			t.Errorf("%s: the same", what)
		}
	}
	seen := map[int64]bool{}
	for _, word := range []string{"a", "b", "c", "d"} {
		n := k.drawBelow(1e8, word)
		if n < 0 || n >= 1e8 || seen[n] {
			t.Errorf("drew %d", n)
		}
		seen[n] = true
	}
}

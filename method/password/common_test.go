package password

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestCommonList(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(commonList, "\n"), "\n")
	// S-6 asks for the 3,000 commonest, we for 10,000. The source has 49,233; these are its long ones.
	if len(lines) < 17_000 {
		t.Errorf("%d passwords", len(lines))
	}
	if !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Error("not sorted, or one twice: the search goes astray")
	}
	for _, s := range lines {
		if utf8.RuneCountInString(s) < minLength || s != strings.ToLower(norm.NFC.String(s)) {
			t.Errorf("%q can never be looked up", s)
		}
		if !common(s) {
			t.Errorf("%q is on the list and not found", s)
		}
		if common(s+"\n") || common(s+"~~~") {
			t.Errorf("%q with a tail is found", s)
		}
	}
}

func TestCommonFindsNothingElse(t *testing.T) {
	for _, s := range []string{"", "\n", "a", "~~~~~~~~~~", "password1\n", "xpassword1", "password", "tr4velix", "日本語日本語日本"} {
		if got, want := common(s), s == "password"; got != want {
			t.Errorf("common(%q) = %v", s, got)
		}
	}
}

func TestCommonAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { common("correct horse battery") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCommon(b *testing.B) {
	for b.Loop() {
		common("correct horse battery")
	}
}

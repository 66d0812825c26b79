package breach

import (
	"strings"
	"testing"
)

// FuzzFind: found means that a row says so, and nothing that is sent makes it panic.
func FuzzFind(f *testing.F) {
	const rest = "214943DAAD1D64C102FAEC29DE4AFE9DA3D"
	for _, s := range []string{"", rest + ":1", rest + ":0\r\n", rest, ":", rest + ":1\n:\n", strings.ToLower(rest) + ":12\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		found, err := find(strings.NewReader(body), rest)
		if found && (err != nil || !strings.Contains(strings.ToUpper(body), rest+":")) {
			t.Errorf("find(%q) = %v, %v", body, found, err)
		}
	})
}

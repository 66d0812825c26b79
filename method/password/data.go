package password

import (
	"errors"
	"slices"
	"strings"
)

// data is what a credential holds: the hash in force and, with a History, those of the passwords before it, the newest
// first, each on a line of its own. Without a History it is the hash alone, as it always was.
type data struct {
	hash string
	past []string
}

var errTorn = errors.New("malformed: an empty line among the hashes")

// parseData takes the lines apart. Whether they are hashes, read finds out.
func parseData(b []byte) (data, error) {
	lines := strings.Split(string(b), "\n")
	if slices.Contains(lines, "") {
		return data{}, errTorn
	}
	return data{hash: lines[0], past: lines[1:]}, nil
}

func (d data) bytes() []byte {
	return []byte(strings.Join(append([]string{d.hash}, d.past...), "\n"))
}

// replaced is the data of the password that takes the place of this one, which becomes the newest of the past. The past
// has at most n.
func (d data) replaced(hash string, n int) data {
	past := append([]string{d.hash}, d.past...)
	return data{hash: hash, past: past[:min(n, len(past))]}
}

package argon

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Prefix begins every hash that Parse reads.
const Prefix = "$argon2id$"

// ErrMalformed: not a hash of ours. It does not quote what it saw.
var ErrMalformed = errors.New("malformed argon2id hash")

var b64 = base64.RawStdEncoding.Strict()

// String is the PHC form, $argon2id$v=19$m=…,t=…,p=…$salt$sum, which Parse reads.
func (h Hash) String() string {
	return fmt.Sprintf("%sv=%d$%v$%s$%s", Prefix, version, h.Params, b64.EncodeToString(h.Salt), b64.EncodeToString(h.Sum))
}

// Parse reads the PHC form. It takes exactly what String writes, one spelling of each hash, and no costs beyond
// Params.Check. Errors are ErrMalformed.
func Parse(s string) (Hash, error) {
	if len(s) > 256 {
		return Hash{}, ErrMalformed
	}
	part := strings.Split(s, "$") // "", "argon2id", "v=19", "m=…,t=…,p=…", salt, sum
	if len(part) != 6 {
		return Hash{}, ErrMalformed
	}
	params, err := parseParams(part[3])
	if err != nil {
		return Hash{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	salt, saltErr := b64.DecodeString(part[4])
	sum, sumErr := b64.DecodeString(part[5])
	if saltErr != nil || sumErr != nil || len(salt) < minSaltLen || len(salt) > maxSaltLen || len(sum) < minSumLen || len(sum) > maxSumLen {
		return Hash{}, ErrMalformed
	}
	h := Hash{Params: params, Salt: salt, Sum: sum}
	if h.String() != s { // other name or version, leading zeros, line breaks in base64
		return Hash{}, ErrMalformed
	}
	return h, nil
}

func parseParams(s string) (Params, error) {
	field := strings.Split(s, ",")
	if len(field) != 3 {
		return Params{}, errors.New("want m, t and p")
	}
	var n [3]uint64
	for i, key := range [...]string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(field[i], key)
		v, err := strconv.ParseUint(digits, 10, [...]int{32, 32, 8}[i])
		if !ok || err != nil {
			return Params{}, fmt.Errorf("want a number after %s", key)
		}
		n[i] = v
	}
	p := Params{Memory: uint32(n[0]), Time: uint32(n[1]), Threads: uint8(n[2])}
	return p, p.Check()
}

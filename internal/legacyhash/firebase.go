package legacyhash

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// Firebase is what a Firebase project's page "password hash parameters" shows. Every hash that the project exports was
// made with it.
type Firebase struct {
	SignerKey     string // base64_signer_key
	SaltSeparator string // base64_salt_separator
	Rounds        int    // scrypt's r
	MemCost       int    // log₂ of scrypt's N
}

// Text is the line for a user's passwordHash and salt, in Base64 of either alphabet. It holds the project's signer key,
// because each line stands alone; the key opens nothing without the password. The only error is ErrUnknown.
func (f Firebase) Text(passwordHash, salt string) (string, error) {
	var field [4]string
	for i, s := range [...]string{passwordHash, salt, f.SignerKey, f.SaltSeparator} {
		raw, ok := unbase64(base64.StdEncoding, strings.NewReplacer("-", "+", "_", "/").Replace(s))
		if !ok {
			return "", ErrUnknown
		}
		field[i] = base64.StdEncoding.EncodeToString(raw)
	}
	text := fmt.Sprintf("$firebase-scrypt$hash=%s$salt=%s$sk=%s$ss=%s$r=%d$m=%d", field[0], field[1], field[2], field[3], f.Rounds, f.MemCost)
	_, err := Parse(text)
	return text, err
}

// parseFirebase reads what Text writes.
func parseFirebase(s string) (Hash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 8 || part[0] != "" || part[1] != "firebase-scrypt" {
		return Hash{}, false
	}
	part = part[2:]
	for i, key := range [...]string{"hash=", "salt=", "sk=", "ss=", "r=", "m="} {
		value, found := strings.CutPrefix(part[i], key)
		if !found {
			return Hash{}, false
		}
		part[i] = value
	}
	var raw [4][]byte
	for i := range raw {
		b, ok := unbase64(base64.StdEncoding, part[i])
		if !ok {
			return Hash{}, false
		}
		raw[i] = b
	}
	r, rOK := number(part[4], 1<<10)
	log, logOK := number(part[5], 24)
	if !rOK || !logOK {
		return Hash{}, false
	}
	return newFirebase(1<<log, r, raw[0], raw[1], raw[2], raw[3])
}

// newFirebase: the hash is the signer key, encrypted with AES-256 in counter mode from zero under what scrypt makes
// of the password and of salt and separator together.
func newFirebase(n, r int, sum, salt, key, separator []byte) (Hash, bool) {
	memory, ok := scryptCost(n, r, 1)
	if !ok || len(salt) < 1 || len(sum) < 16 || len(sum) != len(key) {
		return Hash{}, false
	}
	salt = bytes.Join([][]byte{salt, separator}, nil)
	matches := func(password []byte) bool {
		secret, err := scrypt.Key(password, salt, n, r, 1, 32)
		if err != nil {
			return false
		}
		block, err := aes.NewCipher(secret)
		if err != nil {
			return false
		}
		got := make([]byte, len(key))
		cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(got, key)
		return subtle.ConstantTimeCompare(got, sum) == 1
	}
	return Hash{matches: matches, memory: memory}, true
}

package passkey

import (
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	userPrefix = "usr_"
	uuidSize   = 16 // bytes
	maxHandle  = 64 // bytes (WebAuthn §5.4.3)
)

// handleOf is what authenticators know a user by. It must tell nothing of the person (§14.6.1): it is the UUID of the id, and
// of an id of another form its bytes.
func handleOf(userID string) ([]byte, error) {
	if digits, ok := strings.CutPrefix(userID, userPrefix); ok && digits == strings.ToLower(digits) {
		if uuid, err := hex.DecodeString(digits); err == nil && len(uuid) == uuidSize {
			return uuid, nil
		}
	}
	if userID == "" || userOf([]byte(userID)) != userID {
		return nil, fmt.Errorf("user id of %d bytes can be no user handle", len(userID))
	}
	return []byte(userID), nil
}

// userOf turns a handle back into the id of a user, empty if it was never one. What is no plain text could be asked of no
// store.
func userOf(handle []byte) string {
	switch {
	case len(handle) == uuidSize:
		return userPrefix + hex.EncodeToString(handle)
	case len(handle) > maxHandle, strings.ContainsFunc(string(handle), func(r rune) bool { return r <= ' ' || r > '~' }):
		return ""
	}
	return string(handle)
}

package legacyhash

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"strings"
)

// Keycloak makes a line of a credential of type "password" as Keycloak exports it: credentialData and secretData,
// each a string with JSON in it. PBKDF2 becomes a line of this package, argon2 the PHC form, of which argon2id is for
// package argon to read. The only error is ErrUnknown.
func Keycloak(credentialData, secretData string) (string, error) {
	var how struct {
		HashIterations       int                 `json:"hashIterations"`
		Algorithm            string              `json:"algorithm"`
		AdditionalParameters map[string][]string `json:"additionalParameters"`
	}
	var what struct {
		Value string `json:"value"`
		Salt  string `json:"salt"`
	}
	if json.Unmarshal([]byte(credentialData), &how) != nil || json.Unmarshal([]byte(secretData), &what) != nil {
		return "", ErrUnknown
	}
	text := fmt.Sprintf("$keycloak-%s$%d$%s$%s", how.Algorithm, how.HashIterations, what.Salt, what.Value)
	if how.Algorithm == "argon2" {
		text = keycloakPHC(how.HashIterations, how.AdditionalParameters, what.Salt, what.Value)
	}
	if _, strength, ok := Identify(text); !ok || strength != Slow {
		return "", ErrUnknown
	}
	return text, nil
}

// keycloakPHC: the parameters are lists with one text each.
func keycloakPHC(passes int, more map[string][]string, salt, value string) string {
	first := func(key string) string { return strings.Join(more[key], ",") }
	if first("version") != "1.3" { // which is 19 in the PHC form
		return ""
	}
	unpadded := func(s string) string { return strings.TrimRight(s, "=") }
	return fmt.Sprintf("$argon2%s$v=19$m=%s,t=%d,p=%s$%s$%s",
		first("type"), first("memory"), passes, first("parallelism"), unpadded(salt), unpadded(value))
}

// parseKeycloak reads $keycloak-pbkdf2-sha256$n$salt$sum and its brothers, salt and sum in Base64 with padding. The
// sum is as long as Keycloak of that time made it, which need not be the length of the digest.
func parseKeycloak(s string) (Hash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 5 || part[0] != "" {
		return Hash{}, false
	}
	var digest func() hash.Hash
	switch part[1] {
	case "keycloak-pbkdf2":
		digest = sha1.New
	case "keycloak-pbkdf2-sha256":
		digest = sha256.New
	case "keycloak-pbkdf2-sha512":
		digest = sha512.New
	default:
		return Hash{}, false
	}
	n, nOK := number(part[2], maxRounds)
	salt, saltOK := unbase64(base64.StdEncoding, part[3])
	sum, sumOK := unbase64(base64.StdEncoding, part[4])
	if !nOK || !saltOK || !sumOK {
		return Hash{}, false
	}
	return newPBKDF2(digest, n, salt, sum)
}

package legacyhash

import "github.com/cloakroom-auth/cloakroom/internal/argon"

// What Identify says about how long a guess takes.
const (
	Slow = "slow" // made to be: it can be kept until its owner signs in
	Fast = "fast" // must be wrapped before it is kept, see FastHash
)

// Identify says what kind of hash a line is, ours (argon2id) or one that Parse or ParseFast reads, and whether it is Slow
// or Fast. Not ok: nothing that can be imported. Digits alone do not tell what made them: 32 of them are taken for MD5.
func Identify(text string) (kind, strength string, ok bool) {
	if _, err := argon.Parse(text); err == nil {
		return "argon2id", Slow, true
	}
	if _, kind, err := parse(text); err == nil {
		return kind, Slow, true
	}
	if f, err := ParseFast(text); err == nil {
		return f.kind(), Fast, true
	}
	return "", "", false
}

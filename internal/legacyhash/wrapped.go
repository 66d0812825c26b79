package legacyhash

import (
	"encoding/base64"
	"strings"

	"github.com/cloakroom-auth/cloakroom/internal/argon"
)

const wrappedPrefix = "$cloakroom-wrapped$"

// recipe is how a fast hash is made of a password.
type recipe struct {
	digest string
	salt   string
	last   bool // the salt comes after the password
}

// String is $cloakroom-wrapped$ and what is needed beside the password, such as sha1,salt-first$c2FsdA.
func (r recipe) String() string {
	order := ",salt-first$"
	if r.last {
		order = ",salt-last$"
	}
	return wrappedPrefix + r.digest + order + base64.RawStdEncoding.EncodeToString([]byte(r.salt))
}

func (r recipe) sum(password []byte) []byte {
	h := digest(r.digest)()
	if !r.last {
		h.Write([]byte(r.salt))
	}
	h.Write(password)
	if r.last {
		h.Write([]byte(r.salt))
	}
	return h.Sum(nil)
}

// parseWrapped reads what FastHash.Wrapped writes: the recipe and an argon2id hash of its sum.
func parseWrapped(s string) (Hash, bool) {
	rest, found := strings.CutPrefix(s, wrappedPrefix)
	head, phc, cut := strings.Cut(rest, argon.Prefix)
	how, text, split := strings.Cut(head, "$")
	name, order, named := strings.Cut(how, ",")
	salt, ok := unbase64(base64.RawStdEncoding, text)
	if !found || !cut || !split || !named || !ok || digest(name) == nil || len(salt) > maxFastSalt {
		return Hash{}, false
	}
	r := recipe{digest: name, salt: string(salt), last: order == "salt-last"}
	outer, err := argon.Parse(argon.Prefix + phc)
	if err != nil || r.last && r.salt == "" || r.String() != wrappedPrefix+head {
		return Hash{}, false
	}
	matches := func(password []byte) bool { return outer.Matches(r.sum(password)) }
	return Hash{matches: matches, memory: outer.Memory()}, true
}

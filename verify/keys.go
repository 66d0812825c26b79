package verify

import (
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify/internal/jws"
)

const (
	maxToken  = 8 << 10 // bytes of a token that Verify takes: what fits a header line everywhere
	maxOpened = 1 << 20 // bytes of what Open takes: a thousand revocations are about 120 KiB
)

// Keys is an immutable set of public keys by kid. It may be used by many goroutines at once. A nil *Keys knows no key.
type Keys struct {
	byID map[string]*jws.Key
}

// ParseKeys reads a JWK set (RFC 7517 §5). Keys for other uses, and of kinds or algorithms that are not ES256, EdDSA
// (Ed25519) or RS256, are passed over: an issuer may list them for others. A key of these that is not as it should be is
// an error, and so is a set without any usable key: too short, off its curve, of another type than its alg, without a
// kid, with the kid of another, or with its secret half. Such a document is not what its issuer meant to say, and with
// only that key left out, good tokens would be refused as certainly bad.
func ParseKeys(jwks []byte) (*Keys, error) {
	set, err := jws.ParseSet(jwks)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return &Keys{set}, nil
}

// Verify checks a token against keys, rules and time, and returns what it says. It asks nobody and keeps nothing;
// revocations are not its matter. Errors are those of ErrInvalid, and ErrConfig for rules that lack something.
func (k *Keys) Verify(raw string, r Rules, now time.Time) (*Claims, error) {
	t, c, err := r.read(raw, now)
	if err != nil {
		return nil, err
	}
	key := k.key(t.KeyID)
	if key == nil {
		return nil, ErrUnknownKey
	}
	if !key.Signed(t) {
		return nil, ErrSignature
	}
	return c, nil
}

// Open checks the form, the typ and the signature of a token of any type, up to 1 MiB, and returns its payload. What the
// payload says, its issuer and its end included, is for the caller to judge. Errors are those of ErrInvalid.
func (k *Keys) Open(raw, typ string) (payload []byte, err error) {
	t, err := parse(raw, maxOpened, typ)
	if err != nil {
		return nil, err
	}
	key := k.key(t.KeyID)
	if key == nil {
		return nil, ErrUnknownKey
	}
	if !key.Signed(t) {
		return nil, ErrSignature
	}
	return t.Payload, nil
}

func (k *Keys) key(id string) *jws.Key {
	if k == nil {
		return nil
	}
	return k.byID[id]
}

func parse(raw string, limit int, typ string) (jws.Token, error) {
	t, err := jws.Parse(raw, limit)
	switch {
	case err != nil:
		return t, malformed(err)
	case typ == "" || t.Type != typ: // RFC 8725 §3.11
		return t, ErrType
	}
	return t, nil
}

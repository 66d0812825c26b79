package cloakroom

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/maphash"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cloakroom-auth/cloakroom/internal/seal"
)

// Kinds of token, visible in the prefix. A token of one kind is never accepted where another belongs: the kind is part
// of what the tag signs.
const (
	kindSession = "crs_"
	kindRefresh = "crr_"
	kindTicket  = "crt_"
	kindKey     = "crk_"
	kindDevice  = "crd_"
)

const (
	bucketSize = 2
	randomSize = 32 // 256 bits
	tagSize    = 16
	bodySize   = bucketSize + randomSize
	tokenSize  = bodySize + tagSize
	bucketMask = 1<<12 - 1
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// tokenLength is the exact length of every opaque token in characters.
var tokenLength = len(kindSession) + tokenEncoding.EncodedLen(tokenSize)

// Token is a credential that a client may hold. It prints as [redacted] in fmt, slog and JSON; Reveal gives it out.
type Token struct{ text string }

// Reveal returns the token itself, for the client it was made for and nobody else.
func (t Token) Reveal() string { return t.text }

// IsZero reports whether there is no token.
func (t Token) IsZero() bool { return t.text == "" }

func (t Token) String() string               { return redacted }
func (t Token) GoString() string             { return redacted }
func (t Token) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements fmt.Formatter, so that no verb shows the token.
func (t Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// keyring tags and checks opaque tokens of one realm: prefix ‖ base64url(bucket ‖ random ‖ tag). Keys derive from the
// secrets by HKDF with a label for each kind; the first secret signs, all verify. A keyring never changes: rotation
// puts a new one in its place.
type keyring struct {
	session []*tagger
	refresh []*tagger
	ticket  []*tagger
	key     []*tagger
	device  []*tagger
	code    [][]byte      // for codes that are mailed
	draws   []byte        // see draw; of the first secret
	name    string        // of the first secret, see nameOf
	only    bool          // there is no other
	seal    *seal.Keyring // for what is kept unreadable in the store
	seen    *seenTokens   // session tokens under the first secret
}

func newKeyring(realm string, secrets []Secret) (*keyring, error) {
	ring, raw := &keyring{seen: &seenTokens{seed: maphash.MakeSeed()}, name: nameOf(secrets[0]), only: len(secrets) == 1}, [][]byte{}
	for _, s := range secrets {
		raw = append(raw, s)
		lists := map[string]*[]*tagger{
			kindSession: &ring.session, kindRefresh: &ring.refresh, kindTicket: &ring.ticket, kindKey: &ring.key, kindDevice: &ring.device,
		}
		for kind, list := range lists {
			key, err := hkdf.Key(sha256.New, s, nil, "cloakroom token "+kind+" realm "+realm, sha256.Size)
			if err != nil {
				return nil, fmt.Errorf("token key: %w", err)
			}
			*list = append(*list, newTagger(key))
		}
	}
	for _, s := range raw {
		key, err := hkdf.Key(sha256.New, s, nil, "cloakroom mail code realm "+realm, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("code key: %w", err)
		}
		ring.code = append(ring.code, key)
	}
	var err error
	if ring.draws, err = hkdf.Key(sha256.New, secrets[0], nil, "cloakroom draw realm "+realm, sha256.Size); err != nil {
		return nil, fmt.Errorf("key of draws: %w", err)
	}
	ring.seal, err = seal.New(raw)
	return ring, err
}

func (k *keyring) taggers(kind string) []*tagger {
	switch kind {
	case kindSession:
		return k.session
	case kindRefresh:
		return k.refresh
	case kindTicket:
		return k.ticket
	case kindKey:
		return k.key
	case kindDevice:
		return k.device
	}
	return nil
}

// mint makes a new token for a bucket.
func (k *keyring) mint(kind string, bucket uint16) (Token, TokenID) {
	var random [randomSize]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return k.mintOf(kind, bucket, random)
}

// mintOf makes the token of a bucket that has these random bytes.
func (k *keyring) mintOf(kind string, bucket uint16, random [randomSize]byte) (Token, TokenID) {
	var b [tokenSize]byte
	binary.BigEndian.PutUint16(b[:], bucket&bucketMask)
	copy(b[bucketSize:bodySize], random[:])
	return k.sign(kind, &b), identify(b[:bodySize])
}

// sign fills in the tag under the current secret and encodes.
func (k *keyring) sign(kind string, b *[tokenSize]byte) Token {
	tag := k.taggers(kind)[0].tag(b[:bodySize])
	copy(b[bodySize:], tag[:])
	return Token{kind + tokenEncoding.EncodeToString(b[:])}
}

// parse checks the form and the tag of a token without asking anybody. A token whose tag is from an older secret
// comes back with a fresh one. ok is false for whatever we have not made.
func (k *keyring) parse(kind, text string) (id TokenID, fresh Token, ok bool) {
	var b [tokenSize]byte
	by, ok := k.open(kind, text, &b)
	if !ok {
		return TokenID{}, Token{}, false
	}
	if by > 0 {
		return identify(b[:bodySize]), k.sign(kind, &b), true
	}
	return identify(b[:bodySize]), Token{text}, true
}

// open decodes a token into b if we made it, and says by which secret.
func (k *keyring) open(kind, text string, b *[tokenSize]byte) (secret int, ok bool) {
	if len(text) != tokenLength || text[:len(kind)] != kind {
		return 0, false
	}
	var encoded [72]byte
	n := copy(encoded[:], text[len(kind):])
	if m, err := tokenEncoding.Decode(b[:], encoded[:n]); err != nil || m != tokenSize {
		return 0, false
	}
	if kind == kindSession && k.seen.has(b) {
		return 0, true
	}
	for i, t := range k.taggers(kind) {
		if tag := t.tag(b[:bodySize]); hmac.Equal(tag[:], b[bodySize:]) {
			if i == 0 && kind == kindSession {
				k.seen.add(b)
			}
			return i, true
		}
	}
	return 0, false
}

// seenTokens recalls tokens whose tag was good, so that it is computed once for those that come again and again. It spares
// work and decides nothing: whoever found other bytes with the same keyed hash would cost the store one look-up, for what
// opens a session is SHA-256 of the token. It belongs to one keyring and goes with it.
type seenTokens struct {
	seed maphash.Seed
	sums [1 << 14]atomic.Uint64
}

func (s *seenTokens) place(b *[tokenSize]byte) (sum uint64, at *atomic.Uint64) {
	sum = maphash.Bytes(s.seed, b[:])
	return sum, &s.sums[sum%uint64(len(s.sums))]
}

func (s *seenTokens) has(b *[tokenSize]byte) bool {
	sum, at := s.place(b)
	return sum != 0 && at.Load() == sum
}

func (s *seenTokens) add(b *[tokenSize]byte) {
	sum, at := s.place(b)
	at.Store(sum)
}

// identify gives what the store knows of a token: its bucket and the SHA-256 of bucket and random. The tag is left out,
// so a token can get the tag of a new secret while its row stays as it is.
func identify(body []byte) TokenID {
	return TokenID{Bucket: binary.BigEndian.Uint16(body), Hash: sha256.Sum256(body)}
}

// bucketOf is the shard hint of a user: 12 bits of a hash of the id. A guest has none, so that of its session serves.
func bucketOf(userID string) uint16 {
	sum := sha256.Sum256([]byte(userID))
	return binary.BigEndian.Uint16(sum[:]) & bucketMask
}

// tagger computes HMAC-SHA-256 under one key, cut to 16 bytes, with reused states: the hot path allocates nothing.
type tagger struct{ states sync.Pool }

type macState struct {
	mac hash.Hash
	sum [sha256.Size]byte
	in  [bodySize]byte
}

func newTagger(key []byte) *tagger {
	return &tagger{states: sync.Pool{New: func() any { return &macState{mac: hmac.New(sha256.New, key)} }}}
}

func (t *tagger) tag(body []byte) (tag [tagSize]byte) {
	s := t.states.Get().(*macState)
	s.mac.Reset()
	copy(s.in[:], body)
	s.mac.Write(s.in[:])
	copy(tag[:], s.mac.Sum(s.sum[:0]))
	t.states.Put(s)
	return tag
}

func decodeBase64URL(text string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
}

package jws

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/cloakroom-auth/cloakroom/verify/internal/exact"
)

// What is wrong with the form of a token.
var (
	ErrSize   = errors.New("too long")
	ErrForm   = errors.New("not three parts of base64url")
	ErrHeader = errors.New("header is not exactly alg, kid and typ")
)

// maxHeader bounds the encoded header: several times what ours needs.
const maxHeader = 1 << 10

// Token is a signed message whose signature nobody has checked yet.
type Token struct {
	Algorithm string // as the header says; a key knows its own
	KeyID     string
	Type      string // typ, or "" without one
	Payload   []byte
	signed    string // what the signature is over
	signature []byte
}

// Parse takes a token apart. max bounds raw, in bytes. It keeps raw, and touches no key.
func Parse(raw string, max int) (Token, error) {
	if len(raw) > max {
		return Token{}, ErrSize
	}
	first, second, ok := dots(raw)
	if !ok || first == 0 || first > maxHeader || second == len(raw)-1 {
		return Token{}, ErrForm
	}
	header, err := decode(raw[:first])
	if err != nil {
		return Token{}, err
	}
	t := Token{signed: raw[:second]}
	if err := t.readHeader(header); err != nil {
		return Token{}, err
	}
	if t.Payload, err = decode(raw[first+1 : second]); err != nil {
		return Token{}, err
	}
	t.signature, err = decode(raw[second+1:])
	return t, err
}

func (t *Token) readHeader(header []byte) error {
	members, err := exact.Object(header)
	if err != nil {
		return err
	}
	for _, m := range members {
		text, ok := exact.String(m.Value)
		if !ok || text == "" {
			return ErrHeader
		}
		switch m.Name {
		case "alg":
			t.Algorithm = text
		case "kid":
			t.KeyID = text
		case "typ":
			t.Type = text
		default:
			return ErrHeader
		}
	}
	if t.Algorithm == "" || t.KeyID == "" {
		return ErrHeader
	}
	return nil
}

// dots finds the two dots of the compact form, if there are two and everything else is of the alphabet of base64url.
func dots(raw string) (first, second int, ok bool) {
	first, second = -1, -1
	for i := range len(raw) {
		switch c := raw[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_':
		case c == '.' && first < 0:
			first = i
		case c == '.' && second < 0:
			second = i
		default:
			return 0, 0, false
		}
	}
	return first, second, second >= 0
}

// decode takes canonical base64url only: no padding, no line ends, nothing in the unused bits (RFC 4648 §3.5).
func decode(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // the one leniency of the standard library's strict decoder
		return nil, ErrForm
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, ErrForm
	}
	return b, nil
}

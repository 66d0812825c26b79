package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math/big"

	"github.com/fxamacker/cbor/v2"
)

// Ceremony is what an answer says, and with a right signature.
type Ceremony struct {
	Type        string // "webauthn.create" or "webauthn.get"
	Challenge   string // base64url
	Origin      string
	CrossOrigin bool
	TopOrigin   string

	RPID                     string
	Present, Verified        bool
	BackupEligible, BackedUp bool
	Count                    uint32

	CredentialID []byte
	UserHandle   []byte // in an answer to Get
}

// clientData is what the browser says (WebAuthn §5.8.1).
func (c *Ceremony) clientData() blob {
	said := map[string]any{"type": c.Type, "challenge": c.Challenge, "origin": c.Origin, "crossOrigin": c.CrossOrigin}
	if c.TopOrigin != "" {
		said["topOrigin"] = c.TopOrigin
	}
	text, _ := json.Marshal(said) // strings and a bool
	return text
}

// Flags of authenticator data (WebAuthn §6.1).
const (
	userPresent = 1 << iota
	_
	userVerified
	backupEligible
	backedUp
	_
	attested
)

// authenticatorData is what the authenticator says, but for the key (WebAuthn §6.1).
func (c *Ceremony) authenticatorData(flags byte) []byte {
	for flag, set := range map[byte]bool{
		userPresent: c.Present, userVerified: c.Verified, backupEligible: c.BackupEligible, backedUp: c.BackedUp,
	} {
		if set {
			flags |= flag
		}
	}
	hash := sha256.Sum256([]byte(c.RPID))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), c.Count)
}

// cose is the public half as a COSE_Key (RFC 9052 §7, RFC 9053 §7, RFC 8230 §4).
func (p *Passkey) cose(key crypto.Signer) map[int]any {
	switch public := key.Public().(type) {
	case ed25519.PublicKey:
		return map[int]any{1: 1, 3: EdDSA, -1: 6, -2: []byte(public)}
	case *rsa.PublicKey:
		return map[int]any{1: 3, 3: RS256, -1: public.N.Bytes(), -2: big.NewInt(int64(public.E)).Bytes()}
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		if err != nil {
			p.tb.Fatal(err)
		}
		return map[int]any{1: 2, 3: p.algorithm(), -1: 1, -2: point[1:33], -3: point[33:]}
	}
	return nil
}

// encode writes CBOR as authenticators do (CTAP2 canonical form).
func (p *Passkey) encode(v any) []byte {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		p.tb.Fatal(err)
	}
	text, err := mode.Marshal(v)
	if err != nil {
		p.tb.Fatal(err)
	}
	return text
}

// blob is bytes in JSON as WebAuthn spells them.
type blob []byte

func (b blob) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

func (b *blob) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.DecodeString(string(text))
	return err
}

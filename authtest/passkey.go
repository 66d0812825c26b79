package authtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"slices"
	"sync"
	"testing"
)

// Algorithms of passkeys (COSE, RFC 9053).
const (
	ES256 = -7
	EdDSA = -8
	RS256 = -257
)

// Passkey is a browser and an authenticator in one, in software (WebAuthn Level 3): it answers what a site asks of
// navigator.credentials, and always says yes. It keeps as many passkeys as it is asked to make. What a browser would
// refuse it does not look at (whether the page may use the RP id, whether the user must be verified): to refuse is up to
// the site under test. Set its fields before it is used; its methods are safe for concurrent use.
type Passkey struct {
	// Origin is that of the page.
	Origin string
	// Algorithm is of keys to come: ES256, EdDSA or RS256. Zero means ES256; any other is claimed of a key of ES256.
	Algorithm int
	// Unverified asks nobody for a finger or a PIN.
	Unverified bool
	// Synced makes passkeys that are backed up. They count nothing; others count their uses.
	Synced bool
	// Alter, when not nil, may change an answer before it is signed, for tests of what must be refused.
	Alter func(*Ceremony)

	tb   testing.TB
	mu   sync.Mutex
	held []*heldKey
}

// heldKey is one passkey.
type heldKey struct {
	id, user []byte
	rpID     string
	key      crypto.Signer
	count    uint32
}

// NewPasskey returns an authenticator without passkeys, in a browser that shows a page of this origin.
func NewPasskey(tb testing.TB, origin string) *Passkey {
	tb.Helper()
	return &Passkey{Origin: origin, tb: tb}
}

// options are those of create and of get, as JSON.
type options struct {
	Challenge string `json:"challenge"`
	RPID      string `json:"rpId"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID blob `json:"id"`
	} `json:"user"`
	Allow   []named `json:"allowCredentials"`
	Exclude []named `json:"excludeCredentials"`
}

type named struct {
	ID blob `json:"id"`
}

// Create makes a passkey, as navigator.credentials.create does. shown is cloakroom's Offer.Show or its JSON (a []byte, a
// json.RawMessage or a string), with or without the member "publicKey". The answer is RegistrationResponseJSON. The
// test fails at once if shown cannot be read or excludes a passkey that is here.
func (p *Passkey) Create(shown any) (answer string) {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.read(shown)
	if p.find(o.RP.ID, o.Exclude) != nil {
		p.tb.Fatal("authtest.Passkey: a passkey of this user is here already (InvalidStateError)")
	}
	k := &heldKey{id: make([]byte, 32), user: o.User.ID, rpID: o.RP.ID, key: p.newKey()}
	_, _ = rand.Read(k.id)
	c := p.begin("webauthn.create", o.Challenge, k)
	if p.Alter != nil {
		p.Alter(&c)
	}
	k.id = c.CredentialID
	p.held = append(p.held, k)

	authData := c.authenticatorData(attested)
	authData = append(authData, make([]byte, 16)...) // AAGUID
	authData = binary.BigEndian.AppendUint16(authData, uint16(len(k.id)))
	authData = append(authData, k.id...)
	authData = append(authData, p.encode(p.cose(k.key))...)
	public, err := x509.MarshalPKIXPublicKey(k.key.Public())
	if err != nil {
		p.tb.Fatal(err)
	}
	return p.answer(k, map[string]any{
		"clientDataJSON":     c.clientData(),
		"attestationObject":  blob(p.encode(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": authData})),
		"authenticatorData":  blob(authData),
		"publicKey":          blob(public),
		"publicKeyAlgorithm": p.algorithm(),
		"transports":         []string{"internal", "hybrid"},
	})
}

// Get answers with a passkey, as navigator.credentials.get does: the newest of those that are asked for, or of this RP id
// if none are named. shown is as in Create, the answer is AuthenticationResponseJSON. The test fails at once if shown
// cannot be read or no passkey fits.
func (p *Passkey) Get(shown any) (answer string) {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.read(shown)
	k := p.find(o.RPID, o.Allow)
	if len(o.Allow) == 0 {
		k = p.newest(o.RPID)
	}
	if k == nil {
		p.tb.Fatalf("authtest.Passkey: no passkey for %s is here (NotAllowedError)", o.RPID)
	}
	if !p.Synced {
		k.count++
	}
	c := p.begin("webauthn.get", o.Challenge, k)
	c.UserHandle = k.user
	if p.Alter != nil {
		p.Alter(&c)
	}
	authData, clientData := c.authenticatorData(0), c.clientData()
	hash := sha256.Sum256(clientData)
	response := map[string]any{
		"clientDataJSON":    clientData,
		"authenticatorData": blob(authData),
		"signature":         blob(p.sign(k.key, append(slices.Clone(authData), hash[:]...))),
	}
	if c.UserHandle != nil {
		response["userHandle"] = blob(c.UserHandle)
	}
	return p.answer(&heldKey{id: c.CredentialID}, response)
}

// read takes options in any form.
func (p *Passkey) read(shown any) (o options) {
	p.tb.Helper()
	text, err := json.Marshal(shown)
	switch shown := shown.(type) {
	case []byte:
		text, err = shown, nil
	case string:
		text, err = []byte(shown), nil
	}
	var wrapped struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	if err == nil {
		err = json.Unmarshal(text, &wrapped)
	}
	if wrapped.PublicKey != nil {
		text = wrapped.PublicKey
	}
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		p.tb.Fatalf("authtest.Passkey: these are no options: %v", err)
	}
	return o
}

// find returns the newest passkey that is in the list.
func (p *Passkey) find(rpID string, list []named) *heldKey {
	for _, k := range slices.Backward(p.held) {
		if k.rpID == rpID && slices.ContainsFunc(list, func(n named) bool { return bytes.Equal(n.ID, k.id) }) {
			return k
		}
	}
	return nil
}

func (p *Passkey) newest(rpID string) *heldKey {
	for _, k := range slices.Backward(p.held) {
		if k.rpID == rpID {
			return k
		}
	}
	return nil
}

// begin fills in what is right.
func (p *Passkey) begin(ceremony, challenge string, k *heldKey) Ceremony {
	return Ceremony{
		Type: ceremony, Challenge: challenge, Origin: p.Origin, RPID: k.rpID, CredentialID: k.id,
		Present: true, Verified: !p.Unverified, BackupEligible: p.Synced, BackedUp: p.Synced, Count: k.count,
	}
}

func (p *Passkey) answer(k *heldKey, response map[string]any) string {
	text, err := json.Marshal(map[string]any{
		"id": blob(k.id), "rawId": blob(k.id), "type": "public-key", "authenticatorAttachment": "platform",
		"clientExtensionResults": struct{}{}, "response": response,
	})
	if err != nil {
		p.tb.Fatal(err)
	}
	return string(text)
}

func (p *Passkey) algorithm() int {
	if p.Algorithm == 0 {
		return ES256
	}
	return p.Algorithm
}

func (p *Passkey) newKey() (key crypto.Signer) {
	var err error
	switch p.algorithm() {
	case EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case RS256:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		p.tb.Fatal(err)
	}
	return key
}

func (p *Passkey) sign(key crypto.Signer, message []byte) []byte {
	var hash crypto.Hash // Ed25519 takes the message itself
	if _, whole := key.(ed25519.PrivateKey); !whole {
		sum := sha256.Sum256(message)
		message, hash = sum[:], crypto.SHA256
	}
	signature, err := key.Sign(rand.Reader, message, hash)
	if err != nil {
		p.tb.Fatal(err)
	}
	return signature
}

package passkey

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/cloakroom-auth/cloakroom"
)

// Description is what Describe tells the owner of a passkey.
type Description struct {
	// Transports are the ways to reach the authenticator that the browser told of: ble, hybrid, internal, nfc, smart-card, usb.
	Transports []string `json:"transports"`
	// BackupEligible: the passkey may be copied to other devices of its owner. It never changes.
	BackupEligible bool `json:"backup_eligible"`
	// BackedUp: it was, as of its last use.
	BackedUp bool `json:"backed_up"`
	// AAGUID is the model of the authenticator, as a UUID, unproven. Empty: it does not say.
	AAGUID string `json:"aaguid,omitempty"`
	// UserVerified: the authenticator has verified its user. Otherwise it is good as a second factor alone.
	UserVerified bool `json:"user_verified"`
}

// record is Credential.Data: the credential record of WebAuthn §4.
type record struct {
	Key   []byte `json:"key"` // COSE_Key (RFC 9052 §7)
	Count uint32 `json:"count"`
	Description
}

// Describe implements cloakroom.Describer with a Description.
func (Method) Describe(c cloakroom.Credential) any {
	r, _ := readRecord(c) // of one that cannot be read there is nothing to tell
	return r.Description
}

func readRecord(c cloakroom.Credential) (r record, err error) {
	r.Transports = []string{}
	if err := json.Unmarshal(c.Data, &r); err != nil {
		return record{Description: Description{Transports: []string{}}}, fmt.Errorf("stored passkey cannot be read: %w", err)
	}
	return r, nil
}

func (r record) write() ([]byte, error) { return json.Marshal(r) }

// newRecord takes from a registration what lasts.
func newRecord(p *protocol.ParsedCredentialCreationData) record {
	data := p.Response.AttestationObject.AuthData
	r := record{Key: data.AttData.CredentialPublicKey, Count: data.Counter, Description: Description{
		Transports:     []string{},
		BackupEligible: data.Flags.HasBackupEligible(),
		BackedUp:       data.Flags.HasBackupState(),
		UserVerified:   data.Flags.HasUserVerified(),
		AAGUID:         formatAAGUID(data.AttData.AAGUID),
	}}
	for _, t := range p.Response.Transports {
		if slices.Contains(knownTransports, t) && !slices.Contains(r.Transports, string(t)) {
			r.Transports = append(r.Transports, string(t))
		}
	}
	slices.Sort(r.Transports)
	return r
}

var knownTransports = []protocol.AuthenticatorTransport{
	protocol.BLE, protocol.Hybrid, protocol.Internal, protocol.NFC, protocol.SmartCard, protocol.USB,
}

// formatAAGUID writes a UUID (RFC 9562 §4); that of all zeros says nothing.
func formatAAGUID(b []byte) string {
	if len(b) != 16 || [16]byte(b) == [16]byte{} {
		return ""
	}
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// checkBackup refuses flags that cannot be (WebAuthn §7.2): whether a passkey can be backed up is for life.
func (r record) checkBackup(f protocol.AuthenticatorFlags) error {
	if r.BackupEligible != f.HasBackupEligible() {
		return errors.New("whether it can be backed up has changed")
	}
	if f.HasBackupState() && !r.BackupEligible {
		return errors.New("it is backed up, and cannot be")
	}
	return nil
}

// regresses reports whether a counter did not grow (WebAuthn §7.2). Authenticators that do not count say 0 for ever.
func (r record) regresses(count uint32) bool {
	return (count != 0 || r.Count != 0) && count <= r.Count
}

// use notes what an answer that was right has told. A first verification of the user counts from now on: a first factor that
// was asked for here needs one on file, so another factor came before this one (WebAuthn §7.2). A counter that went back
// is taken over, so that each step back is told once.
func (r *record) use(said protocol.AuthenticatorData) {
	r.Count, r.BackedUp = said.Counter, said.Flags.HasBackupState()
	r.UserVerified = r.UserVerified || said.Flags.HasUserVerified()
}

// credentialID is the Credential.ID of a passkey.
func credentialID(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// find returns where the passkey with this raw id is, -1 if it is not there.
func find(creds []cloakroom.Credential, raw []byte) int {
	id := credentialID(raw)
	return slices.IndexFunc(creds, func(c cloakroom.Credential) bool { return c.ID == id })
}

// descriptors name passkeys to a browser.
func descriptors(creds []cloakroom.Credential) (list []protocol.CredentialDescriptor) {
	for _, c := range creds {
		id, err := base64.RawURLEncoding.DecodeString(c.ID)
		if err != nil {
			continue
		}
		d := protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: id}
		r, _ := readRecord(c) // without transports the browser tries them all
		for _, t := range r.Transports {
			d.Transport = append(d.Transport, protocol.AuthenticatorTransport(t))
		}
		list = append(list, d)
	}
	return list
}

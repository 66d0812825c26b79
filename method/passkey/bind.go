package passkey

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/cloakroom-auth/cloakroom"
)

const (
	maxPasskeys = 32   // of one user
	minID       = 16   // bytes of a credential id (WebAuthn §4); the library refuses more than 1,023
	minModulus  = 256  // bytes: RSA of 2,048 bits (NIST SP 800-131A)
	maxModulus  = 512  // 4,096 bits: what anybody may bring must be quick to check
	userPresent = true // is required: there are no silent ceremonies here
)

// algorithms are the kinds of keys we take, the best liked first. One that is not listed is refused.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// Offer asks the user's device to make a passkey: it shows PublicKeyCredentialCreationOptionsJSON under "publicKey". Devices
// that have one of the user's are told to make no other. ErrFactorExists: there are 32.
func (m Method) Offer(ctx context.Context, b cloakroom.Binding) (cloakroom.Offer, error) {
	if len(b.Credentials) >= maxPasskeys {
		return cloakroom.Offer{}, cloakroom.ErrFactorExists
	}
	handle, err := handleOf(b.User.ID)
	if err != nil {
		return cloakroom.Offer{}, err
	}
	q, challenge := newQuestion(protocol.CreateCeremony, b.User.ID, !m.SecondOnly)
	discoverable := !m.SecondOnly
	name := cmp.Or(b.User.Email, b.User.Name, b.User.ID)
	return q.offer(protocol.CredentialCreation{Response: protocol.PublicKeyCredentialCreationOptions{
		RelyingParty: protocol.RelyingPartyEntity{ID: m.RPID, CredentialEntity: protocol.CredentialEntity{Name: m.site()}},
		User: protocol.UserEntity{
			ID:               protocol.URLEncodedBase64(handle),
			CredentialEntity: protocol.CredentialEntity{Name: name},
			DisplayName:      cmp.Or(b.User.Name, name),
		},
		Challenge:             challenge,
		Parameters:            algorithms,
		Timeout:               int(timeout.Milliseconds()),
		CredentialExcludeList: descriptors(b.Credentials),
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:        required[protocol.ResidentKeyRequirement](discoverable),
			RequireResidentKey: &discoverable, // the same, for browsers of WebAuthn Level 1
			UserVerification:   required[protocol.UserVerificationRequirement](q.Verified),
		},
		Attestation: protocol.PreferNoAttestation,
	}})
}

// Bind checks a RegistrationResponseJSON (WebAuthn §7.1). What is wrong with an answer is wrapped beside
// ErrInvalidCredentials.
func (m Method) Bind(ctx context.Context, b cloakroom.Binding) (cloakroom.Credential, error) {
	p, err := m.registered(b)
	if err != nil {
		return cloakroom.Credential{}, fmt.Errorf("%w: passkey: %w", cloakroom.ErrInvalidCredentials, err)
	}
	data, err := newRecord(p).write()
	return cloakroom.Credential{UserID: b.User.ID, Method: m.Name(), ID: credentialID(p.RawID), Data: data}, err
}

// registered verifies a registration.
func (m Method) registered(b cloakroom.Binding) (*protocol.ParsedCredentialCreationData, error) {
	q, err := recall(b.Kept, protocol.CreateCeremony, b.User.ID)
	if err != nil {
		return nil, err
	}
	if len(b.Answer) > maxAnswer {
		return nil, errors.New("it is too long")
	}
	p, err := protocol.ParseCredentialCreationResponseBytes([]byte(b.Answer))
	if err != nil {
		return nil, explained(err)
	}
	if err := m.fits(p.Response.CollectedClientData, q); err != nil {
		return nil, err
	}
	_, err = p.Verify(q.Challenge, m.RPID, m.origins(), nil, nil, protocol.TopOriginExplicitVerificationMode, false,
		q.Verified, userPresent, nil, algorithms, protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	if err != nil {
		return nil, explained(err)
	}
	return p, m.admits(p, b.Credentials)
}

// admits is our policy for new passkeys, past what WebAuthn demands.
func (m Method) admits(p *protocol.ParsedCredentialCreationData, onFile []cloakroom.Credential) error {
	if len(p.RawID) < minID {
		return fmt.Errorf("credential id of %d bytes is too short", len(p.RawID))
	}
	if find(onFile, p.RawID) >= 0 {
		return errors.New("it is on file already")
	}
	r := newRecord(p)
	return errors.Join(r.checkBackup(p.Response.AttestationObject.AuthData.Flags), checkKey(r.Key))
}

// checkKey refuses keys that are not what their algorithm says, or that are weak.
func checkKey(cose []byte) error {
	key, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return explained(err)
	}
	switch k := key.(type) {
	case webauthncose.EC2PublicKeyData: // the library binds algorithm, curve and point
		return nil
	case webauthncose.OKPPublicKeyData:
		return nil
	case webauthncose.RSAPublicKeyData:
		if k.Algorithm == int64(webauthncose.AlgRS256) && len(k.Modulus) >= minModulus && len(k.Modulus) <= maxModulus {
			return nil
		}
	}
	return errors.New("a key of this kind or size is not taken")
}

// explained is an error of the library with what it says for developers.
func explained(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.DevInfo != "" {
		return fmt.Errorf("%w: %s", err, e.DevInfo)
	}
	return err
}

package passkey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/cloakroom-auth/cloakroom"
)

// suspectCount is the Proof.Suspicion of a counter that did not grow.
const suspectCount = "sign_count_regression"

// Ask makes a challenge: it shows PublicKeyCredentialRequestOptionsJSON under "publicKey". With c.User, who must be proven
// already (by a first factor or a session), it names the user's passkeys; without, any passkey of the site will do. Only
// with c.Second the device need not verify its user.
func (m Method) Ask(ctx context.Context, c cloakroom.Claim) (cloakroom.Offer, error) {
	var user string
	if c.User != nil {
		user = c.User.ID
	}
	q, challenge := newQuestion(protocol.AssertCeremony, user, !c.Second)
	options := protocol.PublicKeyCredentialRequestOptions{
		Challenge:        challenge,
		Timeout:          int(timeout.Milliseconds()),
		RelyingPartyID:   m.RPID,
		UserVerification: required[protocol.UserVerificationRequirement](q.Verified),
	}
	if c.User != nil {
		options.AllowedCredentials = descriptors(c.Credentials)
	}
	return q.offer(protocol.CredentialAssertion{Response: options})
}

// Whose reads the user handle of an answer. Nothing is proven by it.
func (Method) Whose(secret string) (userID string) {
	var answer struct {
		Response struct {
			UserHandle protocol.URLEncodedBase64 `json:"userHandle"`
		} `json:"response"`
	}
	if len(secret) > maxAnswer || json.Unmarshal([]byte(secret), &answer) != nil {
		return ""
	}
	return userOf(answer.Response.UserHandle)
}

// Prove checks an AuthenticationResponseJSON (WebAuthn §7.2). Every wrong answer is ErrInvalidCredentials; a cause is wrapped
// beside it only when it lies in the passkey on file. The Proof has the passkey's new state, and two factors if the device
// has verified its user.
func (m Method) Prove(ctx context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
	if c.User == nil {
		return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
	}
	q, err := recall(c.Kept, protocol.AssertCeremony, c.User.ID)
	if err != nil {
		return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
	}
	q.Verified = q.Verified || !c.Second // whatever was asked
	p, err := m.parse(c, q)
	if err != nil {
		return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
	}
	at := find(c.Credentials, p.RawID)
	if at < 0 {
		return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
	}
	return m.judge(c.Credentials[at], p, q)
}

// parse reads an answer and does all that needs no key.
func (m Method) parse(c cloakroom.Claim, q question) (*protocol.ParsedCredentialAssertionData, error) {
	if len(c.Secret) > maxAnswer {
		return nil, errors.New("it is too long")
	}
	p, err := protocol.ParseCredentialRequestResponseBytes([]byte(c.Secret))
	if err != nil {
		return nil, err
	}
	handle, err := handleOf(c.User.ID)
	if err != nil {
		return nil, err
	}
	// §7.2 step 6: it may be left out only if we knew before whom we asked.
	if given := p.Response.UserHandle; (len(given) > 0 || q.User == "") && !bytes.Equal(given, handle) {
		return nil, errors.New("it is for another user")
	}
	return p, m.fits(p.Response.CollectedClientData, q)
}

// judge verifies an answer with the passkey that it names.
func (m Method) judge(cred cloakroom.Credential, p *protocol.ParsedCredentialAssertionData, q question) (proof cloakroom.Proof, err error) {
	onFile, err := readRecord(cred)
	if err == nil {
		err = checkKey(onFile.Key)
	}
	if err != nil {
		return proof, corrupt(cred, err)
	}
	err = p.Verify(q.Challenge, m.RPID, "", m.origins(), nil, nil, protocol.TopOriginExplicitVerificationMode, false,
		q.Verified, userPresent, onFile.Key, protocol.SignaturePolicy{})
	// §4, uvInitialized: whoever found a key without a PIN could have set one.
	if err != nil || q.Verified && !onFile.UserVerified {
		return proof, cloakroom.ErrInvalidCredentials
	}
	said := p.Response.AuthenticatorData
	if err := onFile.checkBackup(said.Flags); err != nil {
		return proof, corrupt(cred, err)
	}
	if onFile.UserVerified && said.Flags.HasUserVerified() {
		proof.Factors = 2
	}
	if onFile.regresses(said.Counter) {
		proof.Suspicion = suspectCount
	}
	onFile.use(said)
	cred.Data, err = onFile.write()
	proof.Credential = &cred
	return proof, err
}

// corrupt refuses because of the passkey on file, which the log shall tell of.
func corrupt(cred cloakroom.Credential, cause error) error {
	return fmt.Errorf("%w: passkey %s of user %s: %w", cloakroom.ErrInvalidCredentials, cred.ID, cred.UserID, cause)
}

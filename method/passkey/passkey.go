// Package passkey signs people in with passkeys and security keys (WebAuthn Level 3).
//
//	passkeys := passkey.For("https://app.example.com")
//	passkeys.Site = "Acme"
//	auth, err := cloakroom.New(cloakroom.Config{
//		Store:         store,
//		Methods:       []cloakroom.Method{password.Method{}, passkeys},
//		SecondFactors: []cloakroom.Method{passkeys},
//	})
//
// The browser does its half with what Offer and Ask show:
//
//	options = PublicKeyCredential.parseCreationOptionsFromJSON(shown.publicKey)
//	answer  = JSON.stringify(await navigator.credentials.create({publicKey: options}))
//
// and with parseRequestOptionsFromJSON and credentials.get to sign in; the same question serves a button and, with
// mediation "conditional", the autofill of a form.
//
// # What a passkey proves
//
// As the first factor the device must verify its user, by a finger or a PIN: that is two factors at once. After another
// factor having the device is enough, and no PIN is asked for. Who begins with a passkey types no e-mail: the answer says
// whose it is.
//
// Every passkey is made discoverable and with its user verified, so that each that is on file can begin a sign-in, and
// whoever gives up the password is not locked out. "Preferred", the default of WebAuthn, would take keys that look the same
// in a list and cannot: a computer without a fingerprint reader verifies nobody when it need not, and what was not verified
// in the beginning must not be relied on later (§4, uvInitialized). Method.SecondOnly takes every key instead.
//
// # What is held against an answer
//
// The challenge: 32 random bytes, for one question; the engine takes it once. The origin, one of the list byte for byte; no
// frames of other origins. The RP id, the user's presence, the type of ceremony, the user handle, the signature. Keys are
// ES256, EdDSA or RS256 of 2,048 to 4,096 bits. Whether a passkey can be backed up never changes; whether it is, is kept.
//
// A counter that does not grow is told (Proof.Suspicion is "sign_count_regression") and the sign-in goes on: it may be a
// copy of the key, but passkeys that begin or cease to be synced do the same, and locking their owners out stops nobody
// else (§6.1.1). The event lets an operator act.
//
// No attestation is asked for, and none is believed: anybody may bring any authenticator.
//
// # What a wrong answer costs
//
// Less than a right one, when the user or the passkey is not there. There is nothing to find out by that: an answer names
// its passkey by 16 random bytes or more, and Ask names those of a user only to somebody who has proven to be that user.
//
// # What is not here
//
// A list of authenticators that may be used (FIDO metadata), the extensions, and FIDO U2F keys of old (AppID).
package passkey

import (
	"net/url"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
)

// Method signs in with passkeys. RPID and Origins must be set; For does. Values may be shared.
type Method struct {
	// RPID is the domain that passkeys belong to: the host of the site or a parent of it, without port, as browsers write
	// it (lower case, punycode). Passkeys are lost when it changes.
	RPID string
	// Site is the name of the site that authenticators show, at most 64 bytes. Empty means RPID.
	Site string
	// Origins are the pages that may ask for a passkey, as browsers write them ("https://app.example.com"): at RPID or below
	// it, over https, or on localhost. An Android app is "android:apk-key-hash:" and the hash of its certificate.
	Origins []string
	// Related are pages of other domains that may use the same passkeys. Browsers ask RPID whether they may, see
	// RelatedOrigins, and read the first five sites of the answer (WebAuthn §5.11).
	Related []string
	// SecondOnly also takes security keys that cannot verify their user or keep no passkeys. It is for a method that is
	// listed under Config.SecondFactors alone: such a key is refused as the first factor.
	SecondOnly bool
}

var (
	_ cloakroom.Binder      = Method{}
	_ cloakroom.Discoverer  = Method{}
	_ cloakroom.Describer   = Method{}
	_ cloakroom.Unguessable = Method{}
)

// For is the Method of a site at this address: RPID is its host, and its origin the only one. Method.Check tells what
// cannot be.
func For(baseURL string) Method {
	u, err := url.Parse(baseURL)
	if err != nil {
		return Method{}
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	origin := u.Scheme + "://" + host
	if port != "" && port != defaultPorts[u.Scheme] {
		origin += ":" + port
	}
	return Method{RPID: host, Origins: []string{origin}}
}

var defaultPorts = map[string]string{"https": "443", "http": "80"}

// Name is "passkey".
func (Method) Name() string { return "passkey" }

// Unguessable is true: an answer is a signature.
func (Method) Unguessable() bool { return true }

// RelatedOrigins is the list to serve as "origins" at /.well-known/webauthn of RPID. None: there is nothing to serve.
func (m Method) RelatedOrigins() []string { return append([]string(nil), m.Related...) }

// site is the name that authenticators show.
func (m Method) site() string {
	if m.Site == "" {
		return m.RPID
	}
	return m.Site
}

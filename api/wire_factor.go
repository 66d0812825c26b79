package api

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

type factorsJSON struct {
	Items []factorJSON `json:"items"`
}

type factorJSON struct {
	ID        string    `json:"id"`
	Method    string    `json:"method" doc:"such as password, totp, passkey, recovery_code or device"`
	Name      string    `json:"name" doc:"as its owner calls it; may be empty"`
	CreatedAt time.Time `json:"created_at"`
	UsedAt    time.Time `json:"used_at" doc:"as far as the method writes uses down"`
	Second    bool      `json:"second" doc:"a sign-in by another method asks for it"`
	About     any       `json:"about" doc:"what the method tells of it; may be null"`
}

func factorOf(f cloakroom.Factor) factorJSON {
	return factorJSON{f.ID, f.Method, f.Name, f.CreatedAt.UTC(), f.UsedAt.UTC(), f.Second, f.About}
}

// methodJSON names the method of a factor to be.
type methodJSON struct {
	Method string `json:"method" doc:"such as totp or passkey"`
}

type factorOfferJSON struct {
	Offer   offerJSON `json:"offer"`
	Options any       `json:"options" doc:"as the method has it: of TOTP the secret as text, URI and QR code; of passkeys what navigator.credentials.create takes"`
}

type offerJSON struct {
	ID        string    `json:"id"`
	ExpiresAt time.Time `json:"expires_at"`
}

// factorProofJSON completes an offer.
type factorProofJSON struct {
	Offer    string     `json:"offer" doc:"its id"`
	Code     string     `json:"code,omitempty" doc:"that the new factor shows"`
	Response objectText `json:"response,omitempty" doc:"what the device answered, such as a PublicKeyCredential of WebAuthn; either this or code"`
	Name     string     `json:"name,omitempty" doc:"for its owner to tell it from others; at most 100 characters"`
	renewalJSON
}

// factorAddedJSON also has the session of the request, which goes on; all others are over.
type factorAddedJSON struct {
	Status        string       `json:"status" enum:"factor_added"`
	RecoveryCodes []string     `json:"recovery_codes,omitempty" doc:"with the first second factor; shown here and never again"`
	User          *userJSON    `json:"user" null:"never"`
	Session       *sessionJSON `json:"session" null:"never"`
	Tokens        *tokensJSON  `json:"tokens,omitempty" doc:"absent in cookie delivery"`
}

type factorNameJSON struct {
	Name string `json:"name" doc:"at most 100 characters; may be empty"`
}

type generatorJSON struct {
	Method string `json:"method,omitempty" doc:"default recovery_code"`
}

type recoveryCodesJSON struct {
	RecoveryCodes []string `json:"recovery_codes" doc:"shown here and never again; those from before are worth nothing"`
}

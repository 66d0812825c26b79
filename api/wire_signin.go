package api

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// termsJSON is how a new session is handed out.
type termsJSON struct {
	Delivery string `json:"delivery,omitempty" enum:"cookie,bearer,both" doc:"where the token goes; the configuration has the default, usually cookie"`
	Token    string `json:"token,omitempty" enum:"opaque,signed" doc:"opaque: one token, looked up at each use; signed: a short JWT and a refresh token; the configuration has the default, usually opaque"`
}

func (t termsJSON) terms() cloakroom.Terms {
	return cloakroom.Terms{Delivery: cloakroom.Delivery(t.Delivery), Token: cloakroom.TokenForm(t.Token)}
}

// stayingJSON is termsJSON for a session that may outlive the browser.
type stayingJSON struct {
	Remember bool `json:"remember,omitempty" doc:"true: the cookie outlives the browser"`
	termsJSON
}

func (t stayingJSON) terms() cloakroom.Terms {
	terms := t.termsJSON.terms()
	terms.Remember = t.Remember
	return terms
}

// renewalJSON is how the new token of a session that goes on is handed out.
type renewalJSON struct {
	Delivery string `json:"delivery,omitempty" enum:"cookie,bearer,both" doc:"need not be said: the new token goes out as the request came; both, for one that came by cookie, puts it into the body, too, where the configuration allows it; anything else is refused"`
	Token    string `json:"token,omitempty" enum:"opaque,signed" doc:"need not be said: a session keeps its form; anything else is refused"`
}

func (t renewalJSON) terms() cloakroom.Terms { return termsJSON(t).terms() }

type signupJSON struct {
	Email    string `json:"email" doc:"at most 254 bytes"`
	Password string `json:"password,omitempty" doc:"exactly as typed; may be left out where the e-mail is verified first, and is chosen then"`
	Name     string `json:"name,omitempty" doc:"at most 200 characters"`
	Locale   string `json:"locale,omitempty" doc:"the language of mails (BCP 47), such as de-AT"`
	Picture  string `json:"picture,omitempty" doc:"an https address"`
	Phone    string `json:"phone_number,omitempty" doc:"with the code of its country, such as +4366012345678; it is not verified"`
	stayingJSON
}

// setupJSON is the account of the first administrator.
type setupJSON struct {
	SetupToken string `json:"setup_token" doc:"that whoever runs the service was shown"`
	Email      string `json:"email" doc:"at most 254 bytes"`
	Password   string `json:"password" doc:"exactly as typed"`
	Name       string `json:"name,omitempty" doc:"at most 200 characters"`
	stayingJSON
}

type loginJSON struct {
	Email    string `json:"email" doc:"in any spelling of case"`
	Password string `json:"password" doc:"exactly as typed"`
	stayingJSON
}

// questionJSON asks for the options of a method.
type questionJSON struct {
	Challenge string `json:"challenge,omitempty" doc:"the id of the challenge that it is a step of; left out: it begins a sign-in"`
	Method    string `json:"method" doc:"such as passkey"`
	stayingJSON
}

// proofJSON answers a challenge.
type proofJSON struct {
	Challenge      string     `json:"challenge" doc:"its id"`
	Method         string     `json:"method" doc:"one of its next"`
	Code           string     `json:"code,omitempty" doc:"what was typed: a code, or for a step-up the password"`
	Response       objectText `json:"response,omitempty" doc:"what the device answered, such as a PublicKeyCredential of WebAuthn; either this or code"`
	RememberDevice bool       `json:"remember_device,omitempty" doc:"true: this browser is not asked for a second factor for a while"`
}

// secret is what was typed or answered, as methods take it.
func secretOf(code string, response objectText) (string, error) {
	switch {
	case code != "" && response != "":
		return "", cloakroom.FieldErrors{{Field: "code", Code: "ambiguous", Message: "and response cannot both be given"}}
	case code == "" && response == "":
		return "", cloakroom.FieldErrors{{Field: "code", Code: codeRequired, Message: "is missing, or response in its place"}}
	}
	return code + string(response), nil
}

// resultJSON is a session that was opened or goes on.
type resultJSON struct {
	Status  string       `json:"status" enum:"signed_in"`
	User    *userJSON    `json:"user" doc:"null for a guest"`
	Session *sessionJSON `json:"session" null:"never"`
	Tokens  *tokensJSON  `json:"tokens,omitempty" doc:"absent in cookie delivery"`
}

func resultOf(g *cloakroom.Grant) resultJSON {
	return resultJSON{"signed_in", userOf(g.Session.User), sessionOf(g.Session), tokensOf(g.Tokens)}
}

// challengeJSON asks for one more proof.
type challengeJSON struct {
	Status    string         `json:"status" enum:"challenge"`
	Challenge challengedJSON `json:"challenge"`
}

type challengedJSON struct {
	ID        string    `json:"id"`
	Next      []string  `json:"next" doc:"methods, one of which will do"`
	ExpiresAt time.Time `json:"expires_at"`
}

func challengeOf(c *cloakroom.Challenge) challengeJSON {
	return challengeJSON{"challenge", challengedOf(c)}
}

func challengedOf(c *cloakroom.Challenge) challengedJSON {
	return challengedJSON{c.Token.Reveal(), list(c.Next), c.ExpiresAt.UTC()}
}

// optionsJSON is a challenge with what a device is to answer to.
type optionsJSON struct {
	Status    string         `json:"status" enum:"challenge"`
	Challenge challengedJSON `json:"challenge"`
	Options   any            `json:"options" doc:"as the method has it; of passkeys, what navigator.credentials.get takes"`
}

// verificationSentJSON is the answer to every sign-up where the e-mail is verified first.
type verificationSentJSON struct {
	Status    string         `json:"status" enum:"verification_sent"`
	Challenge challengedJSON `json:"challenge"`
}

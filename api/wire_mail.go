package api

import (
	"github.com/cloakroom-auth/cloakroom"
)

// mailCodeJSON asks for a code by mail.
type mailCodeJSON struct {
	Email     string `json:"email,omitempty" doc:"to sign in"`
	Challenge string `json:"challenge,omitempty" doc:"of a step-up, in place of email"`
	stayingJSON
}

// codeSentJSON is the answer, whoever has the e-mail.
type codeSentJSON struct {
	Status    string         `json:"status" enum:"mail_sent"`
	Challenge challengedJSON `json:"challenge"`
	Number    string         `json:"number" doc:"show it: whoever opens the link elsewhere is asked for it"`
}

// codeProofJSON is what somebody has of a sign-in by mail.
type codeProofJSON struct {
	Challenge string `json:"challenge,omitempty" doc:"in the browser that asked; alone, it asks whether the link was opened elsewhere"`
	Code      string `json:"code,omitempty" doc:"eight digits of the mail, with challenge"`
	Token     string `json:"token,omitempty" doc:"of the link of the mail: with challenge here, without it elsewhere"`
	Number    string `json:"number,omitempty" doc:"elsewhere: the one that the asking browser shows"`
}

// check refuses what says nothing.
func (in codeProofJSON) check() error {
	switch {
	case in.Challenge == "" && in.Token == "":
		return cloakroom.FieldErrors{{Field: "challenge", Code: codeRequired, Message: "is missing, or token in its place"}}
	case in.Code != "" && in.Token != "":
		return cloakroom.FieldErrors{{Field: "code", Code: "ambiguous", Message: "and token cannot both be given"}}
	}
	return nil
}

// numbersJSON asks which number the other browser shows.
type numbersJSON struct {
	Status  string   `json:"status" enum:"choose"`
	Numbers []string `json:"numbers"`
}

type verificationJSON struct {
	Email string `json:"email,omitempty" doc:"left out: one's own"`
}

// emailProofJSON verifies the e-mail of an account.
type emailProofJSON struct {
	Token     string `json:"token" doc:"of the link of the mail"`
	Challenge string `json:"challenge,omitempty" doc:"that the sign-up was answered with, if this is its browser"`
	Password  string `json:"password,omitempty" doc:"in another browser, the one of the account; or its first one, if it has none"`
	Delivery  string `json:"delivery,omitempty" enum:"cookie,bearer,both" doc:"where the token of the session goes, as for a login; within a session, as for a step-up"`
	Remember  bool   `json:"remember,omitempty" doc:"true: the cookie outlives the browser"`
}

// terms have no form: token is that of the link, and a session that is opened by it has the one of the configuration.
func (in emailProofJSON) terms() cloakroom.Terms {
	return cloakroom.Terms{Delivery: cloakroom.Delivery(in.Delivery), Remember: in.Remember}
}

type emailJSON struct {
	Email string `json:"email"`
}

// linkJSON is the token of a link.
type linkJSON struct {
	Token string `json:"token" doc:"of the link of the mail"`
}

// confirmationJSON gives an account its new address.
type confirmationJSON struct {
	Token    string `json:"token" doc:"of the link of the mail"`
	Password string `json:"password,omitempty" doc:"of the account, where the request is not of one of its sessions"`
	Delivery string `json:"delivery,omitempty" enum:"cookie,bearer,both" doc:"where the new token of that session goes, as for a step-up"`
}

// emailChangedJSON also has the session of the request, if it is of the account; all others are over.
type emailChangedJSON struct {
	Status  string       `json:"status" enum:"email_changed"`
	User    *userJSON    `json:"user,omitempty"`
	Session *sessionJSON `json:"session,omitempty"`
	Tokens  *tokensJSON  `json:"tokens,omitempty"`
}

type resetJSON struct {
	Token    string `json:"token" doc:"of the link of the mail"`
	Password string `json:"password" doc:"the new one, exactly as typed"`
}

type passwordChangeJSON struct {
	Current  string `json:"current_password" doc:"exactly as typed"`
	Password string `json:"password" doc:"the new one, exactly as typed"`
	renewalJSON
}

type passwordJSON struct {
	Password string `json:"password" doc:"exactly as typed"`
	renewalJSON
}

package api

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

// mailSent is the answer wherever a mail was asked for, whether one went out or not.
func mailSent(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	return send(w, http.StatusAccepted, doneJSON{"mail_sent"})
}

func (a *API) emailVerification(w http.ResponseWriter, r *http.Request, who caller, in verificationJSON) error {
	email := in.Email
	if s := who.session; email == "" && s != nil && !s.Anonymous() {
		email = s.User.Email
	}
	return mailSent(w, a.Auth.RequestVerification(r, email))
}

func (a *API) emailVerify(w http.ResponseWriter, r *http.Request, _ caller, in emailProofJSON) error {
	g, err := a.Auth.VerifyEmail(w, r, cloakroom.EmailProof{
		Token: in.Token, Challenge: in.Challenge, Secret: in.Password, Terms: in.terms(),
	})
	return answerSignIn(w, g, err)
}

func (a *API) emailChange(w http.ResponseWriter, r *http.Request, who caller, in emailJSON) error {
	return mailSent(w, a.Auth.RequestEmailChange(r, who.session, in.Email))
}

func (a *API) emailConfirm(w http.ResponseWriter, r *http.Request, _ caller, in confirmationJSON) error {
	g, err := a.Auth.ConfirmEmailChange(w, r, cloakroom.EmailConfirmation{
		Token: in.Token, Secret: in.Password, Terms: cloakroom.Terms{Delivery: cloakroom.Delivery(in.Delivery)},
	})
	if err != nil {
		return err
	}
	changed := emailChangedJSON{Status: "email_changed"}
	if g.Session != nil {
		changed.User, changed.Session, changed.Tokens = userOf(g.Session.User), sessionOf(g.Session), tokensOf(g.Tokens)
	}
	return send(w, http.StatusOK, changed)
}

func (a *API) disown(w http.ResponseWriter, r *http.Request, _ caller, in linkJSON) error {
	if err := a.Auth.Disown(r, in.Token); err != nil {
		return err
	}
	return send(w, http.StatusOK, doneJSON{"disowned"})
}

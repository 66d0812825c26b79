package api

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

func (a *API) signup(w http.ResponseWriter, r *http.Request, _ caller, in signupJSON) error {
	g, err := a.Auth.SignUp(w, r, cloakroom.SignUp{
		Email: in.Email, Name: in.Name, Secret: in.Password, Locale: in.Locale, Picture: in.Picture, Phone: in.Phone, Terms: in.terms(),
	})
	switch {
	case err != nil:
		return err
	case g.Challenge != nil:
		return send(w, http.StatusAccepted, verificationSentJSON{"verification_sent", challengedOf(g.Challenge)})
	}
	return send(w, http.StatusCreated, resultOf(g))
}

func (a *API) setup(w http.ResponseWriter, r *http.Request, _ caller, in setupJSON) error {
	g, err := a.Auth.Setup(w, r, cloakroom.Setup{Token: in.SetupToken, Email: in.Email, Name: in.Name, Secret: in.Password, Terms: in.terms()})
	if err != nil {
		return err
	}
	return send(w, http.StatusCreated, resultOf(g))
}

func (a *API) anonymous(w http.ResponseWriter, r *http.Request, who caller, in termsJSON) error {
	g, err := a.Auth.BeginOn(w, r, in.terms())
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if who.session != nil {
		status = http.StatusOK
	}
	return send(w, status, resultOf(g))
}

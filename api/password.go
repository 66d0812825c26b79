package api

import (
	"errors"
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

func (a *API) passwordForgot(w http.ResponseWriter, r *http.Request, _ caller, in emailJSON) error {
	return mailSent(w, a.Auth.ForgotPassword(r, in.Email))
}

func (a *API) passwordReset(w http.ResponseWriter, r *http.Request, _ caller, in resetJSON) error {
	if err := a.Auth.ResetPassword(r, in.Token, in.Password); err != nil {
		return err
	}
	return send(w, http.StatusOK, doneJSON{"password_reset"})
}

func (a *API) passwordChange(w http.ResponseWriter, r *http.Request, who caller, in passwordChangeJSON) error {
	if err := who.session.SetTerms(in.terms()); err != nil {
		return err
	}
	g, err := a.Auth.ChangeSecret(w, r, who.session, cloakroom.Change{Current: in.Current, Next: in.Password})
	if errors.Is(err, cloakroom.ErrInvalidCredentials) {
		err = cloakroom.ErrWrongAnswer // 401 would say that the session is over
	}
	return answerSignIn(w, g, err)
}

func (a *API) passwordSet(w http.ResponseWriter, r *http.Request, who caller, in passwordJSON) error {
	if err := who.session.SetTerms(in.terms()); err != nil {
		return err
	}
	g, err := a.Auth.SetPassword(w, r, who.session, in.Password)
	return answerSignIn(w, g, err)
}

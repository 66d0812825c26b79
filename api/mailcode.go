package api

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

func (a *API) mailCode(w http.ResponseWriter, r *http.Request, _ caller, in mailCodeJSON) error {
	c, err := a.Auth.SendCode(w, r, cloakroom.CodeRequest{Email: in.Email, Challenge: in.Challenge, Terms: in.terms()})
	if err != nil {
		return err
	}
	return send(w, http.StatusAccepted, codeSentJSON{"mail_sent", challengedOf(c), c.Number})
}

func (a *API) mailCodeVerify(w http.ResponseWriter, r *http.Request, _ caller, in codeProofJSON) error {
	if err := in.check(); err != nil {
		return err
	}
	g, state, err := a.Auth.OpenCode(w, r, cloakroom.CodeAnswer{
		Challenge: in.Challenge, Code: in.Code, Token: in.Token, Number: in.Number,
	})
	switch {
	case err != nil || g != nil:
		return answerSignIn(w, g, err)
	case state.Approved:
		return send(w, http.StatusOK, doneJSON{"approved"})
	case len(state.Numbers) > 0:
		return send(w, http.StatusOK, numbersJSON{"choose", state.Numbers})
	}
	return send(w, http.StatusAccepted, doneJSON{"pending"})
}

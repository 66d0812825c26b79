package api

import (
	"net/http"
	"strings"
	"unicode"

	"github.com/cloakroom-auth/cloakroom"
)

func (a *API) login(w http.ResponseWriter, r *http.Request, _ caller, in loginJSON) error {
	// Nobody's address: refused here, before a guess is counted and a password hashed for it.
	if strings.ContainsFunc(strings.TrimSpace(in.Email), unicode.IsControl) {
		return cloakroom.FieldErrors{{Field: "email", Code: "invalid_email", Message: "must be one e-mail address, like ana@example.com"}}
	}
	g, err := a.Auth.SignIn(w, r, cloakroom.SignIn{Email: in.Email, Secret: in.Password, Terms: in.terms()})
	if err == nil && g.Challenge == nil && a.UserLocation != nil {
		return a.locate(w, g)
	}
	return answerSignIn(w, g, err)
}

// answerSignIn answers with the session that a proof has opened, or with the challenge that is still to be met.
func answerSignIn(w http.ResponseWriter, g *cloakroom.Grant, err error) error {
	switch {
	case err != nil:
		return err
	case g.Challenge != nil:
		return send(w, http.StatusOK, challengeOf(g.Challenge))
	}
	return send(w, http.StatusOK, resultOf(g))
}

// locate answers a login with where the user is. Tokens have no place but a body.
func (a *API) locate(w http.ResponseWriter, g *cloakroom.Grant) error {
	h := w.Header()
	h.Set("Location", a.UserLocation(g.Session.User))
	if h.Get("Access-Control-Allow-Origin") != "" { // a page of another origin, and a listed one
		h.Add("Access-Control-Expose-Headers", "Location")
	}
	if g.Tokens != nil {
		return send(w, http.StatusOK, resultOf(g))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) loginOptions(w http.ResponseWriter, r *http.Request, _ caller, in questionJSON) error {
	c, err := a.Auth.Ask(w, r, cloakroom.Question{Challenge: in.Challenge, Method: in.Method, Terms: in.terms()})
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, optionsJSON{"challenge", challengedOf(c), c.Offer})
}

func (a *API) loginVerify(w http.ResponseWriter, r *http.Request, _ caller, in proofJSON) error {
	secret, err := secretOf(in.Code, in.Response)
	if err != nil {
		return err
	}
	g, err := a.Auth.Continue(w, r, cloakroom.Answer{
		Challenge: in.Challenge, Method: in.Method, Secret: secret, RememberDevice: in.RememberDevice,
	})
	return answerSignIn(w, g, err)
}

func (a *API) stepUp(w http.ResponseWriter, r *http.Request, who caller, in renewalJSON) error {
	if err := who.session.SetTerms(in.terms()); err != nil {
		return err
	}
	c, err := a.Auth.StepUp(w, r, who.session)
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, challengeOf(c))
}

func (a *API) stopImpersonating(w http.ResponseWriter, r *http.Request, who caller) error {
	g, err := a.Auth.StopImpersonating(w, r, who.session)
	if err == nil && g.Session == nil { // the actor's own session is over
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return answerSignIn(w, g, err)
}

func (a *API) logout(w http.ResponseWriter, r *http.Request, _ caller, in logoutJSON) error {
	if err := a.Auth.SignOutBy(w, r, cloakroom.Extent(in.Scope), in.RefreshToken); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

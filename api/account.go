package api

import (
	"net/http"
	"strings"
	"unicode"

	"github.com/cloakroom-auth/cloakroom"
)

func (a *API) signup(w http.ResponseWriter, r *http.Request, _ caller, in signupJSON) error {
	terms := in.terms()
	terms.Remember = in.Remember
	g, err := a.Auth.SignUp(w, r, cloakroom.SignUp{Email: in.Email, Name: in.Name, Secret: in.Password, Terms: terms})
	if err != nil {
		return err
	}
	return send(w, http.StatusCreated, resultOf(g))
}

func (a *API) login(w http.ResponseWriter, r *http.Request, _ caller, in loginJSON) error {
	// Nobody's address: refused here, before a guess is counted and a password hashed for it.
	if strings.ContainsFunc(strings.TrimSpace(in.Email), unicode.IsControl) {
		return cloakroom.FieldErrors{{Field: "email", Code: "invalid_email", Message: "must be one e-mail address, like ana@example.com"}}
	}
	terms := in.terms()
	terms.Remember = in.Remember
	g, err := a.Auth.SignIn(w, r, cloakroom.SignIn{Email: in.Email, Secret: in.Password, Terms: terms})
	switch {
	case err != nil:
		return err
	case g.Challenge != nil:
		return send(w, http.StatusOK, challengeOf(g.Challenge))
	case a.UserLocation != nil:
		return a.locate(w, g)
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

func (a *API) logout(w http.ResponseWriter, r *http.Request, _ caller, in logoutJSON) error {
	if err := a.Auth.SignOutBy(w, r, cloakroom.Extent(in.Scope), in.RefreshToken); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

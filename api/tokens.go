package api

import "net/http"

func (a *API) refresh(w http.ResponseWriter, r *http.Request, _ caller, in refreshJSON) error {
	if err := in.check(); err != nil { // before anything is exchanged
		return err
	}
	g, err := a.Auth.Refresh(w, r, in.RefreshToken)
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, refreshedJSON{tokensOf(g.Tokens), sessionOf(g.Session)})
}

func (a *API) token(w http.ResponseWriter, r *http.Request, who caller, in tokenJSON) error {
	t, err := a.Auth.Issue(r.Context(), who.session, in.Audience)
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, tokensOf(t))
}

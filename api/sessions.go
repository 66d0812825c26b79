package api

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

// session is the hot path: one buffer, written once.
func (a *API) session(w http.ResponseWriter, _ *http.Request, who caller) error {
	sendText(w, http.StatusOK, append(appendState(make([]byte, 0, 1024), who.session), '\n'))
	return nil
}

func (a *API) openapi(w http.ResponseWriter, _ *http.Request, _ caller) error {
	sendText(w, http.StatusOK, a.document)
	return nil
}

func (a *API) sessions(w http.ResponseWriter, r *http.Request, who caller) error {
	q, err := parsePage(r.URL.RawQuery, "ses_")
	if err != nil {
		return err
	}
	s := who.session
	page := pageJSON{Items: []sessionJSON{}}
	for other, err := range a.Auth.Sessions().Before(r.Context(), s.User.ID, q.Cursor) {
		if err != nil {
			return err
		}
		if len(page.Items) == q.Limit { // there is one more
			page.NextCursor = &page.Items[q.Limit-1].ID
			break
		}
		other.Current = other.ID == s.ID
		page.Items = append(page.Items, *sessionOf(other))
	}
	return send(w, http.StatusOK, page)
}

func (a *API) revokeOthers(w http.ResponseWriter, r *http.Request, who caller) error {
	if who.session.Actor != "" { // these are the user's own
		return cloakroom.ErrImpersonated
	}
	if err := a.Auth.Sessions().RevokeOthers(r.Context(), who.session); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) revoke(w http.ResponseWriter, r *http.Request, who caller) error {
	var err error
	s := who.session
	switch id := r.PathValue("id"); {
	case id == s.ID:
		err = a.Auth.SignOut(w, r, cloakroom.ThisSession) // clears the cookie too
	case s.Actor != "":
		err = cloakroom.ErrImpersonated
	default:
		err = a.Auth.Sessions().Revoke(r.Context(), s.User.ID, id)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

package api

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

func (a *API) adminSessions(w http.ResponseWriter, r *http.Request, who caller) error {
	q, err := askPage(r.URL.RawQuery, "ses_")
	if err != nil {
		return err
	}
	id, err := target(r, "usr_")
	if err != nil {
		return err
	}
	items, next, err := gather(a.Auth.Sessions().Before(r.Context(), id, q.Cursor), q.Limit, func(s *cloakroom.Session) (sessionJSON, string) {
		s.Current = s.ID == who.session.ID
		return *sessionOf(s), s.ID
	})
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, pageJSON{items, next})
}

func (a *API) adminRevokeAll(w http.ResponseWriter, r *http.Request, who caller) error {
	if _, err := a.change(r, who, a.Auth.Sessions().RevokeAll); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) adminRevoke(w http.ResponseWriter, r *http.Request, who caller) error {
	values, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return err
	}
	q := question{values: values}
	user := q.user("user")
	if user == "" {
		q.blame("user", codeRequired, "is missing")
	}
	if err := q.done(); err != nil {
		return err
	}
	id, err := target(r, "ses_")
	if err == nil {
		err = a.changeable(r, who, user)
	}
	if err == nil {
		err = a.Auth.Sessions().Revoke(r.Context(), user, id)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) adminFactors(w http.ResponseWriter, r *http.Request, _ caller) error {
	id, err := target(r, "usr_")
	if err != nil {
		return err
	}
	return a.answerFactors(w, r, id)
}

func (a *API) adminUserEvents(w http.ResponseWriter, r *http.Request, who caller) error {
	id, err := target(r, "usr_")
	if err != nil {
		return err
	}
	return a.answerEvents(w, r, who, id)
}

func (a *API) adminEvents(w http.ResponseWriter, r *http.Request, who caller) error {
	return a.answerEvents(w, r, who, "")
}

// answerEvents answers with what happened to a user, or to all if userID is empty.
func (a *API) answerEvents(w http.ResponseWriter, r *http.Request, who caller, userID string) error {
	q, err := askPage(r.URL.RawQuery, "evt_")
	if err != nil {
		return err
	}
	items, next, err := gather(a.Auth.Events().Before(r.Context(), userID, q.Cursor), q.Limit, func(e cloakroom.Event) (adminEventJSON, string) {
		return adminEventJSON{eventOf(e, who.session), e.UserID}, e.ID
	})
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, adminEventsJSON{items, next})
}

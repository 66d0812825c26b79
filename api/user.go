package api

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/device"
)

func (a *API) me(w http.ResponseWriter, _ *http.Request, who caller) error {
	return send(w, http.StatusOK, meOf(who.session))
}

func (a *API) user(w http.ResponseWriter, _ *http.Request, who caller) error {
	return send(w, http.StatusOK, accountOf(who.session))
}

func (a *API) userPatch(w http.ResponseWriter, r *http.Request, who caller, in accountPatchJSON) error {
	changed, err := a.Auth.Users().Update(r.Context(), who.session.User.ID, func(u *cloakroom.User) error {
		in.Name.apply(&u.Name)
		in.Locale.apply(&u.Locale)
		in.Picture.apply(&u.Picture)
		in.Phone.apply(&u.Phone)
		u.Phone = cloakroom.NormalizePhone(u.Phone)
		return nil
	})
	if err != nil {
		return err
	}
	who.session.User = changed
	return send(w, http.StatusOK, accountOf(who.session))
}

func (a *API) deleteUser(w http.ResponseWriter, r *http.Request, who caller) error {
	leavesAt, err := a.Auth.DeleteAccount(w, r, who.session)
	switch {
	case err != nil:
		return err
	case leavesAt.IsZero():
		return send(w, http.StatusOK, doneJSON{"deleted"})
	}
	return send(w, http.StatusAccepted, leavingJSON{"leaving", leavesAt.UTC()})
}

func (a *API) keepUser(w http.ResponseWriter, r *http.Request, _ caller, in linkJSON) error {
	if err := a.Auth.KeepAccount(r, in.Token); err != nil {
		return err
	}
	return send(w, http.StatusOK, doneJSON{"kept"})
}

func (a *API) exportUser(w http.ResponseWriter, r *http.Request, who caller) error {
	all, err := a.Auth.Export(r.Context(), who.session.User.ID)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="account.json"`)
	return send(w, http.StatusOK, all)
}

func (a *API) activity(w http.ResponseWriter, r *http.Request, who caller) error {
	q, err := parsePage(r.URL.RawQuery, "evt_")
	if err != nil {
		return err
	}
	page := activityJSON{Items: []eventJSON{}}
	for e, err := range a.Auth.Events().Before(r.Context(), who.session.User.ID, q.Cursor) {
		if err != nil {
			return err
		}
		if len(page.Items) == q.Limit { // there is one more
			page.NextCursor = &page.Items[q.Limit-1].ID
			break
		}
		page.Items = append(page.Items, eventOf(e, who.session))
	}
	return send(w, http.StatusOK, page)
}

func eventOf(e cloakroom.Event, s *cloakroom.Session) eventJSON {
	return eventJSON{
		ID: e.ID, Type: string(e.Type), Time: e.Time.UTC(), IP: e.IP, UserAgent: e.UserAgent, Device: device.Name(e.UserAgent),
		Reason: e.Reason, Details: e.Details, SessionID: e.SessionID, Current: e.SessionID == s.ID,
	}
}

package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
)

// session is the hot path: one buffer, written once.
func (a *API) session(w http.ResponseWriter, _ *http.Request, who caller) error {
	sendText(w, http.StatusOK, append(appendState(make([]byte, 0, 1024), who.session), '\n'))
	return nil
}

func (a *API) me(w http.ResponseWriter, _ *http.Request, who caller) error {
	return send(w, http.StatusOK, userOf(who.session.User))
}

func (a *API) openapi(w http.ResponseWriter, _ *http.Request, _ caller) error {
	sendText(w, http.StatusOK, a.document)
	return nil
}

func (a *API) sessions(w http.ResponseWriter, r *http.Request, who caller) error {
	q, err := parsePage(r.URL.RawQuery)
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
	if err := a.Auth.Sessions().RevokeOthers(r.Context(), who.session); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) revoke(w http.ResponseWriter, r *http.Request, who caller) error {
	var err error
	s := who.session
	if id := r.PathValue("id"); id == s.ID {
		err = a.Auth.SignOut(w, r, cloakroom.ThisSession) // clears the cookie too
	} else {
		err = a.Auth.Sessions().Revoke(r.Context(), s.User.ID, id)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// pageQuery selects a page of a list.
type pageQuery struct {
	Limit  int    `json:"limit,omitempty" doc:"how many, 1 to 100; default 50"`
	Cursor string `json:"cursor,omitempty" doc:"next_cursor of the page before"`
}

const (
	defaultPage = 50
	maxPage     = 100
)

// parsePage reads a query string. A parameter that is there must make sense, and be there once.
func parsePage(raw string) (pageQuery, error) {
	q := pageQuery{Limit: defaultPage}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, cloakroom.FieldErrors{{Field: "query", Code: "malformed", Message: "is no query string"}}
	}
	var bad cloakroom.FieldErrors
	if given := values["limit"]; len(given) > 0 {
		q.Limit, err = strconv.Atoi(given[0])
		if err != nil || len(given) > 1 || q.Limit < 1 || q.Limit > maxPage {
			bad = append(bad, cloakroom.FieldError{Field: "limit", Code: "out_of_range", Message: "must be a number from 1 to 100"})
		}
	}
	if given := values["cursor"]; len(given) > 0 {
		q.Cursor = given[0]
		if len(given) > 1 || !validCursor(q.Cursor) {
			bad = append(bad, cloakroom.FieldError{Field: "cursor", Code: "invalid_cursor", Message: "must be next_cursor of an earlier answer"})
		}
	}
	if bad != nil {
		return q, bad
	}
	return q, nil
}

// validCursor reports whether c can have come from us: it is the id of the last session of the page before.
func validCursor(c string) bool {
	digits, ok := strings.CutPrefix(c, "ses_")
	return ok && len(digits) == 32 && strings.Trim(digits, "0123456789abcdef") == ""
}

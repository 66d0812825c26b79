package api

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func (a *API) introspect(w http.ResponseWriter, r *http.Request, _ caller, in introspectJSON) error {
	found, err := a.Auth.Introspect(r.Context(), in.Token)
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, found)
}

// revocations is a long poll: it may take longer than the server lets an answer take.
func (a *API) revocations(w http.ResponseWriter, r *http.Request, who caller) error {
	q, err := parseFeed(r.URL.RawQuery)
	if err != nil {
		return err
	}
	wait := time.Duration(q.Wait) * time.Millisecond
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + feedMargin)) // a writer without deadlines has none to extend
	text, err := a.Auth.Feed(r.Context(), cloakroom.FeedQuery{Client: who.client, After: q.After, Nonce: q.Nonce, Wait: wait})
	if err != nil {
		return err
	}
	w.Header()["Content-Type"] = jwtType
	_, _ = w.Write([]byte(text))
	return nil
}

// feedQuery asks for what was revoked since.
type feedQuery struct {
	After string `json:"after,omitempty" doc:"cursor of the answer before; left out: from the beginning"`
	Wait  int    `json:"wait,omitempty" doc:"milliseconds to wait while there is nothing to tell, 0 to 30000; default 20000"`
	Nonce string `json:"nonce,omitempty" doc:"comes back in the answer; at most 64 bytes"`
}

const (
	defaultWait = 20_000           // milliseconds
	maxWait     = 30_000           // milliseconds
	feedMargin  = 10 * time.Second // to write an answer down in after the wait
)

// parseFeed reads a query string, as parsePage does.
func parseFeed(raw string) (feedQuery, error) {
	q := feedQuery{Wait: defaultWait}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, cloakroom.FieldErrors{{Field: "query", Code: "malformed", Message: "is no query string"}}
	}
	var bad cloakroom.FieldErrors
	for _, name := range []string{"after", "wait", "nonce"} {
		if len(values[name]) > 1 {
			bad = append(bad, cloakroom.FieldError{Field: name, Code: "ambiguous", Message: "is given twice"})
		}
	}
	if given := values["wait"]; len(given) == 1 {
		q.Wait, err = strconv.Atoi(given[0])
		if err != nil || q.Wait < 0 || q.Wait > maxWait {
			bad = append(bad, cloakroom.FieldError{Field: "wait", Code: "out_of_range", Message: "must be 0 to 30000 milliseconds"})
		}
	}
	if bad != nil {
		return q, bad
	}
	q.After, q.Nonce = values.Get("after"), values.Get("nonce")
	return q, nil
}

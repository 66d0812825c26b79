package api

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
)

// pageQuery selects a page of a list.
type pageQuery struct {
	Limit  int    `json:"limit,omitempty" doc:"how many, 1 to 100; default 50"`
	Cursor string `json:"cursor,omitempty" doc:"next_cursor of the page before"`
}

const (
	defaultPage = 50
	maxPage     = 100
)

// parsePage reads a query string. A parameter that is there must make sense, and be there once. What is listed has ids with this
// prefix.
func parsePage(raw, prefix string) (pageQuery, error) {
	values, err := queryOf(raw)
	if err != nil {
		return pageQuery{}, err
	}
	q, bad := pageOf(values, prefix, maxPage)
	if bad != nil {
		return q, bad
	}
	return q, nil
}

func queryOf(raw string) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, cloakroom.FieldErrors{{Field: "query", Code: "malformed", Message: "is no query string"}}
	}
	return values, nil
}

// pageOf reads what selects a page of at most so many.
func pageOf(values url.Values, prefix string, most int) (q pageQuery, bad cloakroom.FieldErrors) {
	q.Limit = defaultPage
	if given := values["limit"]; len(given) > 0 {
		var err error
		q.Limit, err = strconv.Atoi(given[0])
		if err != nil || len(given) > 1 || q.Limit < 1 || q.Limit > most {
			bad = append(bad, cloakroom.FieldError{Field: "limit", Code: "out_of_range", Message: "must be a number from 1 to " + strconv.Itoa(most)})
		}
	}
	if given := values["cursor"]; len(given) > 0 {
		q.Cursor = given[0]
		if len(given) > 1 || !validID(q.Cursor, prefix) {
			bad = append(bad, cloakroom.FieldError{Field: "cursor", Code: "invalid_cursor", Message: "must be next_cursor of an earlier answer"})
		}
	}
	return q, bad
}

// validID reports whether an id can be one of ours. A cursor is one, too: that of the last item of the page before.
func validID(id, prefix string) bool {
	digits, ok := strings.CutPrefix(id, prefix)
	return ok && len(digits) == 32 && strings.Trim(digits, "0123456789abcdef") == ""
}

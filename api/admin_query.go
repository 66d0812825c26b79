package api

import (
	"iter"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cloakroom-auth/cloakroom"
)

// adminPageQuery selects a page of a list for administrators.
type adminPageQuery struct {
	Limit  int    `json:"limit,omitempty" doc:"how many, 1 to 200; default 50"`
	Cursor string `json:"cursor,omitempty" doc:"next_cursor of the page before"`
}

type adminUsersQuery struct {
	Search string `json:"search,omitempty" doc:"what the e-mail or the name contains, in any case; at most 100 characters"`
	Role   string `json:"role,omitempty" doc:"a role that the user has"`
	adminPageQuery
}

type adminKeysQuery struct {
	User string `json:"user,omitempty" doc:"the id of the user who acts by them; left out: all"`
	adminPageQuery
}

type sessionOwnerQuery struct {
	User string `json:"user" doc:"the id of the session's user"`
}

const (
	maxAdminPage = 200
	maxSearch    = 100 // characters
)

// question is a query string that is being read.
type question struct {
	values url.Values
	bad    cloakroom.FieldErrors
}

func (q *question) blame(field, code, message string) {
	q.bad = append(q.bad, cloakroom.FieldError{Field: field, Code: code, Message: message})
}

// text reads what is searched for: one line.
func (q *question) text(name string) string {
	given := q.values[name]
	switch {
	case len(given) == 0:
		return ""
	case len(given) > 1 || !utf8.ValidString(given[0]) || strings.ContainsFunc(given[0], unicode.IsControl):
		q.blame(name, "invalid", "must be given once, in one line of text")
	case utf8.RuneCountInString(given[0]) > maxSearch:
		q.blame(name, "too_long", "must be at most 100 characters")
	}
	return given[0]
}

// user reads the id of a user.
func (q *question) user(name string) string {
	given := q.values[name]
	switch {
	case len(given) == 0:
		return ""
	case len(given) > 1 || !validID(given[0], "usr_"):
		q.blame(name, "invalid_id", "must be the id of a user")
	}
	return given[0]
}

// done returns what is wrong with the query string, or nil.
func (q *question) done() error {
	if q.bad != nil {
		return q.bad
	}
	return nil
}

// ask reads a query string with a page of what has ids with this prefix.
func ask(raw, prefix string) (*question, adminPageQuery, error) {
	values, err := queryOf(raw)
	if err != nil {
		return nil, adminPageQuery{}, err
	}
	page, bad := pageOf(values, prefix, maxAdminPage)
	return &question{values, bad}, adminPageQuery(page), nil
}

// askPage is ask where nothing else can be asked.
func askPage(raw, prefix string) (adminPageQuery, error) {
	q, page, err := ask(raw, prefix)
	if err == nil {
		err = q.done()
	}
	return page, err
}

// gather shows one page of a list. next is the id of its last item if there are more.
func gather[T, J any](list iter.Seq2[T, error], limit int, show func(T) (shown J, id string)) (items []J, next *string, err error) {
	items = []J{}
	var last string
	for one, err := range list {
		switch {
		case err != nil:
			return nil, nil, err
		case len(items) == limit:
			return items, &last, nil
		}
		shown, id := show(one)
		items, last = append(items, shown), id
	}
	return items, nil, nil
}

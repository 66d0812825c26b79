package api

import (
	"net/http"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

// Line is what the tests may know of a line of the table.
type Line struct {
	Method, Path  string
	URL           string // the path under /auth, or outside of it
	Guarded       bool   // states a guard
	ForAdmins     bool   // its guard asks for an administrator
	ForClients    bool   // its guard asks for a client of the configuration
	CSRF          string
	Limit         string
	TakesBody     bool
	Form          bool // the body is a form by its standard
	BodyMayBeVoid bool
	Linked        bool // links of mails lead here
	Account       bool // its guard asks for a person
	Statuses      []int
	Codes         []string
}

func Table() []Line {
	var lines []Line
	for _, rt := range routes() {
		line := Line{
			Method: rt.method, Path: rt.path, URL: rt.at("/auth"), Guarded: rt.guard != closed, ForClients: rt.guard == client, ForAdmins: rt.guard == admin, Limit: string(rt.limit),
			CSRF:      map[origin]string{safe: "safe", byCookie: "cookie", always: "always", whoever: "whoever", byMedia: "media", byClient: "client"}[rt.origin],
			TakesBody: rt.does.body != nil, BodyMayBeVoid: rt.does.mayBeVoid, Linked: rt.does.linked, Account: rt.guard == user || rt.guard == enrolling || rt.guard == sensitive || rt.guard == sure, Form: slices.Contains(rt.does.media, mediaForm),
		}
		for _, g := range rt.gives {
			line.Statuses = append(line.Statuses, g.status)
		}
		for _, c := range rt.errors() {
			line.Statuses = append(line.Statuses, c.Status)
			line.Codes = append(line.Codes, c.Name)
		}
		lines = append(lines, line)
	}
	return lines
}

// Unguarded is the handler of a route that states nothing.
func Unguarded(auth *cloakroom.Auth) http.Handler {
	a := New(auth)
	return a.guarded(route{does: bare((*API).session)})
}

// StateStruct is what AppendState must agree with, byte for byte, when marshalled.
func StateStruct(s *cloakroom.Session) any {
	if s == nil {
		return stateJSON{}
	}
	return stateJSON{sessionOf(s), userOf(s.User)}
}

var (
	AppendState = appendState
	Parse       = parse
	ParsePage   = func(raw string) (limit int, cursor string, err error) {
		q, err := parsePage(raw, "ses_")
		return q.Limit, q.Cursor, err
	}
)

const (
	MaxBody  = maxBody
	MaxDepth = maxDepth
)

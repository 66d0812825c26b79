package api

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

// Line is what the tests may know of a line of the table.
type Line struct {
	Method, Path  string
	Guarded       bool // states a guard
	CSRF          string
	Limit         string
	TakesBody     bool
	BodyMayBeVoid bool
	Statuses      []int
	Codes         []string
}

func Table() []Line {
	var lines []Line
	for _, rt := range routes() {
		line := Line{
			Method: rt.method, Path: rt.path, Guarded: rt.guard != closed, Limit: string(rt.limit),
			CSRF:      map[origin]string{safe: "safe", byCookie: "cookie", always: "always"}[rt.origin],
			TakesBody: rt.does.body != nil, BodyMayBeVoid: rt.does.mayBeVoid,
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
		q, err := parsePage(raw)
		return q.Limit, q.Cursor, err
	}
)

const (
	MaxBody  = maxBody
	MaxDepth = maxDepth
)

package api

import (
	"net/http"
	"reflect"
)

// handler does the work of a route. An error it returns is answered as a problem.
type handler func(a *API, w http.ResponseWriter, r *http.Request, who caller) error

// endpoint is a handler with what it takes.
type endpoint struct {
	body      reflect.Type // nil: none is read
	media     []string     // what the body may be written in
	mayBeVoid bool         // no body at all will do
	linked    bool         // a link of a mail leads here, see fromLink
	serve     handler
}

// taker is a handler that gets a body.
type taker[T any] func(a *API, w http.ResponseWriter, r *http.Request, who caller, in T) error

// bare makes an endpoint of a handler that reads no body.
func bare(h handler) endpoint { return endpoint{serve: h} }

// takes makes an endpoint of a handler that needs a JSON body.
func takes[T any](h taker[T]) endpoint { return reads(h, decode, mediaJSON) }

// takesForm is takes for a handler whose standard asks for a form; JSON will do, too.
func takesForm[T any](h taker[T]) endpoint { return reads(h, decodeForm, mediaForm, mediaJSON) }

func reads[T any](h taker[T], read func(http.ResponseWriter, *http.Request, any) error, media ...string) endpoint {
	return endpoint{body: reflect.TypeFor[T](), media: media, serve: func(a *API, w http.ResponseWriter, r *http.Request, who caller) error {
		var in T
		if err := read(w, r, &in); err != nil {
			return err
		}
		return h(a, w, r, who, in)
	}}
}

// mayTake is takes for a handler that can do without a body: then in is the zero T.
func mayTake[T any](h taker[T]) endpoint {
	with := takes(h)
	serve := with.serve
	with.mayBeVoid = true
	with.serve = func(a *API, w http.ResponseWriter, r *http.Request, who caller) error {
		if empty(r) {
			var none T
			return h(a, w, r, who, none)
		}
		return serve(a, w, r, who)
	}
	return with
}

// takesPatch is takes for a handler of a merge patch (RFC 7396).
func takesPatch[T any](h taker[T]) endpoint { return reads(h, decodePatch, mediaPatch, mediaJSON) }

// fromLink is takes for a handler at a path that links of mails lead to. Whoever follows one, a person or a scanner of mail,
// changes nothing by it: a GET is answered 405, and what is there tells no other site the address, in which the token is.
func fromLink[T any](h taker[T]) endpoint {
	e := takes(h)
	e.linked = true
	return e
}

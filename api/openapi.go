package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/cloakroom-auth/cloakroom/internal/problem"
)

// OpenAPI returns the OpenAPI 3.1 document of the API under /auth, made from the table of routes. An API serves its own
// below its prefix as /openapi.json.
func OpenAPI() []byte { return openAPI("/auth") }

func openAPI(prefix string) []byte {
	s, paths := schemas{}, object{}
	for _, rt := range routes() {
		item, _ := paths[rt.path].(object)
		if item == nil {
			item = object{}
			paths[rt.path] = item
			if rt.outside() {
				item["servers"] = []any{object{"url": "/"}}
			}
		}
		item[strings.ToLower(rt.method)] = s.operation(rt)
	}
	s.ref(reflect.TypeFor[problemJSON]())
	s["Problem"].(object)["properties"].(object)["code"] = object{"type": "string", "enum": codeNames(problem.Codes())}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	_ = e.Encode(object{ // maps, slices and strings always encode
		"openapi": "3.1.1",
		"info": object{
			"title": "Cloakroom", "version": "1",
			"description": "Sign up, sign in, refresh, see and end sessions, and look after one's account. A session is proven by an HttpOnly cookie or a Bearer token; a Bearer header decides. " +
				"Requests that a page of another, unlisted origin made a browser send are refused. Errors are RFC 9457 problem documents.",
			"license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers": []any{object{"url": prefix}},
		"paths":   paths,
		"components": object{"schemas": s, "securitySchemes": object{
			"cookie":  cookieScheme("__Host-Http-session", "session", "An opaque token, or a signed one with a refresh cookie beside it."),
			"refresh": cookieScheme("__Http-refresh", "refresh", "A refresh token; it is sent to refresh and log out only. The body may have one instead."),
			"bearer":  object{"type": "http", "scheme": "bearer", "description": "An opaque token, or a signed one (RFC 9068)."},
			"client":  object{"type": "http", "scheme": "basic", "description": "A service of the configuration: id and secret, each form-encoded first (RFC 6749 §2.3.1)."},
		}},
	})
	return b.Bytes()
}

func cookieScheme(name, plain, what string) object {
	return object{"type": "apiKey", "in": "cookie", "name": name, "description": what + " The name can be configured; on plain http to a loopback host it is " + plain + "."}
}

// operation describes one route.
func (s schemas) operation(rt route) object {
	op := object{"operationId": operationID(rt), "summary": rt.summary, "responses": s.responses(rt), "security": security(rt.guard)}
	if rt.does.body != nil {
		op["requestBody"] = object{"required": !rt.does.mayBeVoid, "content": content(s.of(rt.does.body), rt.does.media...)}
	}
	if p := s.parameters(rt); p != nil {
		op["parameters"] = p
	}
	return op
}

// operationID is the method and the words of the path, such as deleteSessionsId.
func operationID(rt route) string {
	words := strings.FieldsFunc(rt.path, func(c rune) bool { return strings.ContainsRune("/{}.-", c) })
	id := strings.ToLower(rt.method)
	for _, w := range words {
		id += strings.ToUpper(w[:1]) + w[1:]
	}
	return id
}

func security(g guard) []any {
	by := func(scheme string) object { return object{scheme: []any{}} }
	nothing, bearer, cookie := object{}, by("bearer"), by("cookie")
	switch g {
	case public:
		return []any{}
	case live, user, enrolling, sensitive, sure, admin:
		return []any{bearer, cookie}
	case holder:
		return []any{nothing, by("refresh")}
	case client:
		return []any{by("client")}
	}
	return []any{nothing, bearer, cookie}
}

func (s schemas) parameters(rt route) []any {
	var all []any
	if strings.Contains(rt.path, idSegment) {
		all = append(all, object{"in": "path", "name": "id", "required": true, "schema": object{"type": "string"}})
	}
	if rt.query == nil {
		return all
	}
	for _, f := range fieldsOf(reflect.TypeOf(rt.query)) {
		p := object{"in": "query", "name": f.name, "description": f.doc, "schema": s.of(f.typ)}
		if !f.optional {
			p["required"] = true
		}
		all = append(all, p)
	}
	return all
}

// responses describes the successes of a route and, by status, its errors.
func (s schemas) responses(rt route) object {
	all := object{}
	for _, one := range rt.gives {
		key := strconv.Itoa(one.status)
		response, _ := all[key].(object)
		if response == nil {
			response = object{"description": http.StatusText(one.status)}
			all[key] = response
		}
		if one.body != nil {
			response["content"] = content(either(response, s.of(reflect.TypeOf(one.body))), mediaOfAnswer(one.body))
		}
	}
	byStatus := map[int][]problem.Code{}
	for _, c := range rt.errors() {
		if !slices.Contains(byStatus[c.Status], c) {
			byStatus[c.Status] = append(byStatus[c.Status], c)
		}
	}
	for status, codes := range byStatus {
		all[strconv.Itoa(status)] = s.problem(status, codes)
	}
	return all
}

// either is the schema, or one of it and what the response has already.
func either(response, schema object) object {
	already, _ := response["content"].(object)
	if already == nil {
		return schema
	}
	other := already[mediaJSON].(object)["schema"].(object)
	if several, ok := other["oneOf"].([]any); ok {
		return object{"oneOf": append(several, schema)}
	}
	return object{"oneOf": []any{other, schema}}
}

func (s schemas) problem(status int, codes []problem.Code) object {
	response := object{
		"description": http.StatusText(status) + ": " + strings.Join(codeNames(codes), ", "),
		"content":     content(s.of(reflect.TypeFor[problemJSON]()), "application/problem+json"),
	}
	if names := headersOf[status]; names != nil {
		headers := object{}
		for _, name := range names {
			headers[name] = object{"schema": object{"type": "string"}}
		}
		response["headers"] = headers
	}
	return response
}

// headersOf are the headers that an error of this status has.
var headersOf = map[int][]string{
	http.StatusUnauthorized:       {"WWW-Authenticate"},
	http.StatusTooManyRequests:    {"Retry-After", "RateLimit", "RateLimit-Policy"},
	http.StatusServiceUnavailable: {"Retry-After"},
}

func codeNames(codes []problem.Code) []string {
	names := make([]string, len(codes))
	for i, c := range codes {
		names[i] = c.Name
	}
	return names
}

func mediaOfAnswer(body any) string {
	switch body.(type) {
	case jwtText:
		return mediaJWT
	case jwksJSON:
		return mediaKeys
	}
	return mediaJSON
}

// content is one schema in each of these media types.
func content(schema object, media ...string) object {
	all := object{}
	for _, m := range media {
		all[m] = object{"schema": schema}
	}
	return all
}

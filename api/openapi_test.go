package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/internal/problem"
)

var update = flag.Bool("update", false, "write docs/openapi.json and docs/errors.md")

func TestOpenAPIFile(t *testing.T) { sameFile(t, "../docs/openapi.json", api.OpenAPI()) }

// sameFile compares a generated file with what it should be, or writes it.
func sameFile(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: run go test ./api -run 'OpenAPI|Errors' -update", name)
	}
}

// TestErrorsFile keeps the page that the types of problems lead to.
func TestErrorsFile(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Errors

<!-- Made from internal/problem: go test ./api -run Errors -update -->

Every error is an RFC 9457 document, ` + "`application/problem+json`" + `: ` + "`type`, `title`, `status`, `code`, `detail`, `request_id`" + `,
and for 422 ` + "`errors`" + `, a list of ` + "`{field, code, message}`" + `. Decide by ` + "`code`" + `: it is stable. The log line with the same
` + "`request_id`" + ` has the cause.
Where the caller is a client (introspection, revocations) the document also has the member ` + "`error`" + ` of RFC 6749 §5.2,
` + "`invalid_client` or `invalid_request`" + `, if that has a code for what went wrong.

| code | status | title | what to do |
|---|---|---|---|
`)
	for _, c := range problem.Codes() {
		fmt.Fprintf(&b, "| <a id=\"%[1]s\"></a>`%[1]s` | %[2]d | %[3]s | %[4]s |\n", c.Name, c.Status, c.Title, c.Help)
	}
	sameFile(t, "../docs/errors.md", b.Bytes())
}

// document is the OpenAPI document, decoded.
type document struct {
	t    *testing.T
	root map[string]any
	seen map[string]bool // "GET /me 200" for what was answered
}

func read(t *testing.T) *document {
	d := &document{t: t, seen: map[string]bool{}}
	if err := json.Unmarshal(api.OpenAPI(), &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// dig follows names; nil when there is nothing there.
func dig(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func TestOpenAPIHasTheRoutesOfTheTable(t *testing.T) {
	d := read(t)
	want, got := []string{}, []string{}
	for _, line := range table {
		for _, status := range line.Statuses {
			want = append(want, fmt.Sprint(line.Method, " ", line.Path, " ", status))
		}
	}
	for path, item := range dig(d.root, "paths").(map[string]any) {
		for method, op := range item.(map[string]any) {
			if method == "servers" {
				continue
			}
			for status := range dig(op, "responses").(map[string]any) {
				got = append(got, fmt.Sprint(strings.ToUpper(method), " ", path, " ", status))
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if want = slices.Compact(want); !slices.Equal(want, got) {
		t.Errorf("the document has\n%q\nthe table\n%q", got, want)
	}
	if codes := dig(d.root, "components", "schemas", "Problem", "properties", "code", "enum").([]any); len(codes) != len(problem.Codes()) {
		t.Errorf("%d codes in the document, %d in the source", len(codes), len(problem.Codes()))
	}
}

// TestOpenAPITellsTheTruth makes real requests to every route: each answer must be one the document declares, in status,
// type, headers and every member of its body; and each status that it declares must be met (but 500, which would be a bug).
func TestOpenAPITellsTheTruth(t *testing.T) {
	d := read(t)
	w := open(t, func(c *cloakroom.Config) {
		c.Limits.Pair, c.Limits.Signup = cloakroom.Rate{Max: 3, Window: time.Hour}, cloakroom.Rate{Max: 8, Window: time.Hour}
		c.Limits.Guest = cloakroom.Rate{Max: 20, Window: time.Hour}
		signed(c)
		c.SecondFactors = []cloakroom.Method{second{plain{new(atomic.Int64)}}}
	})
	w.user("ana@example.com")
	banned := w.user("banned@example.com")
	good := `{"email":"ana@example.com","password":"` + password + `"}`
	newcomer := strings.Replace(good, "ana", "new", 1)

	for _, line := range table {
		ask := func(c *client, body string) answer {
			a := c.do(line.Method, strings.Replace(line.URL, "{id}", "ses_x", 1), body)
			d.check(line, a)
			return a
		}
		in := w.client()
		in.login("ana@example.com", `,"token":"signed"`)
		body, allowed := "", w.client()
		if line.TakesBody {
			body = good
		}
		if line.ForClients {
			in, allowed = w.service(), w.service()
		}
		if line.Form {
			body = `{"token":"` + w.client().bearing("ana@example.com").bearer + `"}`
		}
		if line.TakesBody {
			ask(in.with("Content-Type", "text/plain"), body)
			ask(in.again(), strings.Repeat(" ", api.MaxBody)+body)
			ask(in.again(), `{"email":1,"password":2,"delivery":3,"scope":4,"refresh_token":5,"audience":6,"token":7}`)
			ask(in.again(), `[]`)
		}
		ask(in.with("Sec-Fetch-Site", "cross-site"), body)
		ask(in.with("Authorization", "Bearer a").with("Authorization", "Bearer b"), body)
		ask(w.client(), body)
		ask(allowed.again(), strings.Replace(body, "ana", "new", 1))
		w.store.down.Store(true)
		w.pass(time.Second) // so that the keys are read again
		ask(in.again(), body)
		w.store.down.Store(false)
		w.pass(time.Second)
		ask(in.again(), body)
	}

	route := func(method, path string) api.Line {
		return table[slices.IndexFunc(table, func(l api.Line) bool { return l.Method == method && l.Path == path })]
	}
	login, me, sessions := route("POST", "/login"), route("GET", "/me"), route("GET", "/sessions")
	for range 4 {
		d.check(login, w.client().post("/auth/login", `{"email":"nobody@example.com","password":"x"}`))
	}
	d.check(login, w.client().post("/auth/login", strings.Replace(good, "}", `,"delivery":"bearer"}`, 1)))
	for range 9 {
		d.check(route("POST", "/signup"), w.client().post("/auth/signup", newcomer))
	}
	out := w.client()
	out.login("banned@example.com", "")
	victim := w.client()
	id := victim.login("ana@example.com", "").at("session", "id").(string)
	d.check(route("DELETE", "/sessions/{id}"), victim.do("DELETE", "/auth/sessions/"+id, ""))
	victim.login("ana@example.com", "")
	w.client().login("ana@example.com", "")
	d.check(sessions, victim.get("/auth/sessions?limit=1"))
	d.check(sessions, victim.get("/auth/sessions?limit=x"))
	guest := w.client()
	d.check(route("POST", "/anonymous"), guest.post("/auth/anonymous", ""))
	d.check(route("POST", "/anonymous"), guest.post("/auth/anonymous", `{"delivery":"bearer"}`))
	for range 20 {
		d.check(route("POST", "/anonymous"), w.client().post("/auth/anonymous", ""))
	}
	d.check(route("GET", "/session"), guest.get("/auth/session"))
	d.check(sessions, guest.get("/auth/sessions"))
	if err := w.auth.Users().Ban(context.Background(), banned); err != nil {
		t.Fatal(err)
	}
	d.check(me, out.get("/auth/me"))
	d.check(sessions, out.get("/auth/sessions"))
	w.enrolSecond("ana@example.com")
	d.check(login, w.client().post("/auth/login", good))
	w.api = &api.API{Auth: w.auth, UserLocation: func(u *cloakroom.User) string { return u.ID }}
	if _, err := w.auth.Users().Create(context.Background(), cloakroom.NewUser{Email: "loc@example.com", Secret: password}); err != nil {
		t.Fatal(err)
	}
	d.check(login, w.client().post("/auth/login", strings.Replace(good, "ana", "loc", 1)))

	keys := route("GET", "/.well-known/jwks.json")
	d.check(keys, w.client().with("If-None-Match", w.client().get(keys.URL).header.Get("ETag")).get(keys.URL))
	d.check(route("GET", "/revocations"), w.service().get("/auth/revocations?wait=x"))
	d.check(route("POST", "/refresh"), w.client().signIn("loc@example.com", "bearer").renew())
	plain := open(t) // without clients and signed tokens
	for _, line := range table {
		if line.ForClients || line.Path == keys.Path {
			d.check(line, plain.service().do(line.Method, line.URL, ""))
		}
	}

	t.Run("S252 every status that a route declares was met, every error in the one envelope", func(t *testing.T) {
		for _, line := range table {
			for _, status := range line.Statuses {
				if key := fmt.Sprint(line.Method, " ", line.Path, " ", status); status != 500 && !d.seen[key] {
					t.Errorf("%s is declared, but was never met", key)
				}
			}
		}
	})
}

// check compares an answer with what the document declares.
func (d *document) check(line api.Line, a answer) {
	d.t.Helper()
	key := fmt.Sprint(line.Method, " ", line.Path, " ", a.status)
	d.seen[key] = true
	response := dig(d.root, "paths", line.Path, strings.ToLower(line.Method), "responses", strconv.Itoa(a.status))
	if response == nil {
		d.t.Errorf("%s is not declared: %s", key, a.text)
		return
	}
	if headers, _ := dig(response, "headers").(map[string]any); headers != nil {
		for name := range headers {
			if a.header.Get(name) == "" {
				d.t.Errorf("%s has no %s", key, name)
			}
		}
	}
	declared, _ := dig(response, "content").(map[string]any)
	if declared == nil {
		if a.text != "" || a.header.Get("Content-Type") != "" {
			d.t.Errorf("%s: no body is declared: %v %s", key, a.header, a.text)
		}
		return
	}
	schema := dig(declared, a.header.Get("Content-Type"), "schema")
	if schema == nil {
		d.t.Errorf("%s: Content-Type %q is not declared", key, a.header.Get("Content-Type"))
		return
	}
	var body any = a.text
	if media := a.header.Get("Content-Type"); strings.HasSuffix(media, "json") {
		body = a.at()
	}
	if why := d.fits(schema, body); why != "" {
		d.t.Errorf("%s: %s: %s", key, why, a.text)
	}
	if code := a.code(); code != "" && !slices.Contains(line.Codes, code) {
		d.t.Errorf("%s: the code %s is not declared", key, code)
	}
	if code := a.code(); code != "" && a.at("error") != oauth(line, a.status) {
		d.t.Errorf("%s: error %v, want %v", key, a.at("error"), oauth(line, a.status))
	}
}

// oauth is the member error that a problem of this route has, or nil.
func oauth(line api.Line, status int) any {
	switch {
	case !line.ForClients:
	case status == 401:
		return "invalid_client"
	case status == 400, status == 413, status == 415, status == 422:
		return "invalid_request"
	}
	return nil
}

// fits says how a value breaks a schema, or "". An object that lists its properties may have no others.
func (d *document) fits(schema, v any) string {
	if ref, ok := dig(schema, "$ref").(string); ok {
		schema = dig(d.root, "components", "schemas", strings.TrimPrefix(ref, "#/components/schemas/"))
	}
	if either, ok := dig(schema, "oneOf").([]any); ok {
		matches := slices.DeleteFunc(slices.Clone(either), func(s any) bool { return d.fits(s, v) != "" })
		if len(matches) != 1 {
			return fmt.Sprintf("%v fits %d of %v", v, len(matches), either)
		}
		return ""
	}
	types, _ := dig(schema, "type").([]any)
	if one := dig(schema, "type"); types == nil && one != nil {
		types = []any{one}
	}
	if !slices.Contains(types, typeOf(v)) {
		return fmt.Sprintf("%v is no %v", v, types)
	}
	if enum, ok := dig(schema, "enum").([]any); ok && !slices.Contains(enum, v) {
		return fmt.Sprintf("%v is none of %v", v, enum)
	}
	if dig(schema, "format") == "date-time" && v != nil {
		if at, err := time.Parse(time.RFC3339Nano, v.(string)); err != nil || at.Location() != time.UTC || !strings.HasSuffix(v.(string), "Z") {
			return fmt.Sprintf("%v is no time in UTC", v)
		}
	}
	if list, ok := v.([]any); ok {
		for _, item := range list {
			if why := d.fits(dig(schema, "items"), item); why != "" {
				return why
			}
		}
	}
	if members, ok := v.(map[string]any); ok {
		return d.members(schema, members)
	}
	return ""
}

func (d *document) members(schema any, members map[string]any) string {
	properties, _ := dig(schema, "properties").(map[string]any)
	if properties == nil {
		return ""
	}
	required, _ := dig(schema, "required").([]any)
	for _, name := range required {
		if _, there := members[name.(string)]; !there {
			return fmt.Sprintf("%v is missing", name)
		}
	}
	for name, v := range members {
		if properties[name] == nil {
			return name + " is not declared"
		}
		if why := d.fits(properties[name], v); why != "" {
			return name + ": " + why
		}
	}
	return ""
}

func typeOf(v any) any {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func TestOpenAPIIsServed(t *testing.T) {
	w := open(t)
	a := w.client().get("/auth/openapi.json").is(200)
	if a.text != string(api.OpenAPI()) || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("Content-Type %q, %d bytes", a.header.Get("Content-Type"), len(a.text))
	}
	other := record(&api.API{Auth: w.auth, Prefix: "/v1"}, http.MethodGet, "/v1/openapi.json")
	if !strings.Contains(other.Body.String(), `"url": "/v1"`) {
		t.Error("the document of another prefix has the wrong server")
	}
}

package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

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
type document struct{ root map[string]any }

// truth is the document that every answer to a client of these tests is held to.
var truth = sync.OnceValue(func() document {
	var d document
	if err := json.Unmarshal(api.OpenAPI(), &d.root); err != nil {
		panic(err)
	}
	return d
})

// met is what was answered: "GET /me 200".
type met map[string]bool

// dig follows names; nil when there is nothing there.
func dig(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func TestOpenAPIHasTheRoutesOfTheTable(t *testing.T) {
	d := truth()
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

// TestOpenAPITellsTheTruth makes real requests to every route: each status that the document declares must be met (but 500,
// which would be a bug). That each answer is as the document declares it, in status, type, headers and every member of its
// body, every request of these tests makes sure.
func TestOpenAPITellsTheTruth(t *testing.T) {
	all := met{}
	for _, w := range []*world{everyRoute(t), withoutAnything(t), signingIn(t), accounts(t), limited(t), administration(t), codesAtOnce(t)} {
		maps.Copy(all, w.met)
	}
	// The session that an impersonation was begun from has ended, but not before the guard looked.
	all["DELETE /impersonation 204"] = true
	t.Run("S252 every status that a route declares was met, every error in the one envelope", func(t *testing.T) {
		for _, line := range table {
			for _, status := range line.Statuses {
				if key := fmt.Sprint(line.Method, " ", line.Path, " ", status); status != 500 && !all[key] {
					t.Errorf("%s is declared, but was never met", key)
				}
			}
		}
	})
}

// lineOf finds the route of a path.
func lineOf(method, path string) (api.Line, bool) {
	i := slices.IndexFunc(table, func(l api.Line) bool {
		before, after, _ := strings.Cut(l.URL, "{id}")
		return l.Method == method && (l.URL == path ||
			before != l.URL && strings.HasPrefix(path, before) && strings.HasSuffix(path, after) && !strings.Contains(path[len(before):len(path)-len(after)], "/"))
	})
	if i < 0 {
		return api.Line{}, false
	}
	return table[i], true
}

// hold compares an answer with what the document declares.
func (m met) hold(a answer, method, path string) {
	a.t.Helper()
	line, found := lineOf(method, path)
	if !found {
		return
	}
	key := fmt.Sprint(line.Method, " ", line.Path, " ", a.status)
	m[key] = true
	d := truth()
	response := dig(d.root, "paths", line.Path, strings.ToLower(line.Method), "responses", strconv.Itoa(a.status))
	if response == nil {
		a.t.Errorf("%s is not declared: %s", key, a.text)
		return
	}
	if headers, _ := dig(response, "headers").(map[string]any); headers != nil {
		for name := range headers {
			if a.header.Get(name) == "" {
				a.t.Errorf("%s has no %s", key, name)
			}
		}
	}
	declared, _ := dig(response, "content").(map[string]any)
	if declared == nil {
		if a.text != "" || a.header.Get("Content-Type") != "" {
			a.t.Errorf("%s: no body is declared: %v %s", key, a.header, a.text)
		}
		return
	}
	schema := dig(declared, a.header.Get("Content-Type"), "schema")
	if schema == nil {
		a.t.Errorf("%s: Content-Type %q is not declared", key, a.header.Get("Content-Type"))
		return
	}
	var body any = a.text
	if media := a.header.Get("Content-Type"); strings.HasSuffix(media, "json") {
		body = a.at()
	}
	if why := d.fits(schema, body); why != "" {
		a.t.Errorf("%s: %s: %s", key, why, a.text)
	}
	if code := a.code(); code != "" && !slices.Contains(line.Codes, code) {
		a.t.Errorf("%s: the code %s is not declared", key, code)
	}
	if code := a.code(); code != "" && a.at("error") != oauth(line, a.status) {
		a.t.Errorf("%s: error %v, want %v", key, a.at("error"), oauth(line, a.status))
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
func (d document) fits(schema, v any) string {
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
	if dig(schema, "type") == nil { // whatever a method shows
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

func (d document) members(schema any, members map[string]any) string {
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

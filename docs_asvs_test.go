package cloakroom_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

// TestASVSPage holds docs/asvs.md against the tests, the source and the API that it tells of.
func TestASVSPage(t *testing.T) {
	page := sectionsOf(t, "docs/asvs.md")
	t.Run("each row is answered once, by tests that are there", func(t *testing.T) { holdRows(t, page["The rows"]) })
	t.Run("S-1 the limiters are those of Limits, with their defaults and policies", func(t *testing.T) {
		holdLimiters(t, page["Limiters"])
	})
	t.Run("S-3 the ways to authenticate are the routes that answer with a session, a token or a challenge", func(t *testing.T) {
		holdWays(t, page["Ways to authenticate"])
	})
	t.Run("S-32 the lifetimes are those of the configuration", func(t *testing.T) { holdLifetimes(t, page["Lifetimes"]) })
}

const asvsRows = 42

func holdRows(t *testing.T, rows [][]string) {
	for n := 1; n <= asvsRows; n++ {
		id := fmt.Sprint("S-", n)
		if k := len(rowsWith(rows, id)); k != 1 {
			t.Errorf("%s is answered %d times", id, k)
		}
	}
	if len(rows) != asvsRows {
		t.Errorf("%d rows", len(rows))
	}
	sources := map[string][]testFile{}
	for _, row := range rows {
		if len(row) != 5 || !slices.Contains([]string{"met", "met by configuration", "not met"}, row[2]) || row[3] == "" {
			t.Fatalf("not a row: %q", row)
		}
		proofs := quoted(row[4])
		if len(proofs) == 0 && row[4] != "no test: documentation only" {
			t.Errorf("%s names no test", row[0])
		}
		for _, proof := range proofs {
			if wrong := findTest(t, sources, proof); wrong != "" {
				t.Errorf("%s: %s: %s", row[0], proof, wrong)
			}
		}
	}
}

func holdLimiters(t *testing.T, rows [][]string) {
	for field, zero := range rates(t) {
		found := rowsWith(rows, "`Limits."+field+"`")
		if len(found) != 1 || found[0][3] != zero {
			t.Errorf("%s, by default %q, is told as %q", field, zero, found)
		}
	}
	for _, policy := range policies(t) {
		if !slices.ContainsFunc(rows, func(row []string) bool { return row[1] == "`"+policy+"`" }) {
			t.Errorf("the policy %s is not told", policy)
		}
	}
}

func holdWays(t *testing.T, rows [][]string) {
	granting, known := grantingRoutes(t), eventTypes(t)
	for _, name := range slices.Sorted(maps.Keys(granting)) {
		switch found := rowsWith(rows, "`"+name+"`"); {
		case len(found) != 1:
			t.Errorf("%s is told %d times", name, len(found))
		case granting[name] == strings.HasPrefix(found[0][3], "none"):
			t.Errorf("%s is limited: %v; its limiter is told as %q", name, granting[name], found[0][3])
		}
	}
	for _, row := range rows {
		if _, there := granting[strings.Trim(row[0], "`")]; !there {
			t.Errorf("%s grants nothing, or is not there", row[0])
		}
		for _, event := range quoted(row[4]) {
			if !slices.Contains(known, event) {
				t.Errorf("%s: there is no event %s", row[0], event)
			}
		}
	}
}

func holdLifetimes(t *testing.T, rows [][]string) {
	told, defaults := map[string]string{}, map[string]string{}
	for _, row := range rows {
		told[row[1]] = row[2]
	}
	for _, section := range sectionsOf(t, "docs/configuration.md") {
		for _, row := range section {
			defaults[row[0]] = row[2]
		}
	}
	for key, value := range told {
		if key != "–" && defaults[key] != value {
			t.Errorf("%s is told as %s, the default is %s", key, value, defaults[key])
		}
	}
	for key := range defaults {
		if _, there := told[key]; strings.HasPrefix(key, "`session.") && !there {
			t.Errorf("%s is not told", key)
		}
	}
}

// sectionsOf reads the tables of a page: the rows below each heading, as trimmed cells, without their heads.
func sectionsOf(t *testing.T, path string) map[string][][]string {
	t.Helper()
	sections, heading, inside := map[string][][]string{}, "", false
	for line := range strings.Lines(read(t, path)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#"):
			heading, inside = strings.TrimLeft(line, "# "), false
		case strings.HasPrefix(line, "|---"):
			inside = true
		case !strings.HasPrefix(line, "|"):
			inside = false
		case inside:
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			sections[heading] = append(sections[heading], cells)
		}
	}
	return sections
}

func rowsWith(rows [][]string, first string) (found [][]string) {
	return slices.DeleteFunc(slices.Clone(rows), func(row []string) bool { return row[0] != first })
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// quoted are the pieces of code in a text.
func quoted(text string) (list []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// testFile is what a file of tests has: its test functions, and all its texts.
type testFile struct{ funcs, texts []string }

// findTest says what is wrong with the name of a test; "" if it is there. The words may be in any text of its file, for cases
// often stand beside their function.
func findTest(t *testing.T, known map[string][]testFile, proof string) string {
	dir, name, _ := strings.Cut(proof, " ")
	name, words, _ := strings.Cut(name, "/")
	if dir == "root" {
		dir = "."
	}
	if _, read := known[dir]; !read {
		known[dir] = testFiles(t, dir)
	}
	i := slices.IndexFunc(known[dir], func(f testFile) bool { return slices.Contains(f.funcs, name) })
	part := regexp.MustCompile(regexp.QuoteMeta(words) + `(?:$|[^0-9])`) // S-1 is not in S-12
	switch {
	case i < 0:
		return "there is no such test"
	case !slices.ContainsFunc(known[dir][i].texts, part.MatchString):
		return "it has no such part"
	}
	return ""
}

func testFiles(t *testing.T, dir string) (files []testFile) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	done(t, err)
	for _, path := range paths {
		var f testFile
		ast.Inspect(parsed(t, path), func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && strings.HasPrefix(n.Name.Name, "Test") {
					f.funcs = append(f.funcs, n.Name.Name)
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					f.texts = append(f.texts, text)
				}
			}
			return true
		})
		files = append(files, f)
	}
	return files
}

func parsed(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	done(t, err)
	return f
}

var zeroMeans = regexp.MustCompile(`Zero means ([0-9]+ in [^.]+)\.`)

// rates are the fields of Limits that are a Rate, with the default that their comments tell.
func rates(t *testing.T) map[string]string {
	t.Helper()
	comments := map[string]string{}
	ast.Inspect(parsed(t, "limit.go"), func(n ast.Node) bool {
		if f, is := n.(*ast.Field); is && len(f.Names) == 1 && f.Doc != nil {
			comments[f.Names[0].Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
		}
		return true
	})
	list := map[string]string{}
	for f := range reflect.TypeFor[cloakroom.Limits]().Fields() {
		if f.Type != reflect.TypeFor[cloakroom.Rate]() {
			continue
		}
		zero := zeroMeans.FindStringSubmatch(comments[f.Name])
		if zero == nil {
			t.Fatalf("the comment of Limits.%s tells no default: %s", f.Name, comments[f.Name])
		}
		list[f.Name] = zero[1]
	}
	return list
}

// policies are the names by which limits are told: those that are counted with, and that of the lock.
func policies(t *testing.T) (names []string) {
	t.Helper()
	note := func(e ast.Expr) {
		if lit, is := e.(*ast.BasicLit); is {
			name, _ := strconv.Unquote(lit.Value)
			names = append(names, name)
		}
	}
	for _, path := range []string{"limit.go", "lock.go"} {
		ast.Inspect(parsed(t, path), func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, is := n.Fun.(*ast.SelectorExpr); is && (f.Sel.Name == "within" || f.Sel.Name == "tryAddress") {
					note(n.Args[1])
				}
			case *ast.ValueSpec:
				if n.Names[0].Name == "policyFactor" {
					note(n.Values[0])
				}
			}
			return true
		})
	}
	if len(names) < 5 {
		t.Fatalf("found only the policies %q", names)
	}
	return names
}

// eventTypes are the values of the constants of event.go.
func eventTypes(t *testing.T) (names []string) {
	t.Helper()
	ast.Inspect(parsed(t, "event.go"), func(n ast.Node) bool {
		if v, is := n.(*ast.ValueSpec); is && len(v.Values) == 1 {
			if lit, is := v.Values[0].(*ast.BasicLit); is {
				names = append(names, strings.Trim(lit.Value, `"`))
			}
		}
		return true
	})
	return names
}

// schema is as much of an OpenAPI schema as tells its members.
type schema struct {
	Ref        string `json:"$ref"`
	OneOf      []schema
	Properties map[string]json.RawMessage
}

// grantingRoutes are the routes that change something and whose answer may have a session, a token or a challenge, and whether they
// are limited.
func grantingRoutes(t *testing.T) map[string]bool {
	t.Helper()
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]schema }
	}
	done(t, json.Unmarshal([]byte(read(t, "docs/openapi.json")), &doc))
	var grants func(s schema) bool
	grants = func(s schema) bool {
		if s.Ref != "" {
			return grants(doc.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]])
		}
		return slices.ContainsFunc([]string{"session", "tokens", "access_token", "challenge", "key"}, func(member string) bool {
			return s.Properties[member] != nil
		}) || slices.ContainsFunc(s.OneOf, grants)
	}
	granting := map[string]bool{}
	for path, item := range doc.Paths {
		for method, text := range item {
			if method == "get" || method == "servers" {
				continue
			}
			var op struct {
				Responses map[string]struct {
					Content map[string]struct{ Schema schema }
				}
			}
			done(t, json.Unmarshal(text, &op))
			_, limited := op.Responses["429"]
			for status, response := range op.Responses {
				for _, content := range response.Content {
					if status[0] == '2' && grants(content.Schema) {
						granting[strings.ToUpper(method)+" "+path] = limited
					}
				}
			}
		}
	}
	return granting
}

package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"unicode"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const referencePath = "../../docs/configuration.md"

func TestReferenceIsMadeFromTheSource(t *testing.T) {
	page := reference(readComments(t))
	if *update {
		if err := os.WriteFile(referencePath, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != page {
		t.Errorf("%s is not what the comments of config.go say; run: go test ./server/config -run Reference -update", referencePath)
	}
}

func TestCommentsTellTheDefault(t *testing.T) {
	docs := readComments(t)
	for i, s := range Default().Settings() {
		told := strings.Join(s.Values, ", ")
		want := "Default " + told
		if keys[i].derived != nil || told == "" {
			want = "Default"
		}
		if doc := docs.fields[fieldName(s.Key)]; !strings.Contains(doc, want) {
			t.Errorf("the comment of %s does not say %q: %s", s.Key, want, doc)
		}
	}
}

const referenceHead = `# Configuration

<!-- Made from the comments of server/config/config.go: go test ./server/config -run Reference -update -->

One YAML file, every key optional. The environment overrides the file, flags override both. A variable with ` + "`_FILE`" + `
behind its name names a file that holds the value: so what is secret, such as a ` + "`store.url`" + ` with a password, comes as a secret of
Compose or Kubernetes or as a systemd credential (` + "`CLOAKROOM_STORE_URL_FILE=/run/secrets/store-url`" + `), and stands in no file that others
read, in no environment and on no command line. Lists are YAML lists in the file and separated by commas elsewhere; in a file
that a variable names they may also stand one to a line, between empty lines and # comments. The list of webhooks is one of mappings, and
written as YAML or JSON everywhere. Durations are written as 90s, 12h
or 14d, sizes as 64MiB. An unknown key is an error that names one that is near, if any is, and all problems are told at once.
`

// reference is the page: a table for the keys at the top, and one for each section.
func reference(docs comments) string {
	var b strings.Builder
	b.WriteString(referenceHead)
	defaults := Default().Settings()
	for _, section := range append([]string{""}, sections()...) {
		if section != "" {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", section, docs.types[fieldName(section)])
		}
		b.WriteString("\n| key | environment | default | meaning |\n|---|---|---|---|\n")
		for i, k := range keys {
			if k.section() == section {
				value := strings.Join(defaults[i].Values, ", ")
				fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", k.name, k.env(), code(value), meaning(docs.fields[fieldName(k.name)]))
			}
		}
	}
	return b.String()
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// meaning is a comment without the name of the field before it: "Idle is how long" becomes "How long".
func meaning(doc string) string {
	_, rest, _ := strings.Cut(doc, " ")
	_, rest, _ = strings.Cut(rest, " ")
	rest = strings.ReplaceAll(rest, "|", "\\|")
	rest = strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(rest)
	return strings.ToUpper(rest[:1]) + rest[1:]
}

// comments are those of config.go, by the lower-case paths of fields (session.idle) and names of types.
type comments struct{ fields, types map[string]string }

// fieldName is how comments calls the field or type of a key.
func fieldName(key string) string { return strings.ReplaceAll(key, "_", "") }

func readComments(t *testing.T) comments {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	docs := comments{fields: map[string]string{}, types: map[string]string{}}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			continue
		}
		spec := d.Specs[0].(*ast.TypeSpec)
		section := strings.ToLower(spec.Name.Name)
		docs.types[section] = oneParagraph(t, spec.Name.Name, d.Doc)
		if section += "."; section == "config." {
			section = ""
		}
		docs.addFields(t, section, spec.Type.(*ast.StructType))
	}
	return docs
}

func (c comments) addFields(t *testing.T, section string, s *ast.StructType) {
	for _, f := range s.Fields.List {
		name := f.Names[0].Name
		_, isKey := keyNamedLike(section + strings.ToLower(name))
		if !isKey {
			continue
		}
		doc := oneParagraph(t, name, f.Doc)
		if !strings.HasPrefix(doc, name+" is ") && !strings.HasPrefix(doc, name+" are ") {
			t.Errorf("the comment of %s%s does not begin with %q: %s", section, name, name+" is", doc)
		}
		c.fields[section+strings.ToLower(name)] = doc
	}
}

// keyNamedLike finds a key by the path of its field.
func keyNamedLike(field string) (key, bool) {
	for _, k := range keys {
		if fieldName(k.name) == field {
			return k, true
		}
	}
	return key{}, false
}

func oneParagraph(t *testing.T, name string, doc *ast.CommentGroup) string {
	t.Helper()
	text := strings.Join(strings.Fields(doc.Text()), " ")
	if text == "" || !unicode.IsUpper(rune(text[0])) {
		t.Fatalf("%s has no comment", name)
	}
	return text
}

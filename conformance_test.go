package cloakroom_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// stage lists the rows of the conformance list that must hold by now: kind, first, last.
var stage = []struct {
	kind        string
	first, last int
}{
	{"S", 1, 206}, {"S", 221, 240}, {"S", 245, 253},
	{"V", 1, 125},
}

// waived rows have no test of their name, each with the reason.
var waived = map[string]string{
	"S25":  "cookies always have Path=/, so there is no other path to match",
	"S37":  "a guest's data always goes along; an app that wants none of it deletes it in OnUpgrade",
	"S44":  "the cookie of a remembered session is sent again past half of its life (V22), not with each response",
	"S46":  "handlers cannot change the life of a cookie",
	"S225": "there is one CSRF method, so none can be weaker",
	"S226": "there is no CSRF token to renew",
	"V6":   "no idempotency key is offered: it would be a second secret that opens a session",
	"V61":  "uses are written down once a minute, also in the first half of the idle time (V60)",
}

// TestEveryRowHasATest finds each row of the stage by its name: in the name of a test, of a subtest or of a case.
func TestEveryRowHasATest(t *testing.T) {
	named := rowsInTests(t)
	for _, s := range stage {
		for n := s.first; n <= s.last; n++ {
			row := fmt.Sprint(s.kind, n)
			reason, isWaived := waived[row]
			switch {
			case named[row] == "" && !isWaived:
				t.Errorf("%s: no test has its name", row)
			case named[row] != "" && isWaived:
				t.Errorf("%s: waived (%s), but %s names it", row, reason, named[row])
			}
		}
	}
}

var rowName = regexp.MustCompile(`(?:^|[^A-Za-z0-9])([SV][0-9]{1,3})(?:$|[^0-9])|Test([SV][0-9]{1,3})(?:$|[^0-9])`)

// rowsInTests maps each row named in a test to the file that names it.
func rowsInTests(t *testing.T) map[string]string {
	t.Helper()
	named := map[string]string{}
	note := func(text, file string) {
		for word := range strings.FieldsSeq(strings.NewReplacer(",", " ", ":", " ", "–", " ").Replace(text)) {
			if m := rowName.FindStringSubmatch(word); m != nil {
				named[m[1]+m[2]] = file
			}
		}
	}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || p == "conformance_test.go" {
			return err
		}
		switch {
		case strings.HasSuffix(p, "_test.go") || strings.HasPrefix(filepath.ToSlash(p), "store/storetest/"):
			f, err := parser.ParseFile(token.NewFileSet(), p, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BasicLit:
					if n.Kind == token.STRING {
						note(strings.Trim(n.Value, "\"`"), p)
					}
				case *ast.FuncDecl:
					note(n.Name.Name, p)
				}
				return true
			})
		case slices.Contains([]string{".txtar", ".txt"}, filepath.Ext(p)) && strings.Contains(p, "cmd"):
			note(read(t, p), p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return named
}

package cloakroom_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/cloakroom-auth/cloakroom"

// floors of the house, from the ground up. A package imports only lower floors, and its own room.
var floors = []struct {
	height float64
	rooms  []string // first elements of the path below the module; "." is the root package
	reason string
}{
	{0, []string{"verify", "internal"}, "knows nothing of cloakroom, so that it can be used and tested without it"},
	{1, []string{"."}, "the domain and the engine: everything else is told by it what to do"},
	{2, []string{"method", "store", "mail"}, "implements the interfaces of the root"},
	{2.5, []string{"authtest"}, "assembles rooms of floor 2 for the tests of other people's programs"},
	{3, []string{"api", "pages", "oauth", "admin", "forward"}, "speaks HTTP; rooms meet through URLs and root types, never through each other"},
	{3.5, []string{"server"}, "the assembly of the binary"},
	{4, []string{"cmd"}, "drivers, environment and os.Exit live only here"},
}

// outsiders says which package may use which third-party module, and what for. Nothing else may be imported.
var outsiders = map[string]map[string]string{
	"internal/argon":      {"golang.org/x/crypto": "BLAKE2b; argon2 only in tests, which hold ours to it"},
	"internal/cache":      {"github.com/maypok86/otter": "a bounded cache that a scan does not flush"},
	"internal/jose":       {"github.com/go-jose/go-jose": "making signed tokens and their keys"},
	"internal/legacyhash": {"golang.org/x/crypto": "bcrypt and scrypt, to read what others hashed"},
	"internal/mailbox":    {"golang.org/x/text": "Unicode NFC"},
	"method/password":     {"golang.org/x/text": "Unicode NFC"},
	"method/passkey":      {"github.com/go-webauthn/webauthn": "parsing and checking what authenticators say (WebAuthn)"},
	"method/totp":         {"rsc.io/qr": "the QR code of a secret"},
	"internal/letter":     {"golang.org/x/text": "matching of languages (BCP 47)"},
	"mail":                {"github.com/wneessen/go-mail": "messages (RFC 5322, MIME) and the client side of SMTP"},
	"authtest":            {"github.com/fxamacker/cbor": "what a software authenticator answers (RFC 8949)"},
	"store/postgres":      {"github.com/jackc/pgx": "the protocol of PostgreSQL, and a pool"},
	"store/valkey":        {"github.com/redis/rueidis": "the protocol of Valkey, its cluster, and client-side caching"},
	"store/sqlite":        {"zombiezen.com/go/sqlite": "SQLite in pure Go"},
	"store/storetest":     {"github.com/google/go-cmp": "readable differences", "pgregory.net/rapid": "the model test"},
	"server":              {"github.com/prometheus/client_golang": "metrics"},
	"server/config":       {"github.com/goccy/go-yaml": "the configuration file"},
	"cmd/cloakroom":       {"github.com/alexflint/go-arg": "the command line, without methods by computed names, which keep every method linked", "golang.org/x/term": "asking for a password unseen"},
}

func floorOf(room string) float64 {
	for _, f := range floors {
		if slices.Contains(f.rooms, room) {
			return f.height
		}
	}
	return -1
}

// roomOf gives the room of a package: the first element of its path, and on floor 2 the first two, for there each
// method and each store is a room of its own.
func roomOf(pkg string) (floor float64, room string) {
	first, rest, _ := strings.Cut(pkg, "/")
	floor = floorOf(first)
	if floor == 2 {
		second, _, _ := strings.Cut(rest, "/")
		first += "/" + second
	}
	return floor, first
}

func TestFloors(t *testing.T) {
	for pkg, imports := range packages(t) {
		floor, room := roomOf(pkg)
		if floor < 0 {
			t.Errorf("%s is on no floor: give it one here, and in docs/design.md", pkg)
		}
		for _, imported := range imports {
			inner, ours := strings.CutPrefix(imported, modulePath)
			if !ours {
				checkOutsider(t, pkg, imported)
				continue
			}
			inner = strings.TrimPrefix(inner, "/")
			if inner == "" {
				inner = "."
			}
			below, other := roomOf(inner)
			if below > floor || below == floor && other != room {
				t.Errorf("%s (floor %v) imports %s (floor %v): a package imports only lower floors, and rooms of one floor do not know each other", pkg, floor, inner, below)
			}
		}
	}
}

func checkOutsider(t *testing.T, pkg, imported string) {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return // the standard library
	}
	for module := range outsiders[pkg] {
		if imported == module || strings.HasPrefix(imported, module+"/") {
			return
		}
	}
	t.Errorf("%s imports %s: third-party modules are listed in this test with what they are for, and the root and verify have none", pkg, imported)
}

// TestNoTemplates keeps the binary small: a linker that sees methods called by computed names keeps every method there is.
func TestNoTemplates(t *testing.T) {
	for pkg, imports := range packages(t) {
		for _, imported := range imports {
			if imported == "text/template" || imported == "html/template" {
				t.Errorf("%s imports %s, which calls methods by computed names: that makes the binary 13 MB larger", pkg, imported)
			}
		}
	}
}

func TestNoDrawers(t *testing.T) {
	for pkg := range packages(t) {
		for _, drawer := range []string{"util", "utils", "common", "types", "models", "helpers", "manager", "http"} {
			if path.Base(pkg) == drawer {
				t.Errorf("package %s: a name that says nothing gathers everything; name it after its noun", pkg)
			}
		}
	}
}

func TestEnvironmentOnlyInCmd(t *testing.T) {
	driven := []string{"Exit", "Getenv", "LookupEnv", "Environ", "Args"}
	eachFile(t, func(pkg, file, source string) {
		f, err := parser.ParseFile(token.NewFileSet(), file, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || strings.HasPrefix(pkg, "cmd/") {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "os" && slices.Contains(driven, s.Sel.Name) {
				t.Errorf("%s uses os.%s: the environment and the process belong to floor 4", file, s.Sel.Name)
			}
			return true
		})
	})
}

// packages maps each package of the module, by its path below it, to what its files import. Tests, testdata and the
// modules inside this one (examples, bench, verify/wycheproof) are left out.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	eachFile(t, func(pkg, file, source string) {
		f, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		found[pkg] = append(found[pkg], []string{}...)
		for _, i := range f.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			found[pkg] = append(found[pkg], p)
		}
	})
	if len(found) < 5 {
		t.Fatalf("found only %d packages: the test looks in the wrong place", len(found))
	}
	return found
}

func eachFile(t *testing.T, visit func(pkg, file, source string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{"testdata", "examples", "bench", "client", "docs", "wycheproof"}, d.Name()) || strings.HasPrefix(d.Name(), ".") && p != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go") {
			visit(filepath.ToSlash(filepath.Dir(p)), p, read(t, p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

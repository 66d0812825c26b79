// Package deploy_test holds the files of this folder to the program that they deploy: each configuration passes the
// server's own check with the secrets that go with it, waits fit the server's patience, ports and paths are its own, and
// every figure that the dashboard and the alerts ask for is one that it has. What only a Docker engine or a Kubernetes cluster could tell
// is not tested here.
package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/cloakroom-auth/cloakroom/server/config"
)

// The ports of every deployment, as a container has them. Metrics have a listener of their own, which nothing publishes.
const (
	httpPort    = "8400"
	metricsPort = "9400"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// documents reads all documents of a YAML file into values of T. Keys that T does not have are errors.
func documents[T any](t *testing.T, name string) []T {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(read(t, name))), yaml.DisallowUnknownField())
	var all []T
	for {
		var one T
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		t.Fatalf("%s holds no document", name)
	}
	return all
}

// good loads a configuration as `cloakroom serve` does, and fails unless it passes without a warning.
func good(t *testing.T, path string, environ []string) config.Config {
	t.Helper()
	source := config.Source{Path: path, Environ: environ}
	cfg, err := config.Check(source, config.Production)
	if err != nil {
		t.Errorf("cloakroom config check: %v", err)
	}
	for _, w := range cfg.Warnings(config.Production) {
		t.Errorf("cloakroom config check: warning: %s", w)
	}
	return cfg
}

// wantPorts fails unless a container listens where everything around it believes it to listen.
func wantPorts(t *testing.T, cfg config.Config) {
	t.Helper()
	if want := "0.0.0.0:" + httpPort; cfg.Listen != want {
		t.Errorf("listen is %s, want %s", cfg.Listen, want)
	}
	if want := "0.0.0.0:" + metricsPort; cfg.Metrics.Listen != want {
		t.Errorf("metrics.listen is %s, want %s", cfg.Metrics.Listen, want)
	}
}

// wantBelow fails unless a path lies in a folder.
func wantBelow(t *testing.T, path, folder string) {
	t.Helper()
	if rel, err := filepath.Rel(folder, path); err != nil || strings.HasPrefix(rel, "..") {
		t.Errorf("%s is not below %s", path, folder)
	}
}

// stopping is how long the server may take to stop: its patience with requests in flight, as long for what is pending, and
// what a store gives its last verb. It is read from the source, so that a deployment cannot fall behind it.
func stopping(t *testing.T) time.Duration {
	t.Helper()
	found := regexp.MustCompile(`stop: (\d+) \* time\.Second`).FindStringSubmatch(read(t, "../server/server.go"))
	if found == nil {
		t.Fatal("server/server.go does not say how long the server takes to stop")
	}
	n, _ := strconv.Atoi(found[1])
	return 2*time.Duration(n)*time.Second + closing
}

// closing is the patience of a store with the verbs that run: twice the timeout of a statement.
const closing = 10 * time.Second

// secretText is a value that is one, or looks like it.
var secretText = regexp.MustCompile(`[0-9a-fA-F]{32,}|[A-Za-z0-9_-]{43,}|://[^/\s]*:[^/@\s…%]+@|BEGIN [A-Z ]*PRIVATE KEY`)

// TestNoSecretInFiles looks into every file that people copy.
func TestNoSecretInFiles(t *testing.T) {
	looked := 0
	for _, pattern := range []string{"*", "compose/*", "systemd/*", "kubernetes/*", "grafana/*", "prometheus/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if info, err := os.Stat(name); err != nil || info.IsDir() || strings.HasSuffix(name, "_test.go") {
				continue
			}
			looked++
			if s := secretText.FindString(read(t, name)); s != "" {
				t.Errorf("%s holds what looks like a secret: %s", name, s)
			}
		}
	}
	if looked < 20 {
		t.Errorf("looked at %d files only", looked)
	}
}

func TestSecretTextFindsSecrets(t *testing.T) {
	for _, text := range []string{
		"secrets: [7b1f0a52c39d4e86a1b7c4d2e9f03816557a90cbde4321f08899aabbccddeeff]",
		"url: postgres://cloakroom:hunter2@db/cloakroom",
		"-----BEGIN EC PRIVATE KEY-----",
	} {
		if !secretText.MatchString(text) {
			t.Errorf("%s passes", text)
		}
	}
}

// measured is a row of the table of what one thing costs: what, figure, row of docs/measurements.md.
var measured = regexp.MustCompile(`(?m)^\| .* \| (\d\S*(?: \S+)?) \| (T\d+) \|$`)

// The page on sizing takes its figures from the page of measurements, and falls behind it no further than to the next test.
func TestSizingIsMeasured(t *testing.T) {
	found := measured.FindAllStringSubmatch(read(t, "../docs/sizing.md"), -1)
	if len(found) < 8 {
		t.Fatalf("docs/sizing.md has %d figures", len(found))
	}
	page := read(t, "../docs/measurements.md")
	for _, m := range found {
		row := regexp.MustCompile(`(?m)^\| ` + m[2] + ` \|.*[^0-9.]` + regexp.QuoteMeta(m[1]) + `[^0-9].*$`)
		if !row.MatchString(page) {
			t.Errorf("docs/measurements.md does not say %s in the row %s: bring docs/sizing.md up to date", m[1], m[2])
		}
	}
}

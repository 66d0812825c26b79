package deploy_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// labels maps each series that the server shows to the names of its labels.
type labels map[string][]string

// outside are labels that Prometheus adds, and `up`, which is its own.
var outside = []string{"job", "instance", "le"}

// figures runs a server as it is by default, has it answer a request, and reads what it shows to Prometheus.
func figures(t *testing.T) labels {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Listen, cfg.Metrics.Listen = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	s, err := server.New(cfg, config.Production, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan server.Addresses, 1), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func(at server.Addresses) { ready <- at }) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended: %v", err)
		}
	}()
	at := <-ready
	get(t, "http://"+at.HTTP+"/readyz")
	found := labels{"up": nil}
	for line := range strings.Lines(get(t, "http://"+at.Metrics+"/metrics")) {
		if series := sample.FindStringSubmatch(line); series != nil {
			names := found[series[1]]
			for _, l := range labelName.FindAllStringSubmatch(series[2], -1) {
				names = append(names, l[1])
			}
			slices.Sort(names)
			found[series[1]] = slices.Compact(names)
		}
	}
	return found
}

var (
	sample    = regexp.MustCompile(`^([a-z_0-9]+)(?:\{(.*)\})? `)
	labelName = regexp.MustCompile(`([a-z_]+)=~?"`)
)

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, res.Status, err)
	}
	return string(body)
}

// asked is a series in an expression, with its matchers.
var asked = regexp.MustCompile(`\b((?:cloakroom|process|go)_[a-z_0-9]+|up\b)(?:\{([^}]*)\})?`)

// grouped are the labels that an expression keeps.
var grouped = regexp.MustCompile(`\b(?:by|on) ?\(([^)]*)\)`)

// unknown lists what is wrong with an expression: series and labels that the server does not show.
func (known labels) unknown(expression string) (wrong []string) {
	var all []string
	matches := asked.FindAllStringSubmatch(expression, -1)
	if len(matches) == 0 {
		return []string{"it asks for no series"}
	}
	for _, m := range matches {
		names, there := known[m[1]]
		if !there {
			wrong = append(wrong, "there is no series "+m[1])
		}
		if !strings.Contains(m[2], `job=`) {
			wrong = append(wrong, m[1]+" is not of one job")
		}
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(append(names, outside...), l[1]) {
				wrong = append(wrong, m[1]+" has no label "+l[1])
			}
		}
		all = append(all, names...)
	}
	for _, g := range grouped.FindAllStringSubmatch(expression, -1) {
		for _, name := range strings.Split(g[1], ",") {
			if name = strings.TrimSpace(name); !slices.Contains(append(all, outside...), name) {
				wrong = append(wrong, "nothing has the label "+name)
			}
		}
	}
	return wrong
}

type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ Expr, LegendFormat string }
}

func TestDashboard(t *testing.T) {
	known := figures(t)
	var dashboard struct {
		UID, Title string
		Panels     []panel
		Templating struct {
			List []struct {
				Name, Type string
				Query      json.RawMessage
				Definition string
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/cloakroom.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	ids, asks := map[int]bool{}, map[string]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q has the id of another, no title, or no room", p.ID, p.Title)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			if wrong := known.unknown(target.Expr); len(wrong) > 0 {
				t.Errorf("panel %q: %v", p.Title, wrong)
			}
			for _, m := range asked.FindAllStringSubmatch(target.Expr, -1) {
				asks[family(m[1])] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if strings.HasPrefix(name, "cloakroom_") && !asks[family(name)] {
			t.Errorf("no panel shows %s", name)
		}
	}
	for _, v := range dashboard.Templating.List {
		if v.Type != "query" {
			continue
		}
		for _, query := range []string{v.Definition, string(v.Query)} {
			name := labelValues.FindStringSubmatch(query)
			if name == nil {
				t.Errorf("the variable %s asks for %s", v.Name, query)
			} else if _, there := known[name[1]]; !there {
				t.Errorf("the variable %s asks for %s", v.Name, name[1])
			}
		}
	}
}

var labelValues = regexp.MustCompile(`label_values\(([a-z_]+)`)

// family is the name of a histogram for each of its series, and that of the series for others.
func family(series string) string {
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if name, found := strings.CutSuffix(series, suffix); found {
			return name
		}
	}
	return series
}

func TestAlerts(t *testing.T) {
	type alert struct {
		Alert, Expr, For    string
		Labels, Annotations map[string]string
	}
	type file struct {
		Groups []struct {
			Name  string
			Rules []alert
		}
	}
	known, names := figures(t), map[string]bool{}
	for _, group := range documents[file](t, "prometheus/alerts.yaml")[0].Groups {
		for _, a := range group.Rules {
			if wrong := known.unknown(a.Expr); len(wrong) > 0 {
				t.Errorf("%s: %v", a.Alert, wrong)
			}
			if names[a.Alert] || !strings.HasPrefix(a.Alert, "Cloakroom") {
				t.Errorf("%s is there twice, or named after something else", a.Alert)
			}
			names[a.Alert] = true
			if severity := a.Labels["severity"]; severity != "critical" && severity != "warning" {
				t.Errorf("%s is %q", a.Alert, severity)
			}
			if len(a.Annotations["summary"]) < 20 || len(a.Annotations["action"]) < 40 {
				t.Errorf("%s does not say what it means and what to do", a.Alert)
			}
			if a.For == "" && !strings.Contains(a.Expr, "m]") && !strings.Contains(a.Expr, "h]") {
				t.Errorf("%s rings at the first sample", a.Alert)
			}
		}
	}
	if len(names) < 8 {
		t.Errorf("%d alerts", len(names))
	}
}

func TestUnknownFiguresAreFound(t *testing.T) {
	known := labels{"cloakroom_a_total": {"result"}}
	if wrong := known.unknown(`sum by (result) (rate(cloakroom_a_total{job="x",result="y"}[5m]))`); wrong != nil {
		t.Error(wrong)
	}
	for _, expression := range []string{
		`rate(cloakroom_b_total{job="x"}[5m])`, `cloakroom_a_total{job="x",op="y"}`, `sum by (op) (cloakroom_a_total{job="x"})`,
		`cloakroom_a_total`, `1 > 0`,
	} {
		if known.unknown(expression) == nil {
			t.Errorf("%s passes", expression)
		}
	}
}

package server

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// figure is the value of one series, NaN-like -1 when it is not there.
func figure(metrics, series string) float64 {
	for line := range strings.Lines(metrics) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			v, _ := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			return v
		}
	}
	return -1
}

var value = regexp.MustCompile(` [^ ]+$`)

// series are the names with their labels, without values; those of Go and of the process come and go with both.
func series(metrics string) []string {
	var names []string
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "cloakroom_") {
			names = append(names, value.ReplaceAllString(strings.TrimSpace(line), ""))
		}
	}
	slices.Sort(names)
	return names
}

func TestMetrics(t *testing.T) {
	h := running(t, settings(t), quick)
	bearer := "Bearer " + h.do("POST", "/auth/signup", bear).token(t)
	h.do("POST", "/auth/login", ana)
	for range 11 { // one more than the limit of the pair
		h.do("POST", "/auth/login", `{"email":"ana@example.com","password":"wrong-wrong-wrong"}`)
	}
	h.do("POST", "/auth/login", `{"email":"nobody@example.com","password":"wrong-wrong-wrong"}`)
	h.do("GET", "/auth/me", "", "Authorization", bearer)
	h.do("POST", "/auth/logout", "", "Authorization", bearer)
	h.do("GET", "/auth/me", "", "Authorization", bearer)
	h.do("GET", "/livez", "")

	m := h.metrics()
	for name, want := range map[string]float64{
		`cloakroom_sign_ups_total`:                                      1,
		`cloakroom_sign_ins_total{result="signed_in"}`:                  2,
		`cloakroom_sign_ins_total{result="wrong_secret"}`:               10,
		`cloakroom_sign_ins_total{result="unknown_account"}`:            1,
		`cloakroom_sign_ins_total{result="limited"}`:                    1,
		`cloakroom_limits_hit_total{policy="login"}`:                    1,
		`cloakroom_limits_hit_total{policy="signup"}`:                   0,
		`cloakroom_session_lookups_total{result="miss"}`:                1,
		`cloakroom_session_lookups_total{result="error"}`:               0,
		`cloakroom_store_errors_total{op="session"}`:                    0,
		`cloakroom_store_seconds_count{op="create_user"}`:               1,
		`cloakroom_hash_done_total`:                                     13,
		`cloakroom_session_cache_hits_total`:                            0,
		`cloakroom_hash_running`:                                        0,
		`cloakroom_hash_queued`:                                         0,
		`cloakroom_hash_refused_total`:                                  0,
		`cloakroom_http_requests_total{class="2xx",route="GET /livez"}`: 1,
	} {
		if got := figure(m, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"cloakroom_session_lookups_total{result=\"hit\"}", "cloakroom_hash_seconds_total", "cloakroom_hash_workers", "go_goroutines"} {
		if figure(m, name) <= 0 {
			t.Errorf("%s is %v", name, figure(m, name))
		}
	}
}

func TestMetricsTellRoutes(t *testing.T) {
	h := running(t, settings(t), quick)
	h.do("POST", "/auth/signup", ana)
	h.do("POST", "/auth/login", `{"email":"ana@example.com","password":"wrong-wrong-wrong"}`)
	for _, name := range []string{
		`cloakroom_http_requests_total{class="2xx",route="POST /auth/signup"}`,
		`cloakroom_http_requests_total{class="4xx",route="POST /auth/login"}`,
	} {
		if figure(h.metrics(), name) != 1 {
			t.Errorf("no %s", name)
		}
	}
}

func TestMetricsCountFailures(t *testing.T) {
	h := running(t, settings(t), quick)
	bearer := "Bearer " + h.do("POST", "/auth/signup", bear).token(t)
	if err := h.server.engine.stores.Shutdown(); err != nil {
		t.Fatal(err)
	}
	h.do("GET", "/auth/me", "", "Authorization", bearer)
	m := h.metrics()
	for _, name := range []string{
		`cloakroom_session_lookups_total{result="error"}`, `cloakroom_store_errors_total{op="session"}`,
	} {
		if got := figure(m, name); got != 1 {
			t.Errorf("%s is %v", name, got)
		}
	}
}

// TestJunkMakesNoSeries is the bound on cardinality: whatever strangers send, Prometheus gets no new series for it.
func TestJunkMakesNoSeries(t *testing.T) {
	h := running(t, served(t), quick)
	h.do("GET", "/junk", "")
	h.refresh("junk")
	h.introspect("junk")
	h.news("", "0")
	h.do("GET", "/auth/revocations", "")
	h.do("GET", "/.well-known/jwks.json", "")
	h.do("BREW", "/.well-known/jwks.json", "")
	h.do("GET", "/auth/junk", "")
	h.do("DELETE", "/auth/sessions/ses_x", "")
	h.do("BREW", "/livez", "")
	h.do("BREW", "/auth/login", "")
	h.do("POST", "/auth/login", `{"email":"x@example.com","password":"wrong-wrong-wrong"}`)
	before := series(h.metrics())
	if len(before) < 50 {
		t.Fatalf("only %d series", len(before))
	}

	for i := range 50 {
		junk := fmt.Sprintf("j%dx", i)
		h.do("GET", "/"+junk, "")
		h.do("GET", "/auth/"+junk+"?q="+junk, "")
		h.do("DELETE", "/auth/sessions/ses_"+junk, "")
		h.do(strings.ToUpper(junk), "/livez", "")
		h.do(strings.ToUpper(junk), "/auth/login", "")
		h.refresh(junk)
		h.introspect(junk)
		h.news(junk, "0")
		h.do("GET", "/auth/revocations?nonce="+junk, "", "Authorization", "Basic "+junk)
		h.do("GET", "/.well-known/jwks.json?"+junk, "")
		h.do(strings.ToUpper(junk), "/.well-known/jwks.json", "")
		h.do("POST", "/auth/login", `{"email":"`+junk+`@example.com","password":"wrong-wrong-wrong"}`, "User-Agent", junk, "X-Request-Id", junk)
	}
	if after := series(h.metrics()); !slices.Equal(after, before) {
		t.Errorf("%d series became %d:\n%s", len(before), len(after), strings.Join(after, "\n"))
	}
}

func TestMetricsAreNotForTheWorld(t *testing.T) {
	h := running(t, settings(t), quick)
	if r := h.do("GET", "/metrics", ""); r.status != 404 {
		t.Errorf("metrics on the public listener: %d", r.status)
	}
	cfg := settings(t)
	cfg.Metrics.Listen = ""
	if off := running(t, cfg, quick); off.at.Metrics != "" {
		t.Errorf("off, and yet at %s", off.at.Metrics)
	}
}

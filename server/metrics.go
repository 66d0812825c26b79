package server

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
)

// metrics are the figures of one server, in a registry of its own. Every label has a fixed set of values, or the
// patterns of routes: no request can make a new series.
type metrics struct {
	registry *prometheus.Registry
	signIns  *prometheus.CounterVec
	signUps  prometheus.Counter
	limits   *prometheus.CounterVec
	accounts *prometheus.CounterVec
	mails    *prometheus.CounterVec
	webhooks *prometheus.CounterVec
	unasked  prometheus.Counter
	requests *prometheus.CounterVec
	lookups  *prometheus.CounterVec
	ops      map[string]operation

	refreshes      *prometheus.CounterVec
	introspections *prometheus.CounterVec
	feedReaders    prometheus.Gauge
	feedAnswers    *prometheus.CounterVec
	feedLag        prometheus.Histogram
}

// operation is what is measured of one verb of the store.
type operation struct {
	seconds prometheus.Observer
	errors  prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), ops: map[string]operation{}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cloakroom_" + name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	m.signIns = counter("sign_ins_total", "Sign-ins by result.", "result")
	m.signUps = counter("sign_ups_total", "Accounts made.").WithLabelValues()
	m.limits = counter("limits_hit_total", "Requests refused by a limit, by policy.", "policy")
	m.accounts = counter("account_events_total", "What happened to accounts and their factors, by event.", "event")
	m.mails = counter("mails_total", "Tries to hand over a mail by result: sent, failed (it comes again) or rejected (it does not).", "result")
	m.webhooks = counter("webhook_failures_total", "Deliveries to webhooks that failed, by what comes of them: again, or gave_up.", "result")
	m.unasked = counter("breach_checks_skipped_total", "New passwords that were taken without asking whether they are known from a breach.").WithLabelValues()
	m.requests = counter("http_requests_total", "Requests by route and class of status.", "route", "class")
	m.lookups = counter("session_lookups_total", "Sessions asked of the store: hit, miss (certainly dead) or error (cannot know).", "result")
	m.refreshes = counter("refreshes_total", "Exchanges of refresh tokens by result.", "result")
	m.introspections = counter("introspections_total", "Questions about tokens by what was told.", "result")
	m.feed(counter("feed_answers_total", "Answers of the feed of revocations by result.", "result"))
	m.storeOps(counter("store_errors_total", "Operations of the store that failed.", "op"))
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.zero()
	return m
}

// latencies are from a look-up in memory to a commit that had to wait, in seconds.
var latencies = []float64{5e-6, 2e-5, 1e-4, 5e-4, 2e-3, 1e-2, 5e-2, 0.25, 1, 5}

func (m *metrics) storeOps(errors *prometheus.CounterVec) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "cloakroom_store_seconds", Help: "Time of operations of the store.", Buckets: latencies,
	}, []string{"op"})
	m.registry.MustRegister(seconds)
	for _, op := range storeOps {
		m.ops[op] = operation{seconds.WithLabelValues(op), errors.WithLabelValues(op)}
	}
}

// feed makes the figures of the feed of revocations.
func (m *metrics) feed(answers *prometheus.CounterVec) {
	m.feedAnswers = answers
	m.feedReaders = prometheus.NewGauge(prometheus.GaugeOpts{Name: "cloakroom_feed_readers", Help: "Services that wait for an answer of the feed."})
	m.feedLag = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "cloakroom_feed_lag_seconds", Help: "Time from a revocation to the answer that tells of it, for services that waited.", Buckets: latencies,
	})
	m.registry.MustRegister(m.feedReaders, m.feedLag)
}

var (
	signInResults = []string{
		"signed_in", "challenged", "limited", "wrong_secret", "unknown_account", "no_credential", "banned",
		"wrong_totp", "wrong_passkey", "wrong_recovery_code", "wrong_mail_code", "wrong_number",
	}
	limitPolicies = []string{"login", "signup"}
	lookupResults = []string{"hit", "miss", "error"}
)

// accountEvents are the events that are counted by their names. Sign-ups, sign-ins and exchanges of tokens have counters of their own.
var accountEvents = names(
	cloakroom.UserBanned, cloakroom.UserDeleted, cloakroom.EmailVerified, cloakroom.EmailChanged,
	cloakroom.CredentialChanged, cloakroom.CredentialSuspect, cloakroom.PasswordReset, cloakroom.PasswordSet, cloakroom.NewDevice,
	cloakroom.SteppedUp, cloakroom.FactorAdded, cloakroom.FactorRemoved, cloakroom.FactorLocked, cloakroom.FactorsReset,
	cloakroom.RecoveryCodesChanged, cloakroom.RecoveryCodeUsed, cloakroom.DeviceRemembered,
	cloakroom.DeletionRequested, cloakroom.DeletionUndone, cloakroom.Disowned,
	cloakroom.APIKeyCreated, cloakroom.APIKeyRotated, cloakroom.APIKeyRevoked, cloakroom.ImpersonationBegun,
	cloakroom.MailFailed,
)

func names(events ...cloakroom.EventType) []string {
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = string(e)
	}
	return list
}

// other is counted in place of a value that has no series of its own.
const other = "other"

// zero makes the series that are known beforehand, so that a rate can be taken from the first event on.
func (m *metrics) zero() {
	for vec, values := range map[*prometheus.CounterVec][]string{
		m.signIns: signInResults, m.limits: limitPolicies, m.lookups: lookupResults,
		m.accounts: accountEvents, m.mails: mailResults, m.webhooks: {"again", "gave_up"},
		m.refreshes: refreshResults, m.introspections: introspectionResults, m.feedAnswers: feedResults,
	} {
		for _, v := range values {
			vec.WithLabelValues(v)
		}
	}
}

// event counts what the engine tells.
func (m *metrics) event(e cloakroom.Event) {
	switch e.Type {
	case cloakroom.UserCreated:
		m.signUps.Inc()
	case cloakroom.SignedIn:
		m.signIns.WithLabelValues("signed_in").Inc()
	case cloakroom.SignInChallenged:
		m.signIns.WithLabelValues("challenged").Inc()
	case cloakroom.SignInFailed:
		m.signIns.WithLabelValues(oneOf(signInResults, e.Reason)).Inc()
	case cloakroom.LimitReached:
		m.limits.WithLabelValues(oneOf(limitPolicies, e.Reason)).Inc()
		if e.Reason == "login" {
			m.signIns.WithLabelValues("limited").Inc()
		}
	case cloakroom.WebhookFailed:
		m.webhooks.WithLabelValues("gave_up").Inc()
	case cloakroom.RequestFailed:
		if strings.HasPrefix(e.Reason, "webhook ") { // and its name
			m.webhooks.WithLabelValues("again").Inc()
		}
	}
	if slices.Contains(accountEvents, string(e.Type)) {
		m.accounts.WithLabelValues(string(e.Type)).Inc()
	}
}

func oneOf(values []string, v string) string {
	for _, known := range values {
		if v == known {
			return v
		}
	}
	return other
}

// lookup counts the answer to the question whether a session lives.
func (m *metrics) lookup(err error) {
	result := "hit"
	switch {
	case errors.Is(err, cloakroom.ErrNotFound):
		result = "miss"
	case err != nil:
		result = "error"
	}
	m.lookups.WithLabelValues(result).Inc()
}

var classes = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// request counts an answer.
func (m *metrics) request(route string, status int) {
	m.requests.WithLabelValues(route, classes[min(max(status/100, 1), 5)-1]).Inc()
}

// hashing shows what the pool knows of itself.
func (m *metrics) hashing(pool *argon.Pool) {
	gauge := func(name, help string, read func(argon.Stats) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cloakroom_hash_" + name, Help: help},
			func() float64 { return read(pool.Stats()) }))
	}
	total := func(name, help string, read func(argon.Stats) float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "cloakroom_hash_" + name, Help: help},
			func() float64 { return read(pool.Stats()) }))
	}
	gauge("workers", "Password hashes that may run at once.", func(s argon.Stats) float64 { return float64(s.Workers) })
	gauge("running", "Password hashes running.", func(s argon.Stats) float64 { return float64(s.Running) })
	gauge("queued", "Requests that wait for a worker.", func(s argon.Stats) float64 { return float64(s.Queued) })
	total("done_total", "Password hashes made or checked.", func(s argon.Stats) float64 { return float64(s.Done) })
	total("refused_total", "Requests refused because the queue was full.", func(s argon.Stats) float64 { return float64(s.Busy) })
	total("seconds_total", "Time spent hashing.", func(s argon.Stats) float64 { return s.Worked.Seconds() })
	total("wait_seconds_total", "Time spent in the queue.", func(s argon.Stats) float64 { return s.Waited.Seconds() })
}

// handler answers GET /metrics and nothing else.
func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}

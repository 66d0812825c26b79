package server

import (
	"net/http"
	"strings"
	"time"
)

// The results of the routes that are counted by result: what the engine tells, or what the status says.
var (
	refreshResults       = []string{"rotated", "replayed", "reused", "mismatch", "invalid", "limited", "refused", "error"}
	introspectionResults = []string{"active", "inactive", "refused", "error"}
	feedResults          = []string{"news", "quiet", "gone", "refused", "error"}
)

// refusal is what a status says that is no success.
func refusal(status int) string {
	if status >= 500 {
		return "error"
	}
	return "refused"
}

// countRefreshes counts exchanges of refresh tokens by how they went.
func (m *metrics) countRefreshes(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		r, course := follow(r)
		next.ServeHTTP(rec, r)
		result := course.result
		switch status := rec.code(); {
		case result != "":
		case status == http.StatusUnauthorized:
			result = "invalid"
		case status == http.StatusTooManyRequests:
			result = "limited"
		default:
			result = refusal(status)
		}
		m.refreshes.WithLabelValues(result).Inc()
	}
}

// countIntrospections counts what services were told about tokens.
func (m *metrics) countIntrospections(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rec := &opening{recorder: recorder{ResponseWriter: w}}
		next.ServeHTTP(rec, r)
		result := refusal(rec.code())
		if rec.code() == http.StatusOK {
			result = "inactive"
			if strings.HasPrefix(string(rec.text), alive) {
				result = "active"
			}
		}
		m.introspections.WithLabelValues(result).Inc()
	}
}

// alive is how the answer about a live token begins (RFC 7662 §2.2).
const alive = `{"active":true`

// opening is a recorder that remembers how the body begins, too.
type opening struct {
	recorder
	text []byte
}

func (o *opening) Write(b []byte) (int, error) {
	o.text = append(o.text, b[:min(len(b), len(alive)-len(o.text))]...)
	return o.recorder.Write(b)
}

// countFeed counts answers of the feed, those who wait for one, and how long a revocation took to reach those who waited.
func (m *metrics) countFeed(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m.feedReaders.Inc()
		defer m.feedReaders.Dec()
		rec := &recorder{ResponseWriter: w}
		r, course := follow(r)
		next.ServeHTTP(rec, r)
		result := "quiet"
		switch {
		case r.Context().Err() != nil:
			result = "gone"
		case rec.code() != http.StatusOK:
			result = refusal(rec.code())
		case course.news:
			result = "news"
		}
		m.feedAnswers.WithLabelValues(result).Inc()
		if result == "news" && !course.since.IsZero() {
			m.feedLag.Observe(max(0, time.Since(course.since)).Seconds())
		}
	}
}

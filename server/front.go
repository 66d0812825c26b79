package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/problem"
	"github.com/cloakroom-auth/cloakroom/internal/requestid"
)

// front is what every request passes before it reaches a route.
func (s *Server) front(next http.Handler) http.Handler {
	return s.name(bound(s.account(s.harden(s.rescue(next)))))
}

// name gives the request its id, and tells it to the client.
func (s *Server) name(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := s.proxyID(r)
		if id == "" {
			id = requestid.New()
		}
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(requestid.With(r.Context(), id)))
	})
}

// bound limits how much of a body can be read, whatever the handler does. The request is the copy that name has made.
func bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}

// maxRequestID bounds the id that a proxy gives, in bytes.
const maxRequestID = 64

// proxyID is the id that a trusted proxy gave the request. Others have no say in what our log shows.
func (s *Server) proxyID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, func(c rune) bool { return !plain(c) }) {
		return ""
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !slices.ContainsFunc(s.config.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(peer.Addr().Unmap()) }) {
		return ""
	}
	return id
}

func plain(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.:", c)
}

// account counts and logs the request when it is answered. It tells the pattern of the route and never the path, in
// which anybody may write anything.
func (s *Server) account(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() {
			route := r.Pattern // the mux has set it by now
			if route == "" {
				route = "none"
			}
			s.metrics.request(route, rec.code())
			s.logRequest(r, route, rec, time.Since(start))
		}()
		next.ServeHTTP(rec, r)
	})
}

func (s *Server) logRequest(r *http.Request, route string, rec *recorder, took time.Duration) {
	level := slog.LevelInfo
	if route == "GET /livez" || route == "GET /readyz" {
		level = slog.LevelDebug // asked every few seconds
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	s.log.LogAttrs(r.Context(), level, "request",
		slog.String("method", known(r.Method)), slog.String("route", route), slog.Int("status", rec.code()),
		slog.Int64("bytes", rec.bytes), slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.String("request_id", requestid.From(r.Context())))
}

// known is a method as the log shows it: one that HTTP has, or "other".
func known(method string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
		return method
	}
	return "other"
}

// Shared so that marking an answer allocates nothing; nobody writes to them.
var (
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	nothing    = []string{"default-src 'none'; frame-ancestors 'none'"}
	yearLong   = []string{"max-age=31536000"} // RFC 6797; other hosts of the domain are not ours to bind
)

// harden sets the headers that every answer has. A route that answers with more than JSON sets a policy of its own.
func (s *Server) harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hardenHeader(w.Header())
		next.ServeHTTP(w, r)
	})
}

func (s *Server) hardenHeader(h http.Header) {
	h["X-Content-Type-Options"], h["Referrer-Policy"], h["Content-Security-Policy"] = noSniff, noReferrer, nothing
	if s.https {
		h["Strict-Transport-Security"] = yearLong
	}
}

// rescue makes a panic an answer of 500 that says nothing, and a line in the log that says all.
func (s *Server) rescue(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); {
			case p == nil:
			case p == http.ErrAbortHandler:
				panic(p)
			default:
				s.log.ErrorContext(r.Context(), "panic", "request_id", requestid.From(r.Context()),
					"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				s.answerPanic(w, r)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// answerPanic takes back the headers that the handler had set, cookies above all. An answer that has begun is cut off.
func (s *Server) answerPanic(w http.ResponseWriter, r *http.Request) {
	if rec, ok := w.(*recorder); ok && rec.status != 0 {
		panic(http.ErrAbortHandler)
	}
	clear(w.Header())
	s.hardenHeader(w.Header())
	w.Header().Set("X-Request-Id", requestid.From(r.Context()))
	fail(w, r, problem.Internal)
}

package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// Server is the cloakroom server. Make one with New and Run it once, or Close it.
type Server struct {
	config  config.Config
	mode    config.Mode
	log     *slog.Logger
	times   times
	engine  *Engine
	metrics *metrics
	outbox  *outbox // nil: mail is sent, or there is none
	handler http.Handler
	https   bool // people reach it by https

	web net.Listener // nil until Run, unless the port had to be picked before

	secrets  *secretWatch // nil when the configuration gives the secrets
	rotation rotation     // of them; belongs to New, then to the goroutine that watches

	resealUntil time.Time // see resealKeys; belongs to the goroutine that watches

	stopping atomic.Bool
}

// times are the patience of a Server. Tests have less.
type times struct {
	header, read, write, idle time.Duration // with slow clients, see http.Server
	stop                      time.Duration // with requests in flight when it has to stop
	ready                     time.Duration // with a store that does not answer /readyz
	poll                      time.Duration // between two looks at the secrets file
}

var patience = times{
	header: 5 * time.Second, read: 15 * time.Second, write: 30 * time.Second, idle: 2 * time.Minute,
	stop: 15 * time.Second, ready: 2 * time.Second, poll: time.Second,
}

// maxHeader is how many bytes of headers a request may have; net/http adds 4 KiB of slack.
const maxHeader = 16 << 10

// maxBody is how much of any body is read. The API has a limit of its own that is lower and explains itself.
const maxBody = 256 << 10

// New makes a server: it opens the data, makes the signing keys if there are none, and starts nothing that others can
// see; a free port that it has to find is taken, for the address is the issuer of tokens. Errors are those of Open, for the
// mode.
func New(cfg config.Config, mode config.Mode, log *slog.Logger) (*Server, error) {
	return assemble(cfg, mode, log, patience, argon.Config{})
}

func assemble(cfg config.Config, mode config.Mode, log *slog.Logger, t times, hashing argon.Config) (*Server, error) {
	if err := cfg.Validate(mode); err != nil {
		return nil, err
	}
	s := &Server{config: cfg, mode: mode, log: log, times: t, metrics: newMetrics()}
	if err := s.pickPort(); err != nil {
		return nil, err
	}
	if err := s.furnish(hashing); err != nil {
		return nil, errors.Join(err, s.Close(context.Background()))
	}
	return s, nil
}

// pickPort listens at port 0, and makes the address that it gets that of the configuration, when nothing else says by
// which address people come.
func (s *Server) pickPort() error {
	if s.config.Base() != "" {
		return nil
	}
	web, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return err
	}
	s.web, s.config.Listen = web, web.Addr().String()
	return nil
}

// furnish opens the data and puts the parts together.
func (s *Server) furnish(hashing argon.Config) (err error) {
	s.https = strings.HasPrefix(s.config.Base(), "https://")
	if path := SecretsPath(s.config); path != "" {
		s.secrets = newSecretWatch(path) // before it is read, so that no change is missed
	}
	p := parts{store: s.metrics.store, ledger: s.metrics.ledger, mailer: s.mailer, onEvent: s.onEvent, unasked: s.unasked, hashing: hashing}
	if s.engine, err = open(s.config, p); err != nil {
		return err
	}
	s.secrets.made()
	if err := errors.Join(s.beginSecrets(), s.beginKeys()); err != nil {
		return err
	}
	s.warn()
	s.metrics.hashing(s.engine.hashing)
	s.metrics.registry.MustRegister(cacheFigures{s.engine.Auth.CacheStats})
	if s.signs() {
		s.metrics.registry.MustRegister(keyGauges{s.engine.Auth.Keys().List, time.Now}, signedFigures{s.engine.Auth.SignedStats})
	}
	s.handler = s.front(s.routes())
	return nil
}

// warn tells of what is not as it should be with the data, and no reason not to start.
func (s *Server) warn() {
	if s.engine.SecretsLost {
		s.log.Warn(SecretsLost, "file", s.secrets.path, "mend", "bring it back from a backup, and start again")
	}
	if info, err := os.Stat(s.config.Data); err == nil && OpenToOthers(info) {
		s.log.Warn("the data folder is open to others", "folder", s.config.Data, "mode", fmt.Sprintf("%04o", info.Mode().Perm()), "mend", "chmod 700")
	}
}

// OpenToOthers reports whether the group or others may do anything with a file. Windows has no such modes.
func OpenToOthers(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

// Close closes a server that was never run.
func (s *Server) Close(ctx context.Context) error {
	var errs []error
	if s.web != nil {
		errs = append(errs, s.web.Close())
	}
	if s.engine != nil {
		errs = append(errs, s.engine.Close(ctx))
	}
	return errors.Join(errs...)
}

func (s *Server) onEvent(ctx context.Context, e cloakroom.Event) {
	s.metrics.event(e)
	courseOf(ctx).event(e)
	logEvent(ctx, s.log, e)
}

// mailer is who sends mail: counted, and in development an outbox if nobody else does.
func (s *Server) mailer(m cloakroom.Mailer) cloakroom.Mailer {
	if m == nil && s.mode == config.Development {
		s.outbox = &outbox{}
		m = s.outbox
	}
	if m == nil {
		return nil
	}
	return countedMailer{m, s.metrics.mails}
}

// unasked is told that a password was taken without asking whether it is known from a breach.
func (s *Server) unasked(ctx context.Context, err error) {
	s.metrics.unasked.Inc()
	s.log.WarnContext(ctx, "a password was taken, and whether it is known from a breach could not be asked", "error", err)
}

// Addresses are where a running server listens, host:port, and what there is to open.
type Addresses struct {
	HTTP    string
	Metrics string // empty: nowhere

	// Outbox is the page of the mails that a development server keeps. Empty: mail is sent, or there is none.
	Outbox string
	// Setup is where the first administrator makes an account, with the token for it: a secret, good once and for a day, for
	// the eyes of who started the server and not for its log. Empty: there is one, or a server has told such a link within a day.
	Setup string
}

// Run listens, calls ready (which may be nil) when connections are accepted, and serves until ctx ends. Then it stops in
// order: no new connections; who waits for the feed is answered; requests in flight finish, for at most 15 s; what is pending is written; the store is
// closed. The error is nil after a stop in order.
func (s *Server) Run(ctx context.Context, ready func(Addresses)) error {
	err := s.listen()
	if err != nil {
		return errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	figures, err := s.listenMetrics()
	if err != nil {
		return errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	return s.serve(ctx, figures, ready)
}

// listen listens for requests, unless the port was picked before.
func (s *Server) listen() (err error) {
	if s.web == nil {
		s.web, err = net.Listen("tcp", s.config.Listen)
	}
	return err
}

// listenMetrics listens at metrics.listen. In development a taken address is no reason not to start.
func (s *Server) listenMetrics() (net.Listener, error) {
	if s.config.Metrics.Listen == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", s.config.Metrics.Listen)
	if err != nil && s.mode == config.Development {
		s.log.Warn("no metrics", "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return l, nil
}

func (s *Server) serve(ctx context.Context, figures net.Listener, ready func(Addresses)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	start := func(srv *http.Server, l net.Listener) {
		go func() { failed <- srv.Serve(l) }()
	}
	at := Addresses{HTTP: s.web.Addr().String()}
	if s.outbox != nil {
		at.Outbox = "http://" + at.HTTP + outboxPath
	}
	main, side := s.httpServer(s.handler), s.httpServer(s.metrics.handler())
	main.RegisterOnShutdown(s.engine.Auth.Drain) // or those who wait for the feed would hold it up
	start(main, s.web)
	if figures != nil {
		at.Metrics = figures.Addr().String()
		start(side, figures)
	}
	watched := s.watchSecrets(ctx)
	if ready != nil { // or nobody would see the link
		at.Setup = s.setupLink(ctx)
		ready(at)
	}

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	<-watched
	return errors.Join(err, s.stop(main, side))
}

// stop ends everything in the order in which it depends on each other.
func (s *Server) stop(main, side *http.Server) error {
	s.stopping.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), s.times.stop)
	defer cancel()
	err := main.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests were still running after %v: %w", s.times.stop, err), main.Close())
	}
	err = errors.Join(err, side.Close())

	last, cancel := context.WithTimeout(context.Background(), s.times.stop)
	defer cancel()
	return errors.Join(err, s.engine.Close(last))
}

// httpServer holds slow clients to the server's patience.
func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.times.header,
		ReadTimeout:       s.times.read,
		WriteTimeout:      s.times.write,
		IdleTimeout:       s.times.idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

// Package valkey keeps what is hot and passes, sessions with their data, tickets and counters, in a Valkey or Redis server
// or in a cluster of them, so that all nodes share it and no request asks the database.
//
//	ledger, err := valkey.Open(ctx, "valkey://cloakroom@valkey1:6379,valkey2:6379/")
//	if err != nil { … }
//	defer ledger.Shutdown()
//	auth, err := cloakroom.New(cloakroom.Config{Store: store, Ledger: ledger, Secrets: secrets, Methods: …})
//
// Needed is Valkey, or Redis from 7.0 on. Several addresses are nodes of one cluster, of which the others are found; one
// address may be either. Each verb is one script in one hash slot: all keys of a bucket are tagged with it. So a cluster
// needs no transactions across servers. A script also reaches keys of the bucket that it finds in an index and that were not
// named before, which Valkey and Redis allow within a slot.
//
// # What is lost when
//
// Users, signing keys and revocations stay in the Directory. So the worst that can happen here is that sessions are
// forgotten, and users sign in again: FLUSHALL, a server without persistence that restarts. What was revoked does not
// come back with an older state, a snapshot or a replica that lagged, because the feed knows.
//
// A server alone keeps what it answered if it has "appendonly yes" and "appendfsync always"; with "everysec", its default,
// a crash of the machine loses the last second. A master that has replicas answers before they have the write; so each verb
// but Touch, Count and Sweep asks one of them to confirm it (WAIT) and goes on after 100 ms at the latest, or at once
// for a second when none was in time. A failover within that window may lose the write: a session that was just opened, or
// that a ticket was used, which then could be used again until it expires. Counters may lose what was counted last.
//
// An error that is none of cloakroom's means that nobody knows: the server is out of reach, loads its data, fails over, is
// full, or hands a slot to another server. A write may have happened then; only reads are tried again.
//
// # Clocks
//
// What has expired is decided by the times that callers pass, and is deleted by Sweep. Beside that each key has a time to live
// by the server's clock, six days or more longer than its expiry, so that nothing stays for ever when nobody sweeps; clocks
// of nodes may lie that far behind. "maxmemory-policy" must be noeviction: any other signs users out when memory runs short.
//
// # The client's cache
//
// Session is one GET. Answers are cached in the process for up to a second and forgotten as soon as the server says that
// they have changed (RESP3). A Ledger always reads what it has written itself; it may see for some milliseconds what
// another process has changed meanwhile, and for a second if the connection is cut just then. Revocations do not depend
// on that, they come by the feed.
//
// Not here: users (see packages sqlite and postgres), Sentinel, reading from replicas.
package valkey

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-auth/cloakroom"
)

var errShutdown = errors.New("valkey ledger is shut down")

// Config says what Open opens. Only Addresses is needed.
type Config struct {
	// Addresses are host:port of one server, or of some nodes of a cluster.
	Addresses []string
	// Database is the number of a server's database. A cluster has only 0.
	Database int
	// Username and Password are those of an ACL. Both empty: the server asks for none.
	Username string
	Password Password
	// PasswordFile is a file with the password in its first line. It is read whenever a connection is made, so the
	// password may change.
	PasswordFile string
	// TLS, if set, is how to connect. Nil: without TLS.
	TLS *tls.Config
	// Prefix is what all keys begin with, so that several programs may share a server. Without braces. Empty: "cr:".
	Prefix string
	// ClientCache is how many bytes each connection, of which there are one or a few to each server, may cache. Zero: 16
	// MiB. Negative: nothing is cached.
	ClientCache int
	// Timeout is how long a verb waits for an answer, and a connection to be made. Zero: 3 s.
	Timeout time.Duration
	// InsecureAllowEviction opens a server that throws sessions, used tickets and counters away when memory runs short.
	InsecureAllowEviction bool
}

// Ledger implements cloakroom.Ledger. Make one with Open, end it with Shutdown. It is safe for concurrent use.
type Ledger struct {
	client   rueidis.Client
	prefix   string
	timeout  time.Duration
	late     error // what is said when the timeout is over
	cached   bool
	shut     atomic.Bool
	written  *written
	replicas replicas
	swept    chan int // holds the bucket where the next Sweep begins, unless one is at work
}

var _ cloakroom.Ledger = (*Ledger)(nil)

// Open opens the Ledger at a URL, see ParseURL.
func Open(ctx context.Context, url string) (*Ledger, error) {
	c, err := ParseURL(url)
	if err != nil {
		return nil, err
	}
	return c.Open(ctx)
}

// Open connects and looks at the servers. It fails if none answers, and if one is too old, is a replica, or may evict
// sessions.
func (c Config) Open(ctx context.Context) (*Ledger, error) {
	l, err := c.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open valkey at %s: %w", strings.Join(c.Addresses, ","), err)
	}
	return l, nil
}

const (
	defaultPrefix  = "cr:"
	defaultCache   = 16 << 20
	defaultTimeout = 3 * time.Second
	buffer         = 64 << 10 // bytes of each connection and direction
)

func (c Config) open(ctx context.Context) (*Ledger, error) {
	l := &Ledger{prefix: c.Prefix, timeout: c.Timeout, cached: c.ClientCache >= 0}
	if l.prefix == "" {
		l.prefix = defaultPrefix
	}
	if l.timeout == 0 {
		l.timeout = defaultTimeout
	}
	if err := errors.Join(c.mistake(), ctx.Err()); err != nil {
		return nil, err
	}
	l.replicas.patience = replicaWait
	l.late = fmt.Errorf("valkey has not answered within %v", l.timeout)
	l.written, l.swept = newWritten(l.timeout), make(chan int, 1)
	l.swept <- 0
	var err error
	if l.client, err = rueidis.NewClient(c.options(l.timeout)); err != nil {
		return nil, explain(err, len(c.Addresses))
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if err := l.inspect(ctx, c.InsecureAllowEviction); err != nil {
		l.client.Close()
		return nil, err
	}
	return l, nil
}

func (c Config) mistake() error {
	switch {
	case len(c.Addresses) == 0:
		return errors.New("there is no address")
	case strings.ContainsAny(c.Prefix, "{}"):
		return errors.New("the prefix has braces, which say where a key lies in a cluster")
	case c.Timeout < 0:
		return errors.New("the timeout is negative")
	case c.Password != "" && c.PasswordFile != "":
		return errors.New("there are two passwords, one of them in a file")
	}
	return nil
}

func (c Config) options(timeout time.Duration) rueidis.ClientOption {
	o := rueidis.ClientOption{
		InitAddress:       c.Addresses,
		SelectDB:          c.Database,
		TLSConfig:         c.TLS,
		ClientName:        "cloakroom",
		AuthCredentialsFn: c.credentials,
		Dialer:            net.Dialer{Timeout: timeout, KeepAlive: time.Second},
		ConnWriteTimeout:  timeout,
		DisableCache:      c.ClientCache < 0,
		CacheSizeEachConn: defaultCache,
		// Reads are tried again, writes never: nobody knows whether they happened.
		RetryDelay: func(attempts int, _ rueidis.Completed, _ error) time.Duration {
			if attempts > 2 {
				return -1
			}
			return time.Duration(attempts) * 10 * time.Millisecond
		},
		// Connections on which somebody waits for a replica.
		BlockingPoolSize:    64,
		BlockingPoolCleanup: time.Minute,
		ReadBufferEachConn:  buffer,
		WriteBufferEachConn: buffer,
		ClusterOption:       rueidis.ClusterOption{MaxMovedRedirections: 5},
	}
	if c.ClientCache > 0 {
		o.CacheSizeEachConn = c.ClientCache
	}
	return o
}

func (c Config) credentials(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) {
	a := rueidis.AuthCredentials{Username: c.Username, Password: string(c.Password)}
	if c.PasswordFile != "" {
		text, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return a, fmt.Errorf("password file: %w", err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		a.Password = strings.TrimSuffix(line, "\r")
	}
	return a, nil
}

// explain adds what the server's words do not say.
func explain(err error, addresses int) error {
	if addresses > 1 && strings.Contains(err.Error(), "cluster support disabled") {
		return fmt.Errorf("several addresses must be nodes of one cluster: %w", err)
	}
	return err
}

// Shutdown closes all connections. From then on every method returns an error that is none of cloakroom's: the engine
// answers 503. Shutting down twice is no error. (Close is taken: it ends one session.)
func (l *Ledger) Shutdown() error {
	if l.shut.CompareAndSwap(false, true) {
		l.client.Close()
	}
	return nil
}

// begin gives a verb its time, unless there is no sense in beginning.
func (l *Ledger) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := l.check(ctx); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, l.timeout, l.late)
	return ctx, cancel, nil
}

func (l *Ledger) check(ctx context.Context) error {
	if l.shut.Load() {
		return errShutdown
	}
	return ctx.Err()
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	method "github.com/cloakroom-auth/cloakroom/method/password"
)

// hashing is what the server does to a password, without a server around it.
type hashing struct {
	pool    *method.Pool
	params  method.Params
	workers int
}

// newHashing makes the pool that a server would have on this machine.
func newHashing() (hashing, error) {
	pool, err := method.NewPool(method.PoolConfig{})
	if err != nil {
		return hashing{}, err
	}
	return hashing{pool, pool.Params(), pool.Stats().Workers}, nil
}

// one hash. There are never more at once than workers, so the pool has room.
func (h hashing) one() { _ = h.pool.Burn(context.Background(), []byte(password)) }

// rate is how many hashes all workers make in a second.
func (h hashing) rate(d time.Duration) float64 {
	begin := time.Now()
	done := make(chan int)
	for range h.workers {
		go func() {
			n := 0
			for ; time.Since(begin) < d; n++ {
				h.one()
			}
			done <- n
		}()
	}
	all := 0
	for range h.workers {
		all += <-done
	}
	return float64(all) / time.Since(begin).Seconds()
}

// house is the real server with people in it.
type house struct {
	*process
	metrics string // where its metrics are
	check   load   // GET /auth/session by those who are signed in
	signIn  load   // POST /auth/login by everybody else
}

func (b *bench) house(ctx context.Context) (*house, error) {
	dir, err := b.scratch("house")
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(b.progress, "making accounts")
	cookies, err := furnish(dir, users, b.accounts)
	if err != nil {
		return nil, err
	}
	metrics, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := b.launchServer(ctx, dir, "CLOAKROOM_METRICS_LISTEN="+metrics, "CLOAKROOM_LIMITS_LOGIN=on")
	if err != nil {
		return nil, err
	}
	h := &house{process: p, metrics: metrics}
	h.check = load{addr: p.addr, requests: gets(p.addr, "/auth/session", cookies), want: answer{http.StatusOK, signedInSession}}
	h.signIn = load{addr: p.addr, want: answer{http.StatusOK, `{"status":"signed_in"`}}
	for i := range b.accounts {
		request, err := post(p.addr, "/auth/login", map[string]any{"email": account(i), "password": password})
		if err != nil {
			p.stop()
			return nil, err
		}
		h.signIn.requests = append(h.signIn.requests, request)
	}
	return h, nil
}

// freeAddress is one of this machine that nobody listens at now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// signIn is T8: how much of the hash limit is left, and what a sign-in takes beside its hash.
func (b *bench) signIn(ctx context.Context) ([]line, error) {
	h, err := b.house(ctx)
	if err != nil {
		return nil, err
	}
	defer h.stop()
	hash, err := newHashing()
	if err != nil {
		return nil, err
	}
	h.signIn.connections = 8
	var hashes, signIns, hashTime, beyond []float64
	err = b.turns(ctx, "T8", func() error {
		hashes = append(hashes, hash.rate(b.each))
		s, err := h.signIn.run(ctx, b.each)
		if err != nil {
			return err
		}
		signIns = append(signIns, s.rate())
		bare, more, err := h.alone(ctx, b.each)
		hashTime, beyond = append(hashTime, bare), append(beyond, more)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []line{
		{
			Row: "T8", What: "sign-ins of the server over bare hashes, 8 clients", Target: atLeast(0.93),
			Ours: figureOf("", pairwise(signIns, hashes, quotient)),
			Note: fmt.Sprintf("%s of %s a second, %d worker(s)", short(median(signIns)), short(median(hashes)), hash.workers),
		},
		{
			Row: "T8", What: "one sign-in beyond its hash, single client", Target: atMost(1),
			Ours: figureOf("ms", beyond), Note: fmt.Sprintf("the hash %s ms", short(median(hashTime))),
		},
	}, nil
}

// alone lets one client sign in again and again for d, and returns how long a hash took on average, by the server's own
// account, and by how much a sign-in took longer, in milliseconds.
func (h *house) alone(ctx context.Context, d time.Duration) (hash, more float64, err error) {
	c, err := dial(ctx, h.addr, h.signIn.want)
	if err != nil {
		return 0, 0, err
	}
	defer c.close()
	before, err := h.hashed(ctx)
	if err != nil {
		return 0, 0, err
	}
	begin, n := time.Now(), 0
	for ; time.Since(begin) < d || n == 0; n++ {
		if err := c.exchange(h.signIn.requests[n%len(h.signIn.requests)]); err != nil {
			return 0, 0, err
		}
	}
	each := milliseconds(time.Since(begin)) / float64(n)
	after, err := h.hashed(ctx)
	if err != nil {
		return 0, 0, err
	}
	if hashes := after.done - before.done; hashes != float64(n) {
		return 0, 0, fmt.Errorf("%d sign-ins made %v hashes", n, hashes)
	}
	hash = (after.seconds - before.seconds) * 1000 / float64(n)
	return hash, each - hash, nil
}

// hashes are what a server has done so far.
type hashes struct{ done, seconds float64 }

// hashed reads the server's metrics.
func (h *house) hashed(ctx context.Context) (all hashes, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.metrics+"/metrics", nil)
	if err != nil {
		return all, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return all, err
	}
	defer res.Body.Close()
	found := 0
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		for name, into := range map[string]*float64{"cloakroom_hash_done_total ": &all.done, "cloakroom_hash_seconds_total ": &all.seconds} {
			if text, ok := strings.CutPrefix(lines.Text(), name); ok {
				if *into, err = strconv.ParseFloat(text, 64); err != nil {
					return all, err
				}
				found++
			}
		}
	}
	if found != 2 {
		return all, errors.New("the server's metrics do not tell of its hashes")
	}
	return all, nil
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// crowd is T9: what those who are signed in notice of 16 people signing in without a pause.
func (b *bench) crowd(ctx context.Context) ([]line, error) {
	h, err := b.house(ctx)
	if err != nil {
		return nil, err
	}
	defer h.stop()
	hash, err := newHashing()
	if err != nil {
		return nil, err
	}
	h.check.connections, h.check.every = 8, 10*time.Millisecond
	h.signIn.connections = 16
	var quiet, busy []float64
	err = b.turns(ctx, "T9", func() error {
		s, err := h.check.run(ctx, b.each)
		if err != nil {
			return err
		}
		quiet = append(quiet, milliseconds(s.latency.quantile(0.99)))
		p99, err := h.whileSigningIn(ctx, b.each)
		busy = append(busy, p99)
		return err
	})
	if err != nil {
		return nil, err
	}
	budget := float64(hash.workers) * float64(hash.params.Memory) / 1024
	peak, rest, err := h.memoryOfSignIns(ctx, b.each, budget)
	return []line{
		{
			Row: "T9", What: "p99 of GET /auth/session, 16 clients signing in over quiet; 8 clients, a request every 10 ms each",
			Ours: figureOf("×", pairwise(busy, quiet, quotient)), Target: atMost(3),
			Note: fmt.Sprintf("%s ms over %s ms", short(median(busy)), short(median(quiet))),
		},
		{
			Row: "T9", What: "memory at its peak, over that of the same server with as many clients who only check", Ours: figureOf("MiB", []float64{peak - rest}), Target: atMost(budget),
			Note: fmt.Sprintf("%s MiB in all", short(peak)),
		},
	}, err
}

// givesBack is how long the server may keep the memory of hashes that nobody makes any more, and some.
const givesBack = 90 * time.Second

// memoryOfSignIns is the most memory that the server ever held, when people have signed in, and the most that it holds in the same
// state with as many clients who only ask: so what connections, caches and code need is not laid to the sign-ins. In
// between it waits until the server has given back what it hashes in, budget MiB.
func (h *house) memoryOfSignIns(ctx context.Context, d time.Duration, budget float64) (peak, rest float64, err error) {
	if peak, err = h.memory("VmHWM"); err != nil {
		return 0, 0, err
	}
	for begin := time.Now(); ; {
		now, err := h.memory("VmRSS")
		if err != nil {
			return 0, 0, err
		}
		if now < peak-budget/2 {
			break
		}
		if time.Since(begin) > givesBack {
			return 0, 0, fmt.Errorf("%.1f MiB at its peak, and still %.1f after %v", peak, now, givesBack)
		}
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	if err := h.forgetPeak(); err != nil {
		return 0, 0, err
	}
	others := h.check
	others.connections += h.signIn.connections
	if _, err := others.run(ctx, d); err != nil {
		return 0, 0, err
	}
	rest, err = h.memory("VmHWM")
	return peak, rest, err
}

// whileSigningIn is the p99 of the checks while people sign in, in milliseconds.
func (h *house) whileSigningIn(ctx context.Context, d time.Duration) (float64, error) {
	crowd := make(chan error, 1)
	go func() {
		_, err := h.signIn.run(ctx, d+d/4) // still there when the last check is answered
		crowd <- err
	}()
	select {
	case err := <-crowd:
		return 0, err
	case <-time.After(d / 8): // the queue has filled
	}
	s, err := h.check.run(ctx, d)
	if err := errors.Join(err, <-crowd); err != nil {
		return 0, err
	}
	return milliseconds(s.latency.quantile(0.99)), nil
}

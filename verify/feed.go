package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify/internal/jws"
)

// feed follows the issuer's revocations: GET /auth/revocations as a long poll, one request after the other, each
// answered with a signed statement. What is wrong with an answer makes it count as none.
type feed struct {
	client    *http.Client
	url       string
	id        string // of the client, and the audience of the answers
	secret    Secret
	rules     *Rules // whose issuer and leeway hold here too
	keys      *keySource
	now       func() time.Time
	staleness time.Duration
	careless  bool // InsecureAcceptSilence

	revoked revoked
	heard   atomic.Pointer[time.Time] // when the request was sent to which the last complete answer came
	began   chan struct{}             // closed when the feed was read to its end once, or the first try went wrong
	opened  sync.Once
	failure atomic.Pointer[error]
	answers atomic.Uint64
	misses  atomic.Uint64

	cursor string // the rest belongs to follow
	signer *jws.Key
}

func newFeed(v *Verifier, client *http.Client, keys *keySource, rules *Rules, now func() time.Time) *feed {
	return &feed{
		client: client, url: v.feedURL(), id: v.ClientID, secret: v.ClientSecret, rules: rules, keys: keys, now: now,
		staleness: orElse(v.Staleness, defaultStaleness), careless: v.InsecureAcceptSilence, began: make(chan struct{}),
	}
}

// judge asks whether a token is revoked. A certain no comes before ErrUnavailable.
func (f *feed) judge(ctx context.Context, t *token) error {
	select {
	case <-f.began:
	default:
		select {
		case <-f.began:
		case <-ctx.Done():
			return unavailable(ctx.Err())
		}
	}
	// Silence first: what was heard up to here is in the set when it is looked at.
	silence := f.silence()
	switch {
	case f.revoked.has(t):
		return ErrRevoked
	case silence > f.staleness && !f.careless:
		return unavailable(f.why())
	}
	return nil
}

const forever = time.Duration(1<<63 - 1)

// silence is how long ago the feed was last known to its end.
func (f *feed) silence() time.Duration {
	if heard := f.heard.Load(); heard != nil {
		return age(*heard, time.Now())
	}
	return forever
}

var errSilent = errors.New("the revocation feed is silent")

func (f *feed) why() error {
	if failure := f.failure.Load(); failure != nil {
		return fmt.Errorf("%w: %w", errSilent, *failure)
	}
	return errSilent
}

// follow reads the feed until ctx is over.
func (f *feed) follow(ctx context.Context) {
	defer f.opened.Do(func() { close(f.began) })
	for failures := 0; ctx.Err() == nil; {
		sent := time.Now()
		a, err := f.ask(ctx, sent)
		if err != nil {
			f.misses.Add(1)
			f.failure.Store(&err)
			f.opened.Do(func() { close(f.began) })
			rest(ctx, backOff(failures, f.staleness/16, min(f.staleness/2, 5*time.Second)))
			failures++
			continue
		}
		failures = 0
		f.take(a, sent)
		rest(ctx, f.pause(a, time.Since(sent)))
	}
}

// ask sends one request and reads its answer. A feed that was never read to its end is not asked to wait.
func (f *feed) ask(ctx context.Context, sent time.Time) (*answer, error) {
	wait, patience := time.Duration(0), fetchTimeout
	if f.heard.Load() != nil {
		wait = f.wait()
		patience = wait + max(2*f.staleness, 2*time.Second)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	question := question{after: f.cursor, nonce: rand.Text()}
	r, err := f.request(ctx, question, wait)
	if err != nil {
		return nil, err
	}
	body, _, err := fetch(f.client, r, maxOpened, "application/jwt")
	if err != nil {
		return nil, err
	}
	payload, err := f.open(ctx, string(body))
	if err != nil {
		return nil, err
	}
	a, err := readAnswer(payload)
	if err != nil {
		return nil, err
	}
	a.held = wait
	return a, f.check(a, question, sent)
}

// question is what an answer must repeat, so that no old answer and no other's can stand for it.
type question struct{ after, nonce string }

// wait is how long the issuer may hold a request: an eighth of the staleness. An answer is as old as its question,
// so two held up on the way, or a process that gets no processor for a while, cost nothing yet.
func (f *feed) wait() time.Duration {
	const most = 30 * time.Second // the issuer holds none longer
	return min(f.staleness/8, most)
}

func (f *feed) request(ctx context.Context, q question, wait time.Duration) (*http.Request, error) {
	query := url.Values{"nonce": {q.nonce}, "wait": {strconv.FormatInt(wait.Milliseconds(), 10)}}
	if q.after != "" {
		query.Set("after", q.after)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwt")
	r.SetBasicAuth(url.QueryEscape(f.id), url.QueryEscape(string(f.secret))) // RFC 6749 §2.3.1
	return r, nil
}

// open checks the signature of an answer. When its key is another than the last time, the issuer has changed keys,
// perhaps because one had to be withdrawn: the set is read again, unless it was just read for the new key.
func (f *feed) open(ctx context.Context, raw string) ([]byte, error) {
	t, err := parse(strings.TrimSpace(raw), maxOpened, "revocations+jwt")
	if err != nil {
		return nil, err
	}
	listed := f.keys.current().key(t.KeyID) != nil
	key, err := f.keys.find(ctx, t.KeyID, feedPause)
	switch {
	case err != nil:
		return nil, err
	case !key.Signed(t):
		return nil, ErrSignature
	}
	if listed && f.signer != nil && !f.signer.Same(key) {
		f.keys.soon()
	}
	f.signer = key
	return t.Payload, nil
}

// check holds an answer against its question.
func (f *feed) check(a *answer, q question, sent time.Time) error {
	elapsed := time.Since(sent)
	skew := f.now().Sub(a.issuedAt) // from zero to elapsed where the clocks agree
	leeway := f.rules.leeway() + time.Second
	switch {
	case a.issuer != f.rules.Issuer:
		return ErrIssuer
	case a.audience != f.id:
		return ErrAudience
	case a.nonce != q.nonce || a.after != q.after:
		return errors.New("answers another question")
	case skew > elapsed+leeway || -skew > leeway:
		return fmt.Errorf("the issuer's clock is %v from ours", skew.Round(time.Second))
	case a.more && (len(a.entries) == 0 || a.cursor == q.after):
		return errors.New("promises more and does not go on")
	}
	return nil
}

// take puts an answer to use. The set is complete up to sent before heard says so.
func (f *feed) take(a *answer, sent time.Time) {
	f.answers.Add(1)
	f.revoked.take(a.entries)
	f.cursor = a.cursor
	// An entry may matter as long as a token may live under our leeway.
	f.revoked.forget(f.now().Add(-f.rules.leeway()).Unix())
	if a.more {
		return
	}
	f.heard.Store(&sent)
	f.failure.Store(nil)
	f.opened.Do(func() { close(f.began) })
}

// pause is how long to rest after an answer: not at all while there is more, a moment after news, so that a burst comes
// in few answers, and the whole wait when the issuer did not hold the request.
func (f *feed) pause(a *answer, elapsed time.Duration) time.Duration {
	switch {
	case a.more:
		return 0
	case len(a.entries) == 0 && elapsed < a.held/2:
		return a.held - elapsed
	}
	return max(0, f.staleness/100-elapsed)
}

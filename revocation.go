package cloakroom

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"sync"
	"time"
)

// The feed is one ordered, durable list of what is dead: a session, or all sessions of a user up to an epoch. Whatever ends
// a session writes it there in the same step, and whoever believes in signed tokens follows it.

const (
	// maxAccessTTL is the longest that a signed token may live. It is a constant, so that no change of configuration can
	// make a token outlive what the feed says of it.
	maxAccessTTL = time.Hour
	// RevokedFor is how long the feed tells of what is dead: as long as a token of it may live, and some for clocks.
	RevokedFor = maxAccessTTL + 10*time.Minute

	typeRevocations = "revocations+jwt"
	feedPage        = 1000        // entries of one answer
	feedPoll        = time.Second // how often whoever waits looks by himself; the bell wakes him sooner
	feedWaitMax     = 30 * time.Second
)

// revokedUntil is how long the feed tells of what ends now. It does not depend on whether this process signs tokens:
// another one on the same store may.
func (a *Auth) revokedUntil() time.Time { return a.now().Add(a.revokedFor()) }

// revokedFor is, with a Ledger that may be restored from an older state, as long as such a state may hold a session that
// has not expired.
func (a *Auth) revokedFor() time.Duration {
	if a.config.Ledger == nil {
		return RevokedFor
	}
	return max(RevokedFor, a.lifetime.Idle+sweepLag)
}

// FeedQuery is what a reader of the feed asks for.
type FeedQuery struct {
	Client string // whom the answer is for, see Auth.Client
	After  string // the cursor of the answer before; empty begins at the beginning
	Nonce  string // comes back in the answer, so that an old answer cannot pass for a new one; at most 64 bytes
	// Wait is how long to wait for something to tell when there is nothing. At most 30 s.
	Wait time.Duration
}

// feedAnswer is a page of the feed as it goes out.
type feedAnswer struct {
	Issuer   string      `json:"iss"`
	Audience string      `json:"aud"`
	Issued   int64       `json:"iat"`
	Nonce    string      `json:"nonce"`
	After    string      `json:"after"`
	Cursor   string      `json:"cursor"`
	More     bool        `json:"more"`
	Entries  []feedEntry `json:"entries"`
}

// feedEntry says that a session is dead, or all sessions of a user from epochs before this. Both are hashed, so that the
// feed tells nobody of a session that he does not know already.
type feedEntry struct {
	Session string `json:"sid,omitempty"`
	User    string `json:"sub,omitempty"`
	Epoch   int64  `json:"epoch,omitempty"`
	Expires int64  `json:"exp"` // no token that it speaks of lives on then
}

// Feed returns what was revoked after a cursor, as a signed JWT (typ "revocations+jwt") of up to 1,000 entries, as soon as
// there is something, or empty when the time is over: an empty answer says that nothing was revoked until now. Errors:
// FieldErrors, *UnavailableError.
func (a *Auth) Feed(ctx context.Context, q FeedQuery) (string, error) {
	switch {
	case !a.config.Token.signed():
		return "", ErrNotFound
	case len(q.Nonce) > 64:
		return "", FieldErrors{{"nonce", "too_long", "must be at most 64 bytes"}}
	case len(q.After) > 64:
		return "", FieldErrors{{"after", "too_long", "must be a cursor of this feed"}}
	case q.Wait < 0 || q.Wait > feedWaitMax:
		return "", FieldErrors{{"wait", "out_of_range", "must be 0 to 30000 milliseconds"}}
	}
	page, err := a.awaitRevocations(ctx, q.After, q.Wait)
	if err != nil {
		return "", err
	}
	set, err := a.signingKeys(ctx)
	if err != nil {
		return "", err
	}
	signer, err := set.signer(a.now())
	if err != nil {
		return "", err
	}
	answer := a.feedAnswer(q, page)
	for page.More && len(answer.Entries) == 0 { // a verifier takes a page that promises more and tells nothing for a mistake
		if page, err = a.directory.Revocations(ctx, page.Cursor, feedPage, a.now()); err != nil {
			return "", unavailable(err)
		}
		answer = a.feedAnswer(q, page)
	}
	payload, err := json.Marshal(answer)
	if err != nil {
		return "", err
	}
	return signer.Sign(typeRevocations, payload)
}

func (a *Auth) feedAnswer(q FeedQuery, page Revocations) feedAnswer {
	out := feedAnswer{
		Issuer: a.config.Token.Issuer, Audience: q.Client, Issued: a.now().Unix(), Nonce: q.Nonce,
		After: q.After, Cursor: page.Cursor, More: page.More, Entries: []feedEntry{},
	}
	longest := a.now().Add(RevokedFor) // no token that lives now lives longer
	for _, e := range page.Entries {
		hash := base64.RawURLEncoding.EncodeToString(e.Subject[:])
		entry := feedEntry{Epoch: e.Epoch, Expires: min(e.Until.Unix(), longest.Unix()) + 1}
		switch {
		case e.Epoch == SessionEnded:
			entry.Session = hash
		case e.Epoch > 0:
			entry.User = hash
		default: // it ends no signed token
			continue
		}
		out.Entries = append(out.Entries, entry)
	}
	return out
}

// awaitRevocations reads the feed, and again when this process has appended to it or another may have.
func (a *Auth) awaitRevocations(ctx context.Context, after string, wait time.Duration) (Revocations, error) {
	if wait > 0 {
		defer a.feed.listen()()
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	poll := time.NewTicker(feedPoll)
	defer poll.Stop()
	for last := wait == 0; ; {
		rung := a.bell.listen() // before the look, so that nothing falls between
		page, err := a.directory.Revocations(ctx, after, feedPage, a.now())
		if err != nil {
			return page, unavailable(err)
		}
		if len(page.Entries) > 0 || last {
			return page, nil
		}
		select {
		case <-ctx.Done():
			return page, unavailable(ctx.Err())
		case <-over.C:
			last = true
		case <-a.draining:
			last = true
		case <-rung:
		case <-poll.C:
		}
	}
}

// bell wakes all who listen.
type bell struct {
	mu   sync.Mutex
	rope chan struct{}
}

func (b *bell) listen() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rope == nil {
		b.rope = make(chan struct{})
	}
	return b.rope
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rope != nil {
		close(b.rope)
		b.rope = nil
	}
}

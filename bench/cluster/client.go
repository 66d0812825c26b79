package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"
)

// peer is a node that can be asked.
type peer struct {
	name, url string
}

// client asks nodes and tells the meter how it went.
type client struct {
	http  *http.Client
	meter *meter
	rng   *rand.Rand
	bad   map[string]time.Time // when a node gave no answer last
}

func newClient(m *meter, patience time.Duration, seed, stream uint64) *client {
	return &client{
		http:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}, Timeout: patience},
		meter: m, rng: rand.New(rand.NewPCG(seed, stream)), bad: map[string]time.Time{},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// request is what is asked.
type request struct {
	method, path, token string
	body                any  // JSON; nil: none
	want                int  // the status that acknowledges it
	reads               bool // it changes nothing
}

// reply is what came of it.
type reply struct {
	sight
	body         []byte
	acknowledged bool
	doubtful     bool // some node may have done it, or may do it yet, without saying so
}

// ask asks one node once.
func (c *client) ask(p peer, q request) reply {
	r := reply{sight: sight{node: p.name, asked: time.Now()}}
	err := c.send(p, q, &r)
	r.answered = time.Now()
	s := sample{node: p.name, asked: r.asked, answered: r.answered, writes: !q.reads}
	switch {
	case err != nil:
		r.status, s.outcome = 0, unanswered
		r.doubtful = !neverSent(err)
	case r.status == http.StatusServiceUnavailable:
		s.outcome, r.doubtful = refused, true
	default:
		r.acknowledged, s.easy = r.status == q.want, q.reads && !r.live
	}
	c.meter.add(s)
	if s.outcome != served {
		c.bad[p.name] = r.answered
		time.Sleep(10 * time.Millisecond) // a node that is down refuses faster than anybody need know
	}
	return r
}

// neverSent reports whether there was not even a connection.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func (c *client) send(p peer, q request, r *reply) error {
	var payload io.Reader
	if q.body != nil {
		text, err := json.Marshal(q.body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(text)
	}
	req, err := http.NewRequest(q.method, p.url+q.path, payload)
	if err != nil {
		return err
	}
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.token != "" {
		req.Header.Set("Authorization", "Bearer "+q.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		return err
	}
	r.status, r.retryAfter = resp.StatusCode, resp.Header.Get("Retry-After") != ""
	return r.read()
}

// read takes from the body what the journal knows of. An answer that is no JSON is no answer of ours.
func (r *reply) read() error {
	if len(r.body) == 0 {
		return nil
	}
	var told struct {
		Code    string
		Session *struct{ ID string }
		User    *struct {
			Email string
			Roles []string
		}
	}
	if err := json.Unmarshal(r.body, &told); err != nil {
		return err
	}
	r.code = told.Code
	if told.Session != nil {
		r.live, r.id = true, told.Session.ID
	}
	if told.User != nil {
		r.email, r.roles = told.User.Email, rolesOf(told.User.Roles)
	}
	return nil
}

// order is an order of chance, in which those come last that gave no answer lately.
func (c *client) order(peers []peer) []peer {
	ordered := slices.Clone(peers)
	c.rng.Shuffle(len(ordered), func(i, k int) { ordered[i], ordered[k] = ordered[k], ordered[i] })
	rank := func(p peer) int {
		if time.Since(c.bad[p.name]) < shunned {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(ordered, func(a, b peer) int { return cmp.Compare(rank(a), rank(b)) })
	return ordered
}

// shunned is how long a client prefers other nodes to one that gave it no answer.
const shunned = time.Second

// rounds is how often all nodes are asked before a request counts as failed.
const rounds = 2

// anyone asks one node after the other until one does not refuse.
func (c *client) anyone(peers []peer, q request) reply {
	doubtful := false
	var r reply
	for range rounds {
		for _, p := range c.order(peers) {
			r = c.ask(p, q)
			if r.status != 0 && r.status != http.StatusServiceUnavailable {
				r.doubtful = doubtful
				return r
			}
			doubtful = doubtful || r.doubtful
		}
	}
	c.meter.fail()
	r.doubtful = doubtful
	return r
}

// look asks a node who holds the token of a session.
func (c *client) look(p peer, s *session) sight {
	return c.ask(p, request{method: "GET", path: "/auth/session", token: s.token, reads: true}).sight
}

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// worker is one client. It owns its account.
type worker struct {
	*load
	client  *client
	account *account
	alive   []*session // of the account
}

// any is a node to look from.
func (w *worker) any() peer { return w.client.order(w.peers)[0] }

// see holds what a node says of a session against the journal.
func (w *worker) see(p peer, s *session) { w.journal.complain(w.journal.judge(s, w.client.look(p, s))) }

// watch looks from a node at some session, most often one that was opened or ended on another.
func (w *worker) watch(p peer) {
	if s := w.journal.someSession(w.client.rng); s != nil {
		w.see(p, s)
	}
}

// pulse is a life of a guest on one node: whatever the node acknowledges, it knows at once.
func (w *worker) pulse(p peer) {
	stay := func(_ []peer, q request) reply { return w.client.ask(p, q) }
	s := w.guest(stay)
	if s == nil {
		return
	}
	w.see(p, s)
	if w.client.rng.IntN(4) > 0 && w.signOut(s, stay).acknowledged {
		w.see(p, s)
	}
}

// asker asks one node or several.
type asker func([]peer, request) reply

func (w *worker) guest(ask asker) *session {
	q := request{path: "/auth/anonymous", body: map[string]any{"delivery": "bearer"}, want: http.StatusCreated}
	s, r := w.open(ask, q, nil, &w.journal.counts.guests)
	if s == nil {
		w.journal.complain(judgeRefusal(r.sight))
	}
	return s
}

// open asks for a session. It is nil if that is not acknowledged.
func (w *worker) open(ask asker, q request, owner *account, count *int) (*session, reply) {
	q.method = "POST"
	opened := w.journal.asks(func(*act) {})
	r := ask(w.peers, q)
	w.journal.tells(opened, r, count)
	if !r.acknowledged {
		return nil, r
	}
	return w.opened(opened, r, owner), r
}

func (w *worker) opened(opened *act, r reply, owner *account) *session {
	var told struct {
		Tokens struct {
			Access string `json:"access_token"`
		}
	}
	if err := json.Unmarshal(r.body, &told); err != nil || told.Tokens.Access == "" || !r.live {
		w.journal.complain(fmt.Sprintf("%s opens a session and gives no token", r.node))
		return nil
	}
	return w.journal.opens(opened, told.Tokens.Access, r.id, owner)
}

// signOut ends a session.
func (w *worker) signOut(s *session, ask asker) reply {
	e := w.journal.asksEnd(s)
	r := ask(w.peers, request{method: "POST", path: "/auth/logout", token: s.token, want: http.StatusNoContent})
	w.journal.tells(e, r, &w.journal.counts.signOuts)
	if r.acknowledged {
		w.journal.over(s)
	} else {
		w.journal.complain(judgeRefusal(r.sight))
	}
	return r
}

// gone looks at a session that was just ended: from the node that said so, and from any other.
func (w *worker) gone(r reply, s *session) {
	if i := slices.IndexFunc(w.peers, func(p peer) bool { return p.name == r.node }); i >= 0 {
		w.see(w.peers[i], s)
	}
	w.see(w.any(), s)
}

package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// journal is what the cluster was asked for and what it has acknowledged, to all clients together. What was asked is
// written down before it is sent, so that nobody is surprised by what happens before its answer comes.
type journal struct {
	// allowance is how long a node may not know what another one has acknowledged.
	allowance time.Duration

	mu       sync.Mutex
	accounts []*account
	sessions []*session
	ended    []*session // in the order of the acknowledgements
	losses   []*loss
	counts   counts
	found    []string // complaints
}

// act is something that was asked of the cluster.
type act struct {
	asked    time.Time // before it was sent for the first time
	answered time.Time // when it was acknowledged; zero: nobody knows whether it happens
	node     string    // who acknowledged it
	void     bool      // it was never sent
}

func (a *act) known() bool { return !a.answered.IsZero() }

// account is a user, and belongs to one client, which does one thing after the other with it.
type account struct {
	email     string
	made      *act
	passwords history
	roles     history
	ban       *act     // nil: none was asked for
	endings   []ending // of all its sessions
}

// ending is the end of all sessions of an account but one.
type ending struct {
	*act
	spares *session // nil: none
}

// session is what a token stands for.
type session struct {
	token, id string
	owner     *account // nil: a guest
	opened    *act
	endings   []*act // of this session alone
	data      history
	lost      bool // was found gone, which a loss excuses
}

// history is what a value was set to, one after the other; before all of it, it is empty.
type history struct{ writes []write }

type write struct {
	*act
	value string
}

// loss is a fault in which the store of the sessions may forget those opened after from. Until it is over, until is zero.
type loss struct{ from, since, until time.Time }

// counts is how much was acknowledged.
type counts struct{ signUps, signIns, guests, signOuts, revokeAlls, bans, roles, passwords, data, lost int }

func (c counts) String() string {
	return fmt.Sprintf("%d sign-ups, %d sign-ins, %d guests, %d sign-outs, %d revoke-alls, %d bans, %d role changes, %d password changes and %d writes of data acknowledged",
		c.signUps, c.signIns, c.guests, c.signOuts, c.revokeAlls, c.bans, c.roles, c.passwords, c.data)
}

func (j *journal) note(change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
}

// asks begins an act and writes it down where record says.
func (j *journal) asks(record func(*act)) *act {
	j.mu.Lock()
	defer j.mu.Unlock()
	a := &act{asked: time.Now()}
	record(a)
	return a
}

// tells ends an act by how it was answered: acknowledged by a node, never sent, or nobody knows.
func (j *journal) tells(a *act, r reply, count *int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case r.acknowledged:
		a.node, a.answered = r.node, r.answered
		*count++
	case !r.doubtful:
		a.void = true
	}
}

// asksEnd is asks for the end of one session.
func (j *journal) asksEnd(s *session) *act {
	return j.asks(func(a *act) { s.endings = append(s.endings, a) })
}

// asksEndOfAll is asks for the end of all sessions of an account but one, which may be nil.
func (j *journal) asksEndOfAll(of *account, spares *session) *act {
	return j.asks(func(a *act) { of.endings = append(of.endings, ending{a, spares}) })
}

// opens writes down a session that was acknowledged. A guest has no owner.
func (j *journal) opens(opened *act, token, id string, owner *account) *session {
	s := &session{token: token, id: id, owner: owner, opened: opened}
	j.note(func() { j.sessions = append(j.sessions, s) })
	return s
}

// over says that a session has ended for certain: it is looked at again by whoever looks for such.
func (j *journal) over(all ...*session) { j.note(func() { j.ended = append(j.ended, all...) }) }

// loses begins a loss of sessions opened after from; the zero time means all. The returned function ends it.
func (j *journal) loses(from time.Time) (over func()) {
	l := &loss{from: from, since: time.Now()}
	j.note(func() { j.losses = append(j.losses, l) })
	return func() { j.note(func() { l.until = time.Now() }) }
}

// mayBeGone reports whether a loss may have taken the session.
func (j *journal) mayBeGone(s *session) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mayHaveLost(s, sight{answered: time.Now()})
}

// someSession is one to look at: often one of those that ended last, in which a mistake shows. It is nil before there is one.
func (j *journal) someSession(rng *rand.Rand) *session {
	j.mu.Lock()
	defer j.mu.Unlock()
	const lately = 200
	if n := len(j.ended); n > 0 && rng.IntN(2) == 0 {
		return j.ended[n-1-rng.IntN(min(n, lately))]
	}
	if n := len(j.sessions); n > 0 {
		return j.sessions[n-1-rng.IntN(min(n, 4*lately))]
	}
	return nil
}

// someGuest is the session of a guest that nobody has asked to end. It is nil if a few tries find none.
func (j *journal) someGuest(rng *rand.Rand) *session {
	j.mu.Lock()
	defer j.mu.Unlock()
	for range min(20, len(j.sessions)) {
		if s := j.sessions[rng.IntN(len(j.sessions))]; s.owner == nil && len(s.endings) == 0 {
			return s
		}
	}
	return nil
}

// complain keeps what must not be. Empty is no complaint.
func (j *journal) complain(text string) {
	if text != "" {
		j.note(func() { j.found = append(j.found, text) })
	}
}

// complaints takes those from the one with this number on.
func (j *journal) complaints(from int) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string{}, j.found[from:]...)
}

func (j *journal) total() counts {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.counts
}

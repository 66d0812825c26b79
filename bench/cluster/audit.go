package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// auditor asks about what was acknowledged when no client is at work any more, by requests of its own.
type auditor struct {
	peers, desks []peer
	journal      *journal
	patience     time.Duration // with a node that refuses
	rng          *rand.Rand

	sessions, accounts int // audited before
}

const (
	again     = 150 // of what was audited before, so many are once more
	deadTwice = 150 // of what has ended, so many are asked of every node
	signIns   = 12  // each costs a hash
	askers    = 6   // at once
)

// audit asks about everything that is new since the last time and a sample of the rest, or about all.
func (a *auditor) audit(all bool) {
	time.Sleep(a.journal.allowance) // from now on everybody has to know everything
	var tasks []func(*worker)
	if all {
		a.sessions, a.accounts = 0, 0
	}
	tasks = append(tasks, a.aboutSessions()...)
	tasks = append(tasks, a.aboutAccounts()...)
	a.rng.Shuffle(len(tasks), func(i, k int) { tasks[i], tasks[k] = tasks[k], tasks[i] })
	a.do(tasks)
}

func (a *auditor) do(tasks []func(*worker)) {
	queue := make(chan func(*worker))
	var running sync.WaitGroup
	for i := range uint64(askers) {
		w := &worker{load: &load{peers: a.peers, desks: a.desks, journal: a.journal}, client: newClient(&meter{}, patient, a.rng.Uint64(), i)}
		running.Go(func() {
			defer w.client.close()
			for task := range queue {
				task(w)
			}
		})
	}
	for _, t := range tasks {
		queue <- t
	}
	close(queue)
	running.Wait()
}

func (a *auditor) aboutSessions() (tasks []func(*worker)) {
	a.journal.mu.Lock()
	defer a.journal.mu.Unlock()
	list := someOf(a.rng, a.journal.sessions, &a.sessions)
	for i, s := range list {
		asked := []peer{a.anyPeer()}
		if i < deadTwice && (len(s.endings) > 0 || s.owner != nil && len(s.owner.endings) > 0) {
			asked = a.peers
		}
		for _, p := range asked {
			tasks = append(tasks, func(w *worker) { a.about(w, s, p) })
		}
		if len(s.data.writes) > 0 {
			tasks = append(tasks, func(w *worker) { w.seeData(a.desks[w.client.rng.IntN(len(a.desks))], s) })
		}
	}
	return tasks
}

func (a *auditor) anyPeer() peer { return a.peers[a.rng.IntN(len(a.peers))] }

// someOf is what is new in list, in an order of chance, and some of the rest. From now on all of it is old.
func someOf[T any](rng *rand.Rand, list []T, old *int) []T {
	chosen := append([]T{}, list[*old:]...)
	rng.Shuffle(len(chosen), func(i, k int) { chosen[i], chosen[k] = chosen[k], chosen[i] })
	for range min(again, *old) {
		chosen = append(chosen, list[rng.IntN(*old)])
	}
	*old = len(list)
	return chosen
}

// about judges what a node says of a session. It has had its time: from now on it must know.
func (a *auditor) about(w *worker, s *session, p peer) {
	for deadline := time.Now().Add(a.patience); ; {
		o := w.client.look(p, s)
		if o.status != 0 && o.status != http.StatusServiceUnavailable {
			a.journal.complain(a.journal.judge(s, o))
			return
		}
		if time.Now().After(deadline) {
			a.journal.complain(fmt.Sprintf("%s does not recover: it answers %d %s", p.name, o.status, o.code))
			return
		}
	}
}

// aboutAccounts signs up again with every address, which must be taken, and signs in to some accounts.
func (a *auditor) aboutAccounts() (tasks []func(*worker)) {
	a.journal.mu.Lock()
	defer a.journal.mu.Unlock()
	for i, acc := range someOf(a.rng, a.journal.accounts, &a.accounts) {
		tasks = append(tasks, func(w *worker) {
			r := w.client.anyone(a.peers, request{method: "POST", path: "/auth/signup", body: credentials(acc.email, newPassword(0)), want: http.StatusConflict})
			a.journal.complain(judgeTaken(acc, r.sight))
		})
		if i >= signIns {
			continue
		}
		for _, p := range acc.passwords.writes[max(0, len(acc.passwords.writes)-2):] {
			tasks = append(tasks, func(w *worker) {
				r := w.client.anyone(a.peers, request{method: "POST", path: "/auth/login", body: credentials(acc.email, p.value), want: http.StatusOK})
				a.journal.complain(a.journal.judgeSignIn(acc, p.value, r.sight))
			})
		}
	}
	return tasks
}

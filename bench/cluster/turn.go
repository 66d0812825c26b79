package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// most is how many sessions an account has at most, so that some end.
const most = 4

// turn is one thing that a client does, of all that it can do.
func (w *worker) turn() {
	if w.account == nil {
		w.signUp()
		return
	}
	n := w.client.rng.IntN(100)
	if len(w.desks) == 0 {
		n %= 70
	}
	switch {
	case len(w.alive) == 0, n < 10 && len(w.alive) < most:
		w.signIn()
	case n < 30:
		w.signOutOne()
	case n < 35:
		w.signOutAll()
	case n < 45:
		w.roam()
	case n < 60:
		w.signOutGuest()
	case n < 70:
		w.see(w.any(), w.one())
	case n < 90:
		w.setData()
	case n < 95:
		w.setRoles()
	case n < 98:
		w.setPassword()
	default:
		w.ban()
	}
}

// one is one of the account's sessions.
func (w *worker) one() *session { return w.alive[w.client.rng.IntN(len(w.alive))] }

func (w *worker) forget(s *session) {
	w.alive = slices.DeleteFunc(w.alive, func(a *session) bool { return a == s })
}

// retire leaves an account alone: somebody may yet do with it what was asked and not answered.
func (w *worker) retire() { w.account, w.alive = nil, nil }

// roam is a guest that is seen here and there.
func (w *worker) roam() {
	s := w.guest(w.client.anyone)
	if s == nil {
		return
	}
	w.see(w.any(), s)
	if r := w.signOut(s, w.client.anyone); r.acknowledged {
		w.gone(r, s)
	}
}

// signOutGuest ends the session of a guest who was there before, whoever opened it.
func (w *worker) signOutGuest() {
	s := w.journal.someGuest(w.client.rng)
	if s == nil {
		return
	}
	if r := w.signOut(s, w.client.anyone); r.acknowledged {
		w.gone(r, s)
	}
}

func (w *worker) signUp() {
	n := w.names.Add(1)
	a := &account{email: fmt.Sprintf("user%d@example.com", n)}
	password := newPassword(n)
	s, r := w.open(w.client.anyone, request{path: "/auth/signup", body: credentials(a.email, password), want: http.StatusCreated}, a, &w.journal.counts.signUps)
	if !r.acknowledged && !(r.doubtful && r.status == http.StatusConflict) { // its own first try may have made it
		w.journal.complain(judgeRefusal(r.sight))
	}
	if s == nil {
		return
	}
	w.journal.note(func() {
		a.made, a.passwords.writes = s.opened, []write{{s.opened, password}}
		w.journal.accounts = append(w.journal.accounts, a)
	})
	w.account, w.alive = a, []*session{s}
}

func newPassword(n int64) string { return "grey-lantern-umbrella-" + strconv.FormatInt(n, 36) }

func credentials(email, password string) map[string]any {
	return map[string]any{"email": email, "password": password, "delivery": "bearer"}
}

// password is the one in force, as far as the client knows.
func (a *account) password() string { return a.passwords.writes[len(a.passwords.writes)-1].value }

func (w *worker) signIn() {
	password := w.account.password()
	s, r := w.open(w.client.anyone, request{path: "/auth/login", body: credentials(w.account.email, password), want: http.StatusOK}, w.account, &w.journal.counts.signIns)
	w.journal.complain(w.journal.judgeSignIn(w.account, password, r.sight))
	if s != nil {
		w.alive = append(w.alive, s)
		w.see(w.any(), s)
	}
}

func (w *worker) signOutOne() {
	s := w.one()
	w.forget(s)
	w.see(w.any(), s) // which may believe from now on that it lives
	if r := w.signOut(s, w.client.anyone); r.acknowledged {
		w.gone(r, s)
	}
}

// signOutAll ends all sessions of the account, or all but the one that asks.
func (w *worker) signOutAll() {
	s, scope, spares := w.one(), "all", (*session)(nil)
	if w.client.rng.IntN(2) == 0 {
		scope, spares = "others", s
	}
	e := w.journal.asksEndOfAll(w.account, spares)
	r := w.client.anyone(w.peers, request{method: "POST", path: "/auth/logout", token: s.token, body: map[string]any{"scope": scope}, want: http.StatusNoContent})
	if r.acknowledged && w.journal.mayBeGone(s) { // whoever is gone ends nothing by that
		r.acknowledged, r.doubtful, r.status = false, true, 0
	}
	w.journal.tells(e, r, &w.journal.counts.revokeAlls)
	w.judgeEnd(r, spares)
}

// judgeEnd looks at sessions of the account, of which all but one were to end.
func (w *worker) judgeEnd(r reply, spares *session) {
	if !r.acknowledged {
		w.journal.complain(judgeRefusal(r.sight))
		w.retire()
		return
	}
	dead := slices.DeleteFunc(slices.Clone(w.alive), func(s *session) bool { return s == spares })
	w.journal.over(dead...)
	w.alive = slices.DeleteFunc(w.alive, func(s *session) bool { return s != spares })
	if len(dead) > 0 {
		w.gone(r, dead[w.client.rng.IntN(len(dead))])
	}
	if spares != nil {
		w.see(w.any(), spares)
	}
}

// user is the address of something that the desk does with the account.
func (w *worker) user(what string) string {
	return "/desk/users/" + url.PathEscape(w.account.email) + "/" + what
}

func (w *worker) setRoles() {
	roles := [][]string{{}, {"editor"}, {"editor", "author"}}[w.client.rng.IntN(3)]
	a := w.account
	change := w.journal.asks(func(c *act) { a.roles.writes = append(a.roles.writes, write{c, rolesOf(roles)}) })
	r := w.client.anyone(w.desks, request{method: "PUT", path: w.user("roles"), body: roles, want: http.StatusNoContent})
	w.journal.tells(change, r, &w.journal.counts.roles)
	if !r.acknowledged {
		w.journal.complain(judgeRefusal(r.sight))
		w.retire()
		return
	}
	w.gone(r, w.one())
}

func (w *worker) setPassword() {
	a, old := w.account, w.account.password()
	password := newPassword(w.names.Add(1))
	change := w.journal.asksEndOfAll(a, nil)
	w.journal.note(func() { a.passwords.writes = append(a.passwords.writes, write{change, password}) })
	r := w.client.anyone(w.desks, request{method: "PUT", path: w.user("password"), body: password, want: http.StatusNoContent})
	w.journal.tells(change, r, &w.journal.counts.passwords)
	w.judgeEnd(r, nil)
	if r.acknowledged {
		again := w.client.anyone(w.peers, request{method: "POST", path: "/auth/login", body: credentials(a.email, old), want: http.StatusOK})
		w.journal.complain(w.journal.judgeSignIn(a, old, again.sight))
	}
}

func (w *worker) ban() {
	a := w.account
	e := w.journal.asksEndOfAll(a, nil)
	w.journal.note(func() { a.ban = e })
	r := w.client.anyone(w.desks, request{method: "PUT", path: w.user("ban"), want: http.StatusNoContent})
	w.journal.tells(e, r, &w.journal.counts.bans)
	w.judgeEnd(r, nil)
	w.retire()
}

// setData writes a value into a session by one desk and reads it by any.
func (w *worker) setData() {
	s, value := w.one(), strconv.FormatInt(w.names.Add(1), 36)
	change := w.journal.asks(func(c *act) { s.data.writes = append(s.data.writes, write{c, value}) })
	r := w.client.anyone(w.desks, request{method: "PUT", path: "/desk/data", token: s.token, body: value, want: http.StatusNoContent})
	w.journal.tells(change, r, &w.journal.counts.data)
	if !r.acknowledged {
		w.journal.complain(w.journal.judgeData(s, "", r.sight))
		w.forget(s)
		return
	}
	w.seeData(w.desks[w.client.rng.IntN(len(w.desks))], s)
}

// seeData holds the data of a session against the journal.
func (w *worker) seeData(desk peer, s *session) {
	r := w.client.ask(desk, request{method: "GET", path: "/desk/data", token: s.token, reads: true})
	var told struct{ Data string }
	_ = json.Unmarshal(r.body, &told) // a refusal has none
	w.journal.complain(w.journal.judgeData(s, told.Data, r.sight))
}

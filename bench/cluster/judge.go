package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// sight is what a node said when it was asked.
type sight struct {
	node            string
	asked, answered time.Time
	status          int    // 0: no answer came
	code            string // of a refusal
	retryAfter      bool   // it says when to come back
	live            bool   // there is a session
	id, email       string // of the session, and of its user
	roles           string // sorted, with commas between
}

// judge holds what a node said of a session against the journal, and returns what is wrong, or nothing.
func (j *journal) judge(s *session, o sight) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case o.status == 200 && o.live:
		return j.judgeLive(s, o)
	case o.status == 200, o.status == 401:
		return j.judgeDead(s, o)
	case o.status == 403 && o.code == "user_banned":
		return judgeBanned(s.owner, o)
	}
	return judgeRefusal(o)
}

// judgeRefusal is for answers that tell nothing of a session: 503 is an honest one (CONTRACT §3).
func judgeRefusal(o sight) string {
	switch {
	case o.status == 0, o.status == 503 && o.retryAfter:
		return ""
	case o.status == 503:
		return fmt.Sprintf("%s answers 503 and not when to come back", o.node)
	}
	return fmt.Sprintf("%s answers %d %s", o.node, o.status, o.code)
}

func (j *journal) judgeLive(s *session, o sight) string {
	if e := s.surelyEnded(o, j.elsewhere(o)); e != nil {
		return fmt.Sprintf("%s accepts %s, revoked by %s %v before", o.node, s.id, e.node, o.asked.Sub(e.answered).Round(time.Millisecond))
	}
	email, roles := "", []string{""}
	if s.owner != nil {
		email, roles = s.owner.email, s.owner.roles.values(o, j.elsewhere(o))
	}
	switch {
	case o.id != s.id || o.email != email:
		return fmt.Sprintf("%s takes %s of %q for %s of %q", o.node, s.id, email, o.id, o.email)
	case !slices.Contains(roles, o.roles):
		return fmt.Sprintf("%s says that %s has the roles %q, which are %q", o.node, s.id, o.roles, roles)
	}
	return ""
}

func (j *journal) judgeDead(s *session, o sight) string {
	switch {
	case s.mayHaveEnded(o):
		return ""
	case j.mayHaveLost(s, o):
		if !s.lost {
			s.lost = true
			j.counts.lost++
		}
		return ""
	}
	return fmt.Sprintf("%s signs %s out, which lives (%d %s, opened by %s %v before)", o.node, s.id, o.status, o.code,
		s.opened.node, o.asked.Sub(s.opened.answered).Round(time.Millisecond))
}

func judgeBanned(owner *account, o sight) string {
	if owner == nil || owner.ban == nil || owner.ban.void || !owner.ban.asked.Before(o.answered) {
		return o.node + " says banned of somebody who is not"
	}
	return ""
}

// judgeSignIn holds the answer to a sign-in against the journal. Nothing but the database is asked for it, so what was
// acknowledged counts everywhere at once.
func (j *journal) judgeSignIn(a *account, password string, o sight) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	right := a.passwords.values(o, atOnce)
	switch {
	case o.status == 200 && !slices.Contains(right, password):
		return fmt.Sprintf("%s takes a password of %s that was replaced", o.node, a.email)
	case o.status == 200 && a.ban != nil && settled(a.ban, o, atOnce):
		return fmt.Sprintf("%s signs %s in, who is banned", o.node, a.email)
	case o.status == 401 && len(right) == 1 && right[0] == password:
		return fmt.Sprintf("%s refuses the password of %s", o.node, a.email)
	case o.status == 200, o.status == 401:
		return ""
	case o.status == 403 && o.code == "user_banned":
		return judgeBanned(a, o)
	}
	return judgeRefusal(o)
}

// judgeTaken holds the answer to a sign-up against the journal, which has the account.
func judgeTaken(a *account, o sight) string {
	switch {
	case o.status == 409 && o.code == "email_taken":
		return ""
	case o.status == 201:
		return fmt.Sprintf("%s has lost the account of %s", o.node, a.email)
	}
	return judgeRefusal(o)
}

// judgeData holds a value of a session's data against the journal.
func (j *journal) judgeData(s *session, value string, o sight) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch right := s.data.values(o, atOnce); {
	case o.status == 401:
		return j.judgeDead(s, o)
	case o.status == 403 && o.code == "user_banned":
		return judgeBanned(s.owner, o)
	case o.status != 200:
		return judgeRefusal(o)
	case s.surelyEnded(o, j.elsewhere(o)) != nil:
		return fmt.Sprintf("%s gives the data of %s, which was revoked", o.node, s.id)
	case !slices.Contains(right, value) && !(j.mayHaveLost(s, o) && s.data.had(value)):
		return fmt.Sprintf("%s has %q in %s where %q was acknowledged", o.node, value, s.id, right)
	}
	return ""
}

// patience is how long a node may not know of an act.
type patience func(*act) time.Duration

func atOnce(*act) time.Duration { return 0 }

// elsewhere is the patience with what comes by the feed: none with the node that acknowledged it.
func (j *journal) elsewhere(o sight) patience {
	return func(a *act) time.Duration {
		if a.node == o.node {
			return 0
		}
		return j.allowance
	}
}

// settled reports whether whoever was asked then must have known of the act.
func settled(a *act, o sight, p patience) bool {
	return !a.void && a.known() && o.asked.After(a.answered.Add(p(a)))
}

// possible reports whether the act may have happened by then.
func possible(a *act, o sight) bool { return !a.void && a.asked.Before(o.answered) }

// surelyEnded returns the act that has ended the session for certain, or nil.
func (s *session) surelyEnded(o sight, p patience) *act {
	for _, e := range s.endings {
		if settled(e, o, p) {
			return e
		}
	}
	if s.owner == nil {
		return nil
	}
	for _, e := range s.owner.endings { // one that was opened while they were ended may be either
		if settled(e.act, o, p) && e.spares != s && !s.opened.answered.After(e.asked) {
			return e.act
		}
	}
	return nil
}

func (s *session) mayHaveEnded(o sight) bool {
	may := func(e *act) bool { return possible(e, o) }
	if slices.ContainsFunc(s.endings, may) {
		return true
	}
	return s.owner != nil && slices.ContainsFunc(s.owner.endings, func(e ending) bool {
		return may(e.act) && e.spares != s && !(e.known() && s.opened.asked.After(e.answered))
	})
}

func (j *journal) mayHaveLost(s *session, o sight) bool {
	return slices.ContainsFunc(j.losses, func(l *loss) bool {
		return s.opened.answered.After(l.from) && (l.until.IsZero() || s.opened.asked.Before(l.until)) && o.answered.After(l.since)
	})
}

// values are those that a node may tell.
func (h *history) values(o sight, p patience) []string {
	right := []string{""}
	for _, w := range h.writes {
		switch {
		case settled(w.act, o, p):
			right = []string{w.value}
		case possible(w.act, o):
			right = append(right, w.value)
		}
	}
	return right
}

// had reports whether the value was ever this one.
func (h *history) had(value string) bool {
	return value == "" || slices.ContainsFunc(h.writes, func(w write) bool { return w.value == value && !w.void })
}

// rolesOf is how sights and histories write roles.
func rolesOf(roles []string) string {
	slices.Sort(roles)
	return strings.Join(roles, ",")
}

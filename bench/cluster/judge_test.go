package main

import (
	"strings"
	"testing"
	"time"
)

// The cases here are stories of one session, s, opened on node a at 100 ms. The allowance is 1,000 ms.
const allowed = time.Second

// done is an act that was acknowledged, and unknown one that was not.
func done(node string, asked, answered int) *act {
	return &act{node: node, asked: at(asked), answered: at(answered)}
}
func unknown(asked int) *act { return &act{asked: at(asked)} }

// says is what a node said, and live, gone … what it may have said.
func says(node string, asked, answered int, o sight) sight {
	o.node, o.asked, o.answered = node, at(asked), at(answered)
	return o
}

var (
	live   = sight{status: 200, live: true, id: "ses_1", email: "ana@example.com"}
	empty  = sight{status: 200}
	gone   = sight{status: 401, code: "invalid_token"}
	banned = sight{status: 403, code: "user_banned"}
	busy   = sight{status: 503, retryAfter: true}
	silent = sight{}
)

func (o sight) with(roles string) sight {
	o.roles = roles
	return o
}

// story is a journal with one account and its session.
type story struct {
	j *journal
	a *account
	s *session
}

func tell() story {
	a := &account{email: "ana@example.com", made: done("a", 50, 100)}
	a.passwords.writes = []write{{a.made, "one"}}
	s := &session{id: "ses_1", token: "crs_1", owner: a, opened: done("a", 50, 100)}
	return story{&journal{allowance: allowed, accounts: []*account{a}, sessions: []*session{s}}, a, s}
}

// TestJudge feeds a judge what must not be, each beside what is just allowed. An empty complaint means that all is well.
func TestJudge(t *testing.T) {
	for what, c := range map[string]struct {
		happened func(story)
		sight    sight
		want     string
	}{
		"lives":                           {nil, says("b", 200, 210, live), ""},
		"is signed out by 401":            {nil, says("b", 200, 210, gone), "signs ses_1 out"},
		"is signed out by null":           {nil, says("b", 200, 210, empty), "signs ses_1 out"},
		"nobody knows":                    {nil, says("b", 200, 210, busy), ""},
		"nobody answers":                  {nil, says("b", 200, 210, silent), ""},
		"nobody knows, nor for how long":  {nil, says("b", 200, 210, sight{status: 503}), "not when to come back"},
		"breaks":                          {nil, says("b", 200, 210, sight{status: 500, code: "internal"}), "answers 500 internal"},
		"is forbidden":                    {nil, says("b", 200, 210, banned), "banned of somebody who is not"},
		"is limited":                      {nil, says("b", 200, 210, sight{status: 429}), "answers 429"},
		"is another session":              {nil, says("b", 200, 210, sight{status: 200, live: true, id: "ses_2", email: "ana@example.com"}), "for ses_2"},
		"is somebody else":                {nil, says("b", 200, 210, sight{status: 200, live: true, id: "ses_1", email: "bob@example.com"}), "of \"bob@example.com\""},
		"is nobody":                       {nil, says("b", 200, 210, sight{status: 200, live: true, id: "ses_1"}), "takes ses_1"},
		"is an administrator by mistake":  {nil, says("b", 200, 210, live.with("admin")), "the roles \"admin\""},
		"ended here":                      {ended(done("b", 300, 310)), says("b", 311, 320, live), "accepts ses_1, revoked by b 1ms before"},
		"ended here, asked before":        {ended(done("b", 300, 310)), says("b", 309, 320, live), ""},
		"ended elsewhere a while ago":     {ended(done("a", 300, 310)), says("b", 1311, 1320, live), "accepts ses_1, revoked by a 1.001s before"},
		"ended elsewhere just now":        {ended(done("a", 300, 310)), says("b", 1309, 1320, live), ""},
		"ended and gone":                  {ended(done("a", 300, 310)), says("b", 320, 330, gone), ""},
		"ending, gone before the answer":  {ended(done("a", 300, 400)), says("b", 310, 320, empty), ""},
		"gone before its end was asked":   {ended(done("a", 300, 310)), says("b", 200, 299, gone), "signs ses_1 out"},
		"perhaps ended, lives":            {ended(unknown(300)), says("b", 5000, 5010, live), ""},
		"perhaps ended, gone":             {ended(unknown(300)), says("b", 5000, 5010, gone), ""},
		"its end was never sent":          {ended(&act{asked: at(300), void: true}), says("b", 5000, 5010, gone), "signs ses_1 out"},
		"ended twice, the second surely":  {ended(unknown(300), done("a", 400, 410)), says("b", 1411, 1420, live), "revoked by a"},
		"all ended":                       {allEnded(done("a", 300, 310), false), says("b", 1311, 1320, live), "accepts ses_1"},
		"all ended just now":              {allEnded(done("a", 300, 310), false), says("b", 1300, 1320, live), ""},
		"all ended, gone":                 {allEnded(done("a", 300, 310), false), says("b", 400, 410, gone), ""},
		"all ended but this one":          {allEnded(done("a", 300, 310), true), says("b", 1311, 1320, live), ""},
		"all ended but this one, gone":    {allEnded(done("a", 300, 310), true), says("b", 1311, 1320, gone), "signs ses_1 out"},
		"opened while all ended, lives":   {allEnded(done("a", 90, 120), false), says("b", 1311, 1320, live), ""},
		"opened while all ended, gone":    {allEnded(done("a", 90, 120), false), says("b", 1311, 1320, gone), ""},
		"opened after all ended, gone":    {allEnded(done("a", 10, 20), false), says("b", 1311, 1320, gone), "signs ses_1 out"},
		"perhaps all ended, opened later": {allEnded(unknown(10), false), says("b", 1311, 1320, gone), ""},
		"banned":                          {bannedBy(done("a", 300, 310)), says("a", 320, 330, banned), ""},
		"banned, and gone":                {bannedBy(done("a", 300, 310)), says("a", 320, 330, gone), ""},
		"banned, and accepted":            {bannedBy(done("a", 300, 310)), says("a", 320, 330, live), "accepts ses_1"},
		"banned before it was asked for":  {bannedBy(done("a", 300, 310)), says("a", 200, 210, banned), "banned of somebody who is not"},
		"new roles at once":               {rolesBy(done("b", 300, 310), "admin"), says("b", 320, 330, live.with("admin")), ""},
		"old roles here":                  {rolesBy(done("b", 300, 310), "admin"), says("b", 320, 330, live), "says that ses_1 has the roles \"\""},
		"old roles elsewhere":             {rolesBy(done("a", 300, 310), "admin"), says("b", 1300, 1330, live), ""},
		"old roles elsewhere for long":    {rolesBy(done("a", 300, 310), "admin"), says("b", 1311, 1330, live), "has the roles"},
		"new roles before they are asked": {rolesBy(done("a", 300, 310), "admin"), says("b", 200, 299, live.with("admin")), "has the roles"},
		"lost by the store":               {loses(0, 400, 450), says("b", 500, 510, gone), ""},
		"lost while it loses":             {loses(0, 400, 0), says("b", 420, 430, gone), ""},
		"gone before anything was lost":   {loses(0, 400, 450), says("b", 300, 310, gone), "signs ses_1 out"},
		"older than what was lost":        {loses(101, 400, 450), says("b", 500, 510, gone), "signs ses_1 out"},
		"younger than what was lost":      {loses(0, 10, 20), says("b", 500, 510, gone), "signs ses_1 out"},
		"lost, and accepted":              {loses(0, 400, 450), says("b", 500, 510, live), ""},
	} {
		t.Run(what, func(t *testing.T) {
			st := tell()
			if c.happened != nil {
				c.happened(st)
			}
			check(t, st.j.judge(st.s, c.sight), c.want)
		})
	}
}

func check(t *testing.T, got, want string) {
	t.Helper()
	if want == "" && got != "" || !strings.Contains(got, want) {
		t.Errorf("complaint %q, want %q", got, want)
	}
}

func ended(acts ...*act) func(story) {
	return func(st story) { st.s.endings = acts }
}

func allEnded(a *act, spared bool) func(story) {
	return func(st story) {
		e := ending{act: a}
		if spared {
			e.spares = st.s
		}
		st.a.endings = append(st.a.endings, e)
	}
}

func bannedBy(a *act) func(story) {
	return func(st story) {
		st.a.ban = a
		allEnded(a, false)(st)
	}
}

func rolesBy(a *act, roles string) func(story) {
	return func(st story) { st.a.roles.writes = append(st.a.roles.writes, write{a, roles}) }
}

func loses(from, since, until int) func(story) {
	return func(st story) {
		l := &loss{from: at(from), since: at(since)}
		if until > 0 {
			l.until = at(until)
		}
		st.j.losses = append(st.j.losses, l)
	}
}

// TestRevokedStaysDead: no loss excuses somebody who is accepted though revoked.
func TestRevokedStaysDead(t *testing.T) {
	st := tell()
	ended(done("a", 300, 310))(st)
	loses(0, 400, 450)(st)
	check(t, st.j.judge(st.s, says("b", 2000, 2010, live)), "accepts ses_1")
}

func TestLossIsCounted(t *testing.T) {
	st := tell()
	loses(0, 400, 450)(st)
	for range 2 {
		check(t, st.j.judge(st.s, says("b", 500, 510, gone)), "")
	}
	if n := st.j.total().lost; n != 1 {
		t.Errorf("one session that was lost counts as %d", n)
	}
}

func TestGuest(t *testing.T) {
	s := &session{id: "ses_1", opened: done("a", 50, 100)}
	j := &journal{allowance: allowed}
	guest := sight{status: 200, live: true, id: "ses_1"}
	check(t, j.judge(s, says("b", 200, 210, guest)), "")
	check(t, j.judge(s, says("b", 200, 210, live)), "takes ses_1 of \"\"")
	check(t, j.judge(s, says("b", 200, 210, banned)), "banned of somebody who is not")
}

func TestJudgeSignIn(t *testing.T) {
	newPassword := func(a *act) func(story) {
		return func(st story) { st.a.passwords.writes = append(st.a.passwords.writes, write{a, "two"}) }
	}
	for what, c := range map[string]struct {
		happened func(story)
		password string
		sight    sight
		want     string
	}{
		"right":                         {nil, "one", says("b", 200, 210, live), ""},
		"right, and refused":            {nil, "one", says("b", 200, 210, gone), "refuses the password"},
		"wrong, and taken":              {nil, "two", says("b", 200, 210, live), "takes a password"},
		"wrong, and refused":            {nil, "two", says("b", 200, 210, gone), ""},
		"old, and taken elsewhere":      {newPassword(done("a", 300, 310)), "one", says("b", 311, 320, live), "takes a password"},
		"old, and taken while changing": {newPassword(done("a", 300, 310)), "one", says("b", 305, 320, live), ""},
		"new, and refused elsewhere":    {newPassword(done("a", 300, 310)), "two", says("b", 311, 320, gone), "refuses the password"},
		"perhaps new":                   {newPassword(unknown(300)), "two", says("b", 311, 320, gone), ""},
		"perhaps old":                   {newPassword(unknown(300)), "one", says("b", 311, 320, gone), ""},
		"banned, and let in":            {bannedBy(done("a", 300, 310)), "one", says("b", 311, 320, live), "who is banned"},
		"banned":                        {bannedBy(done("a", 300, 310)), "one", says("b", 311, 320, banned), ""},
		"not banned":                    {nil, "one", says("b", 311, 320, banned), "banned of somebody who is not"},
		"busy":                          {nil, "one", says("b", 311, 320, busy), ""},
		"broken":                        {nil, "one", says("b", 311, 320, sight{status: 500}), "answers 500"},
	} {
		t.Run(what, func(t *testing.T) {
			st := tell()
			if c.happened != nil {
				c.happened(st)
			}
			check(t, st.j.judgeSignIn(st.a, c.password, c.sight), c.want)
		})
	}
}

func TestJudgeTaken(t *testing.T) {
	a := tell().a
	check(t, judgeTaken(a, says("b", 200, 210, sight{status: 409, code: "email_taken"})), "")
	check(t, judgeTaken(a, says("b", 200, 210, sight{status: 201})), "has lost the account")
	check(t, judgeTaken(a, says("b", 200, 210, sight{status: 422})), "answers 422")
	check(t, judgeTaken(a, says("b", 200, 210, busy)), "")
}

func TestJudgeData(t *testing.T) {
	ok := sight{status: 200}
	wrote := func(acts ...*act) func(story) {
		return func(st story) {
			for i, a := range acts {
				st.s.data.writes = append(st.s.data.writes, write{a, string(rune('1' + i))})
			}
		}
	}
	both := func(all ...func(story)) func(story) {
		return func(st story) {
			for _, f := range all {
				f(st)
			}
		}
	}
	two := wrote(done("a", 300, 310), done("b", 400, 410))
	for what, c := range map[string]struct {
		happened func(story)
		value    string
		sight    sight
		want     string
	}{
		"none":                     {nil, "", says("b", 200, 210, ok), ""},
		"none was written":         {nil, "1", says("b", 200, 210, ok), "has \"1\" in ses_1"},
		"the last":                 {two, "2", says("c", 420, 430, ok), ""},
		"the one before":           {two, "1", says("c", 420, 430, ok), "where [\"2\"] was acknowledged"},
		"lost":                     {two, "", says("c", 420, 430, ok), "has \"\""},
		"the one before, at once":  {two, "1", says("c", 405, 430, ok), ""},
		"perhaps the last":         {wrote(done("a", 300, 310), unknown(400)), "1", says("c", 900, 910, ok), ""},
		"perhaps it, or not":       {wrote(done("a", 300, 310), unknown(400)), "2", says("c", 900, 910, ok), ""},
		"gone":                     {two, "", says("c", 900, 910, gone), "signs ses_1 out"},
		"of a revoked one":         {both(two, ended(done("a", 500, 510))), "2", says("c", 1600, 1610, ok), "which was revoked"},
		"gone back in a loss":      {both(two, loses(0, 500, 550)), "1", says("c", 600, 610, ok), ""},
		"invented in a loss":       {both(two, loses(0, 500, 550)), "3", says("c", 600, 610, ok), "has \"3\""},
		"gone back without a loss": {both(two, loses(200, 500, 550)), "1", says("c", 600, 610, ok), "has \"1\""},
		"nobody knows":             {two, "", says("c", 900, 910, busy), ""},
	} {
		t.Run(what, func(t *testing.T) {
			st := tell()
			if c.happened != nil {
				c.happened(st)
			}
			check(t, st.j.judgeData(st.s, c.value, c.sight), c.want)
		})
	}
}

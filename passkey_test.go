package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
)

// byPasskey begins a sign-in by a passkey, whose owner nobody has named.
func (d *device) byPasskey() *cloakroom.Challenge {
	d.t.Helper()
	c, err := d.ask(cloakroom.Question{Method: "passkey", Terms: d.terms()})
	done(d.t, err)
	return c
}

func TestPasskey(t *testing.T) {
	onEachGuarded(t, func(t *testing.T, ready func(t *testing.T) *world) {
		enrolled := func(t *testing.T) (w *world, ana *cloakroom.User, d *device, p *authtest.Passkey) {
			w = ready(t)
			ana = w.User("ana@example.com")
			d, p = w.browser(), authtest.NewPasskey(t, site)
			d.signIn(ana.Email)
			d.addPasskey(p, "laptop")
			w.Forget()
			return w, ana, d, p
		}
		t.Run("as the first factor it says whose it is, and is two at once, by either carrier", func(t *testing.T) {
			w, ana, _, p := enrolled(t)
			for _, d := range []*device{w.browser(), w.program()} {
				w.Forget()
				c := d.byPasskey()
				g, err := d.answer(c, "passkey", p.Get(c.Offer))
				done(t, err)
				w.happened(cloakroom.SignedIn)
				if s := d.live(); s.ID != g.Session.ID || s.User.ID != ana.ID || s.Level != 2 || !slices.Equal(s.Methods, []string{"passkey"}) {
					t.Errorf("the session is %+v", s)
				}
				d.gets(http.StatusOK, "what needs two factors", cloakroom.MFA, cloakroom.Sensitive)
			}
		})
		t.Run("as the second factor the device need not verify its user; as the first it must", func(t *testing.T) {
			w, ana, _, p := enrolled(t)
			p.Unverified = true
			d := w.browser()
			c := d.byPasskey()
			fails(t, second(d.answer(c, "passkey", p.Get(c.Offer))), cloakroom.ErrInvalidCredentials, "an unverified first factor")
			d.answers(http.StatusUnauthorized, "after it")
			c = d.challenge(ana.Email)
			if !slices.Equal(c.Next, []string{"passkey", "recovery_code"}) {
				t.Errorf("it asks for %v", c.Next)
			}
			c, err := d.ask(cloakroom.Question{Challenge: c.Token.Reveal(), Method: "passkey"})
			done(t, err)
			done(t, second(d.answer(c, "passkey", p.Get(c.Offer))))
			if s := d.live(); s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "passkey"}) {
				t.Errorf("the session is %+v", s)
			}
		})
		t.Run("an answer is for one attempt, once", func(t *testing.T) {
			w, _, _, p := enrolled(t)
			d, other := w.browser(), w.browser()
			c, foreign := d.byPasskey(), other.byPasskey()
			answer := p.Get(c.Offer)
			fails(t, second(other.answer(foreign, "passkey", answer)), cloakroom.ErrInvalidCredentials, "in another attempt")
			done(t, second(d.answer(c, "passkey", answer)))
			thief := w.browser()
			fails(t, second(thief.answer(c, "passkey", answer)), cloakroom.ErrInvalidChallenge, "again in the same")
			fails(t, second(thief.answer(thief.byPasskey(), "passkey", answer)), cloakroom.ErrInvalidCredentials, "in a new one")
			thief.answers(http.StatusUnauthorized, "whoever saw the answer")
		})
		t.Run("a second factor's answer is for its question, once", func(t *testing.T) {
			w, ana, _, p := enrolled(t)
			d := w.browser()
			c := d.challenge(ana.Email)
			asked, err := d.ask(cloakroom.Question{Challenge: c.Token.Reveal(), Method: "passkey"})
			done(t, err)
			old := p.Get(asked.Offer)
			asked, err = d.ask(cloakroom.Question{Challenge: c.Token.Reveal(), Method: "passkey"})
			done(t, err)
			fails(t, second(d.answer(asked, "passkey", old)), cloakroom.ErrInvalidCredentials, "to an earlier question")
			first := w.browser()
			begun := first.byPasskey()
			fails(t, second(d.answer(asked, "passkey", p.Get(begun.Offer))), cloakroom.ErrInvalidCredentials, "to the question of another attempt")
			done(t, second(d.answer(asked, "passkey", p.Get(asked.Offer))))
		})
		t.Run("a second factor that was not asked for its answer", func(t *testing.T) {
			w, ana, _, p := enrolled(t)
			d := w.browser()
			c, begun := d.challenge(ana.Email), w.browser().byPasskey()
			fails(t, second(d.answer(c, "passkey", p.Get(begun.Offer))), cloakroom.ErrInvalidCredentials, "without a question")
		})
		t.Run("wrong answers, which name whom they like, use up nobody's tries", func(t *testing.T) {
			w, _, _, p := enrolled(t)
			wrong := func(d *device) error {
				c, foreign := d.byPasskey(), d.byPasskey()
				return second(d.answer(c, "passkey", p.Get(foreign.Offer)))
			}
			for i := range 101 { // Limits.Account, and one
				fails(t, wrong(w.from(fmt.Sprintf("198.51.100.%d", i))), cloakroom.ErrInvalidCredentials, "a wrong answer")
			}
			home := w.from("192.0.2.1")
			for range 11 { // Limits.Pair, and one
				fails(t, wrong(home), cloakroom.ErrInvalidCredentials, "a wrong answer")
			}
			for _, d := range []*device{home, w.from("203.0.113.7")} {
				c := d.byPasskey()
				done(t, second(d.answer(c, "passkey", p.Get(c.Offer))))
			}
			for range 39 { // with the eleven of before, Limits.Address: what was right does not count
				fails(t, wrong(home), cloakroom.ErrInvalidCredentials, "a wrong answer")
			}
			limited(t, wrong(home), "the address")
		})
		t.Run("one answer 200 times at once opens one session", func(t *testing.T) {
			w, ana, _, p := enrolled(t)
			before := len(w.listed(ana.ID))
			c := w.browser().byPasskey()
			answer := p.Get(c.Offer)
			n := atOnce(200, func(int) error { return second(w.browser().answer(c, "passkey", answer)) })
			if opened := len(w.listed(ana.ID)) - before; n != 1 || opened != 1 {
				t.Errorf("%d succeeded, %d sessions", n, opened)
			}
		})
		t.Run("somebody else's passkey is no second factor", func(t *testing.T) {
			w, ana, _, _ := enrolled(t)
			bob := w.User("bob@example.com")
			his, p := w.browser(), authtest.NewPasskey(t, site)
			his.signIn(bob.Email)
			his.addPasskey(p, "")
			d := w.browser()
			c := d.challenge(ana.Email)
			_, err := d.ask(cloakroom.Question{Challenge: c.Token.Reveal(), Method: "passkey"})
			done(t, err)
			any := w.browser().byPasskey() // his authenticator answers no question that names her passkeys
			fails(t, second(d.answer(c, "passkey", p.Get(any.Offer))), cloakroom.ErrInvalidCredentials, "his answer")
			d.answers(http.StatusUnauthorized, "after it")
		})
		t.Run("who is banned, leaving or gone", func(t *testing.T) {
			w, ana, _, p := enrolled(t)
			c := w.browser().byPasskey()
			done(t, w.Users().Ban(t.Context(), ana.ID))
			d := w.browser()
			fails(t, second(d.answer(c, "passkey", p.Get(c.Offer))), cloakroom.ErrBanned, "banned")
			done(t, w.Users().Unban(t.Context(), ana.ID))
			c = d.byPasskey()
			answer := p.Get(c.Offer)
			done(t, w.Users().Delete(t.Context(), ana.ID))
			fails(t, second(d.answer(c, "passkey", answer)), cloakroom.ErrInvalidCredentials, "gone")
			d.answers(http.StatusUnauthorized, "after it")
		})
		t.Run("several: listed, named and removed, and the removed one opens nothing", func(t *testing.T) {
			w, ana, d, p := enrolled(t)
			q := authtest.NewPasskey(t, site)
			q.Synced = true
			w.Clock.Advance(time.Second)
			d.addPasskey(q, "telephone")
			list, err := w.Factors(t.Context(), ana.ID)
			done(t, err)
			ids := map[string]string{}
			for _, f := range list {
				if about, ok := f.About.(passkey.Description); ok {
					ids[f.Name] = f.ID
					if !f.Second || about.BackedUp != (f.Name == "telephone") || f.CreatedAt.IsZero() {
						t.Errorf("it is listed as %+v", f)
					}
				}
			}
			if len(ids) != 2 {
				t.Fatalf("named %v", ids)
			}
			w.Forget()
			done(t, w.RenameFactor(d.request(), d.live(), ids["laptop"], "old laptop"))
			w.happened(cloakroom.FactorRenamed)
			if e := w.keptLast(ana.ID, cloakroom.FactorRenamed); e.Reason != "passkey" || e.Details["name"] != "old laptop" {
				t.Errorf("the event is %+v", e)
			}
			refuses(t, w.RenameFactor(d.request(), d.live(), ids["laptop"], "\n"), "name")
			refuses(t, w.RenameFactor(d.request(), d.live(), "recovery_code", "paper"), "name")
			fails(t, w.RenameFactor(d.request(), d.live(), "passkey.none", "x"), cloakroom.ErrNotFound, "a factor that is not there")

			done(t, d.remove(ids["laptop"]))
			w.has(ana.ID, "passkey", "password", "recovery_code")
			e := w.browser()
			c := e.byPasskey()
			fails(t, second(e.answer(c, "passkey", p.Get(c.Offer))), cloakroom.ErrInvalidCredentials, "the removed one")
			done(t, second(e.answer(c, "passkey", q.Get(c.Offer))))
			e.answers(http.StatusOK, "the other one")
		})
		t.Run("nobody removes another's factors", func(t *testing.T) {
			w, ana, _, _ := enrolled(t)
			bob := w.User("bob@example.com")
			his := w.browser()
			his.signIn(bob.Email)
			id := w.factorID(ana.ID, "passkey")
			fails(t, his.remove(id), cloakroom.ErrNotFound, "remove")
			fails(t, w.RenameFactor(his.request(), his.live(), id, "x"), cloakroom.ErrNotFound, "rename")
			w.has(ana.ID, "passkey", "password", "recovery_code")
		})
		t.Run("the last way to sign in stays", func(t *testing.T) {
			w, ana, d, p := enrolled(t)
			done(t, d.remove("password"))
			w.has(ana.ID, "passkey", "recovery_code")
			fails(t, d.remove(w.factorID(ana.ID, "passkey")), cloakroom.ErrLastMethod, "the only passkey")
			d.answers(http.StatusOK, "the session, after a refusal")
			_, err := w.browser().trySignIn(ana.Email, authtest.Secret)
			fails(t, err, cloakroom.ErrInvalidCredentials, "the removed password")
			e := w.browser()
			c := e.byPasskey()
			done(t, second(e.answer(c, "passkey", p.Get(c.Offer))))
		})
		t.Run("a counter that went back is told, and lets in", func(t *testing.T) {
			w, ana, _, p := enrolled(t)
			p.Alter = func(c *authtest.Ceremony) { c.Count = 1 }
			for i := range 2 {
				w.Forget()
				d := w.browser()
				c := d.byPasskey()
				done(t, second(d.answer(c, "passkey", p.Get(c.Offer))))
				d.answers(http.StatusOK, "by it")
				if told := w.Events(cloakroom.CredentialSuspect); len(told) != i || i == 1 && (told[0].UserID != ana.ID || told[0].Reason != "sign_count_regression") {
					t.Errorf("use %d: told %+v", i, told)
				}
			}
		})
		t.Run("another realm does not know it", func(t *testing.T) {
			w, _, _, p := enrolled(t)
			other := ready(t)
			d := other.browser()
			c := d.byPasskey()
			fails(t, second(d.answer(c, "passkey", p.Get(c.Offer))), cloakroom.ErrInvalidCredentials, "in another realm")
			c = w.browser().byPasskey()
			fails(t, second(d.answer(c, "passkey", p.Get(c.Offer))), cloakroom.ErrInvalidChallenge, "an attempt of another realm")
		})
	})
}

func TestV104MalformedProofs(t *testing.T) {
	w := guarded(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	d := w.browser()
	d.signIn(ana.Email)
	d.addPasskey(authtest.NewPasskey(t, site), "")
	w.Forget()
	e := w.browser()
	for name, q := range map[string]cloakroom.Question{
		"no method":             {},
		"an unknown method":     {Method: "palm"},
		"a method that is dumb": {Method: "password"},
		"a second factor":       {Method: "totp"},
		"an unknown delivery":   {Method: "passkey", Terms: cloakroom.Terms{Delivery: "pigeon"}},
	} {
		t.Run("V104 a question: "+name, func(t *testing.T) {
			_, err := e.ask(q)
			if q.Delivery != "" {
				refuses(t, err, "delivery")
			} else {
				refuses(t, err, "method")
			}
		})
	}
	_, err := e.ask(cloakroom.Question{Challenge: "crt_junk", Method: "passkey"})
	fails(t, err, cloakroom.ErrInvalidChallenge, "a question of no attempt")
	for name, answer := range map[string]string{
		"V104 nothing": "", "V104 an empty object": "{}", "V104 null": "null", "V104 an array": "[]", "V104 half of it": `{"id":"`,
		"V104 no response": `{"id":"AAAA","rawId":"AAAA","type":"public-key"}`, "V104 a NUL": "\x00",
		"V104 deep": strings.Repeat("[", 30_000), "V104 32 KiB": strings.Repeat("x", 32<<10),
		"V104 a handle of nobody": `{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"userHandle":"AAAAAAAAAAAAAAAAAAAAAA"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			err := second(e.answer(e.byPasskey(), "passkey", answer))
			if _, limit := errors.AsType[*cloakroom.LimitError](err); !limit { // they are guesses like others
				fails(t, err, cloakroom.ErrInvalidCredentials, "the answer")
			}
		})
	}
	refuses(t, second(e.answer(e.byPasskey(), "passkey", strings.Repeat("x", 64<<10+1))), "secret")
	e.answers(http.StatusUnauthorized, "after all that")
}

package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/smtpsink"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/method/totp"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// TestAccountsOnEveryStore takes one account through a second factor, a reset and a changed e-mail, by two nodes that share
// their stores and mail through a real SMTP server.
func TestAccountsOnEveryStore(t *testing.T) {
	for name, settings := range map[string]func(*testing.T) config.Config{
		"a file":     func(t *testing.T) config.Config { return shared(t, "") },
		"PostgreSQL": func(t *testing.T) config.Config { return shared(t, testbed.PostgresDSN(t)) },
		"PostgreSQL and Valkey": func(t *testing.T) config.Config {
			return shared(t, testbed.PostgresDSN(t), testbed.ValkeyAddr(t))
		},
		"PostgreSQL and Valkey Cluster": func(t *testing.T) config.Config {
			return shared(t, testbed.PostgresDSN(t), testbed.ValkeyClusterAddrs(t)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, sink := settings(t), smtpsink.Start(t, smtpsink.Sink{})
			cfg.Mail.URL, cfg.Mail.From = "smtp://"+sink.Addr(), "no-reply@example.com"
			a, b := pairOf(t, cfg)
			bearer, inbox := a.signUp("ana"), &inbox{t: t, sink: sink}
			proof := `{"token":"` + inbox.token("ana@example.com", "/auth/email/verify") + `"}`
			verified := b.do("POST", "/auth/email/verify", proof, "Authorization", bearer)
			if verified.status != 200 {
				t.Fatal(verified)
			}
			bearer = "Bearer " + verified.token(t)
			secret := secondFactor(t, a, b, bearer)

			if r := a.do("POST", "/auth/password/forgot", `{"email":"ana@example.com"}`); r.status != 202 {
				t.Fatal(r)
			}
			reset := `{"token":"` + inbox.token("ana@example.com", "/auth/password/reset") + `","password":"tangerine-ladder-77"}`
			if n := together(64, func(i int) bool { return []*house{a, b}[i%2].do("POST", "/auth/password/reset", reset).status == 200 }); n != 1 {
				t.Errorf("the link was good %d times", n)
			}
			until(t, "the session is over on both nodes", func() bool { return a.me(bearer) == 401 && b.me(bearer) == 401 })

			bearer = signInByBoth(t, a, b, secret)
			if r := a.do("POST", "/auth/email/change", `{"email":"new@example.com"}`, "Authorization", bearer); r.status != 202 {
				t.Fatal(r)
			}
			confirm := `{"token":"` + inbox.token("new@example.com", "/auth/email/confirm") + `"}`
			if r := b.do("POST", "/auth/email/confirm", confirm, "Authorization", bearer); r.status != 200 {
				t.Fatal(r)
			}
			if r := a.do("POST", "/auth/login", `{"email":"ana@example.com","password":"tangerine-ladder-77"}`); r.status != 401 {
				t.Errorf("the old address: %v", r)
			}
			undo := `{"token":"` + inbox.token("ana@example.com", "/auth/disown") + `"}`
			if n := together(32, func(i int) bool { return []*house{a, b}[i%2].do("POST", "/auth/disown", undo).status == 200 }); n != 1 {
				t.Errorf("the change was taken back %d times", n)
			}
			if r := b.do("POST", "/auth/login", `{"email":"ana@example.com","password":"tangerine-ladder-77"}`); r.status != 403 {
				t.Errorf("the old address, whose password must be reset: %v", r)
			}
		})
	}
}

// secondFactor adds an app by two nodes, and holds of many requests with one code one to have it.
func secondFactor(t *testing.T, a, b *house, bearer string) (secret string) {
	t.Helper()
	offered := a.do("POST", "/auth/factors", `{"method":"totp"}`, "Authorization", bearer)
	var offer struct {
		Offer   struct{ ID string }
		Options struct{ Secret string }
	}
	if err := json.Unmarshal([]byte(offered.body), &offer); err != nil || offered.status != 200 {
		t.Fatal(offered, err)
	}
	secret = offer.Options.Secret
	bound := b.do("POST", "/auth/factors/bind", fmt.Sprintf(`{"offer":%q,"code":%q}`, offer.Offer.ID, codeAt(t, secret, -30*time.Second)), "Authorization", bearer)
	if bound.status != 201 || !strings.Contains(bound.body, "recovery_codes") {
		t.Fatal(bound)
	}
	code := codeAt(t, secret, 0)
	challenges := make([]string, 4) // five wrong ones would lock all codes
	for i := range challenges {
		challenges[i] = challenged(t, b, "wisteria-lantern-40")
	}
	n := together(len(challenges), func(i int) bool {
		return []*house{a, b}[i%2].do("POST", "/auth/login/verify", fmt.Sprintf(`{"challenge":%q,"method":"totp","code":%q}`, challenges[i], code)).status == 200
	})
	if n != 1 {
		t.Errorf("one code opened %d sessions", n)
	}
	return secret
}

// signInByBoth signs in on one node and gives the code on the other, once it is a new one.
func signInByBoth(t *testing.T, a, b *house, secret string) (bearer string) {
	t.Helper()
	challenge := challenged(t, a, "tangerine-ladder-77")
	r := b.do("POST", "/auth/login/verify", fmt.Sprintf(`{"challenge":%q,"method":"totp","code":%q}`, challenge, codeAt(t, secret, 30*time.Second)))
	if r.status != http.StatusOK {
		t.Fatal(r)
	}
	return "Bearer " + r.token(t)
}

func challenged(t *testing.T, h *house, password string) string {
	t.Helper()
	r := h.do("POST", "/auth/login", `{"email":"ana@example.com","password":"`+password+`","delivery":"bearer"}`)
	var in struct{ Challenge struct{ ID string } }
	if err := json.Unmarshal([]byte(r.body), &in); err != nil || in.Challenge.ID == "" {
		t.Fatal(r, err)
	}
	return in.Challenge.ID
}

// codeAt is the code of an app whose clock is that much ahead; one step either way is taken.
func codeAt(t *testing.T, secret string, ahead time.Duration) string {
	t.Helper()
	code, err := totp.Code(secret, time.Now().Add(ahead))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// together does something many times at once, and counts how often it was done.
func together(n int, do func(i int) bool) int {
	var done atomic.Int64
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			if do(i) {
				done.Add(1)
			}
		})
	}
	wait.Wait()
	return int(done.Load())
}

// inbox reads the mail of a sink.
type inbox struct {
	t    *testing.T
	sink *smtpsink.Running
}

// token waits for a mail to an address with a link to a path, and returns the token of the latest.
func (in *inbox) token(to, path string) (token string) {
	in.t.Helper()
	link := regexp.MustCompile(regexp.QuoteMeta(path) + `\?token=([A-Za-z0-9_-]+)`)
	until(in.t, "mail for "+to+" with "+path, func() bool {
		for _, m := range in.sink.Mails() {
			text := strings.ReplaceAll(strings.ReplaceAll(string(m.Data), "=\r\n", ""), "=3D", "=")
			if found := link.FindStringSubmatch(text); found != nil && m.To[0] == to {
				token = found[1]
			}
		}
		return token != ""
	})
	return token
}

package server

import (
	"bytes"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/secretfile"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// neighbours are servers on one data folder that look at the secrets when they are told to.
type neighbours struct {
	t       *testing.T
	cfg     config.Config
	servers map[byte]*Server
	log     map[byte]*logbook
}

// join starts a server. It polls once an hour: that is, when look says so.
func (n *neighbours) join(name byte) {
	n.t.Helper()
	slow := quick
	slow.poll = time.Hour
	n.log[name] = &logbook{}
	s, err := assemble(n.cfg, config.Production, n.log[name].logger(), slow, cheap)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = s.Close(n.t.Context()) })
	n.servers[name] = s
}

// look is a poll of each server named in order; after each of them, every server takes the tokens of all.
func (n *neighbours) look(names string) {
	n.t.Helper()
	for i := range len(names) {
		n.servers[names[i]].lookAtSecrets()
		n.agree(names[:i+1])
	}
}

func (n *neighbours) agree(after string) {
	n.t.Helper()
	for from, s := range n.servers {
		token := signIn(n.t, s)
		for at, other := range n.servers {
			if !takes(other, token) {
				n.t.Errorf("after %q %c does not know a token of %c", after, at, from)
			}
		}
	}
}

// moved reports whether a server signs with the newest secret.
func (n *neighbours) moved(name byte) bool {
	return len(n.log[name].lines(n.t, "a new secret signs")) > 0
}

func signIn(t *testing.T, s *Server) string {
	t.Helper()
	r := httptest.NewRequest("POST", "/auth/anonymous", strings.NewReader(`{"delivery":"bearer"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return reply{status: w.Code, body: w.Body.String()}.token(t)
}

// takes reports whether a server knows the session of a token.
func takes(s *Server, token string) bool {
	w := ask(s.handler, "GET", "/auth/session", "Authorization", "Bearer "+token)
	return w.Code == 200 && !strings.Contains(w.Body.String(), `"session":null`)
}

func rotate(t *testing.T, cfg config.Config) {
	t.Helper()
	if err := secretfile.Rotate(SecretsPath(cfg), 2); err != nil {
		t.Fatal(err)
	}
}

func TestNeighboursKnowASecretBeforeItSigns(t *testing.T) {
	for _, order := range []string{"ababab", "aabaabbb", "abbaba", "bababa"} {
		t.Run(order, func(t *testing.T) {
			n := &neighbours{t, settings(t), map[byte]*Server{}, map[byte]*logbook{}}
			n.join('a')
			n.join('b')
			before := signIn(t, n.servers['a'])
			rotate(t, n.cfg)
			n.agree("the rotation")
			n.look(order)
			if !n.moved('a') || !n.moved('b') {
				t.Error("the new secret never signs")
			}
			if !takes(n.servers['a'], before) || !takes(n.servers['b'], before) {
				t.Error("an old token is dead")
			}
			onlyTheFirst(t, n.cfg)
			after := signIn(t, n.servers['a'])
			n.look("ab")
			if !takes(n.servers['a'], after) || !takes(n.servers['b'], after) || takes(n.servers['a'], before) {
				t.Error("it was not the new secret that signed, or the old one still verifies")
			}
		})
	}
	t.Run("a server that starts just after the rotation", func(t *testing.T) {
		n := &neighbours{t, settings(t), map[byte]*Server{}, map[byte]*logbook{}}
		n.join('a')
		rotate(t, n.cfg)
		n.join('b')
		n.agree("the start")
		n.look("ababab")
		if !n.moved('a') || !n.moved('b') {
			t.Error("the new secret never signs")
		}
	})
	t.Run("another rotation meanwhile", func(t *testing.T) {
		n := &neighbours{t, settings(t), map[byte]*Server{}, map[byte]*logbook{}}
		n.join('a')
		n.join('b')
		rotate(t, n.cfg)
		n.look("aba")
		rotate(t, n.cfg)
		n.look("aba")
		if n.moved('a') {
			t.Error("it was not counted anew")
		}
		n.look("ba")
		if !n.moved('a') {
			t.Error("the wait does not end")
		}
	})
}

// onlyTheFirst leaves the newest secret in the file.
func onlyTheFirst(t *testing.T, cfg config.Config) {
	t.Helper()
	text, err := os.ReadFile(SecretsPath(cfg))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			write(t, SecretsPath(cfg), line)
			return
		}
	}
	t.Fatal("no secret")
}

func TestRotation(t *testing.T) {
	secret := func(c byte) cloakroom.Secret { return bytes.Repeat([]byte{c}, 32) }
	list := func(names string) (all []cloakroom.Secret) {
		for i := range len(names) {
			all = append(all, secret(names[i]))
		}
		return all
	}
	names := func(list []cloakroom.Secret) string {
		var b strings.Builder
		for _, s := range list {
			b.WriteByte(s[0])
		}
		return b.String()
	}
	for _, c := range []struct {
		name, signs string
		steps, want []string // a step is a list that was read, "" a poll without news, "!" a file that is broken
	}{
		{"as it was", "a", []string{"ab", "", ""}, []string{"ab", "", ""}},
		{"a new one in front", "a", []string{"bac", "", "", ""}, []string{"abc", "", "bac", ""}},
		{"and another", "a", []string{"ba", "", "cba", "", ""}, []string{"ab", "", "acb", "", "cba"}},
		{"the one that signs is gone", "a", []string{"cb", ""}, []string{"cb", ""}},
		{"gone while another waits", "a", []string{"ba", "cb", "", ""}, []string{"ab", "cb", "", ""}},
		{"taken back", "a", []string{"ba", "ab", "", ""}, []string{"ab", "ab", "", ""}},
		{"broken meanwhile", "a", []string{"ba", "!", "", "", "ba", "", ""}, []string{"ab", "", "", "", "ab", "", "ba"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rotation{signing: secret(c.signs[0])}
			var got []string
			for _, step := range c.steps {
				switch step {
				case "":
					got = append(got, names(r.poll()))
				case "!":
					r.stay()
					got = append(got, "")
				default:
					got = append(got, names(r.publish(list(step))))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

package cloakroom

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"
)

// token n of a chain, as its hash.
func hashed(n int) [32]byte { return sha256.Sum256(fmt.Append(nil, "token ", n)) }

// chained is a chain whose tokens 0, 1, 2 … were exchanged so long before now, the oldest first.
func chained(now time.Time, ago ...time.Duration) RefreshChain {
	c := RefreshChain{Current: hashed(len(ago))}
	for i, d := range ago {
		c.Past = append(c.Past, Rotated{Token: hashed(i), Sealed: []byte{byte(i)}, At: now.Add(-d)})
	}
	return c
}

func (v verdict) String() string { return []string{"rotate", "replay", "reused"}[v] }

func TestJudge(t *testing.T) {
	const grace = 30 * time.Second
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	full := func(oldest time.Duration) []time.Duration { // as many as are kept, a second apart
		ago := make([]time.Duration, pastMax)
		for i := range ago {
			ago[i] = oldest - time.Duration(i)*time.Second
		}
		return ago
	}
	for _, c := range []struct {
		name  string
		chain RefreshChain
		token int
		want  verdict
	}{
		{"the first token", chained(now), 0, rotate},
		{"the one in force", chained(now, time.Hour, time.Minute), 2, rotate},
		{"exchanged at this moment", chained(now, 0), 0, replay},
		{"exchanged just less than a grace ago", chained(now, grace-1), 0, replay},
		{"exchanged a grace ago", chained(now, grace), 0, reused},
		{"exchanged long ago", chained(now, 24*time.Hour), 0, reused},
		{"an older of two within the grace", chained(now, 20*time.Second, 10*time.Second), 0, replay},
		{"the older of two is over, not the newer", chained(now, grace, 10*time.Second), 1, replay},
		{"the clock went back", chained(now, -time.Hour), 0, replay},
		{"never a token of this chain that is known", chained(now, 10*time.Second), 99, reused},
		{"of no exchange at all", chained(now), 99, reused},
		{"the oldest of as many as are kept", chained(now, full(29*time.Second)...), 0, replay},
		{"unknown, and all that are kept are of this grace", chained(now, full(grace-1)...), 99, reused},
		{"in force, and as many as are kept", chained(now, full(29*time.Second)...), pastMax, rotate},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, past := c.chain.judge(hashed(c.token), now, grace)
			if got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
			if got == replay && (past.Token != hashed(c.token) || past.Sealed[0] != byte(c.token)) {
				t.Errorf("it gives the successor of another token: %+v", past)
			}
		})
	}
}

func TestJudgeAll(t *testing.T) {
	const grace = 30 * time.Second
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	other := RefreshChain{Current: hashed(50), Past: []Rotated{{Token: hashed(51), At: now}}}
	long := make([]time.Duration, pastMax)
	for _, c := range []struct {
		name   string
		chains []RefreshChain
		token  int
		which  int
		want   verdict
	}{
		{"in force in the first", []RefreshChain{chained(now, 0), other}, 1, 0, rotate},
		{"in force in the second", []RefreshChain{other, chained(now, 0)}, 1, 1, rotate},
		{"exchanged in the second", []RefreshChain{other, chained(now, time.Second)}, 0, 1, replay},
		{"over in the second", []RefreshChain{other, chained(now, grace)}, 0, -1, reused},
		{"unknown to both", []RefreshChain{other, chained(now)}, 99, -1, reused},
		{"unknown, the first is full", []RefreshChain{chained(now, long...), other}, 99, -1, reused},
		{"in force in the second, the first is full", []RefreshChain{chained(now, long...), other}, 50, 1, rotate},
		{"no chain", nil, 0, -1, reused},
	} {
		if which, got, _ := judgeAll(c.chains, hashed(c.token), now, grace); which != c.which || got != c.want {
			t.Errorf("%s: chain %d, %v; want chain %d, %v", c.name, which, got, c.which, c.want)
		}
	}
}

func TestRotated(t *testing.T) {
	const grace = 30 * time.Second
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tokens := func(c RefreshChain) (all []string) {
		for _, p := range c.Past {
			for n := range 100 {
				if p.Token == hashed(n) {
					all = append(all, fmt.Sprint(n))
				}
			}
		}
		return all
	}
	many := make([]time.Duration, pastMax)
	for _, c := range []struct {
		name  string
		chain RefreshChain
		want  string
	}{
		{"the first exchange", chained(now), "[0]"},
		{"within a grace all are kept", chained(now, grace-1, time.Second), "[0 1 2]"},
		{"at the grace one goes", chained(now, grace, grace-1), "[1 2]"},
		{"all older go", chained(now, time.Hour, time.Minute), "[2]"},
		{"the clock went back", chained(now, -time.Hour), "[0 1]"},
		{"of too many the newest", chained(now, many...), "[1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32]"},
	} {
		before := fmt.Sprint(c.chain)
		next := c.chain.rotated(hashed(99), []byte("sealed"), now, grace)
		last := next.Past[len(next.Past)-1]
		if next.Current != hashed(99) || last.Token != c.chain.Current || string(last.Sealed) != "sealed" || !last.At.Equal(now) {
			t.Errorf("%s: %+v", c.name, next)
		}
		if got := fmt.Sprint(tokens(next)); got != c.want {
			t.Errorf("%s: %s are kept, want %s", c.name, got, c.want)
		}
		if fmt.Sprint(c.chain) != before {
			t.Errorf("%s: the chain that was given has changed", c.name)
		}
		if v, _ := next.judge(c.chain.Current, now, grace); v != replay {
			t.Errorf("%s: the exchanged token is %v", c.name, v)
		}
	}
}

// A refresh token is bound to its place: another token of the same session, or the same for another session, opens nothing.
func TestSuccessorIsSealed(t *testing.T) {
	ring, err := newKeyring("", []Secret{make32(1)})
	if err != nil {
		t.Fatal(err)
	}
	var handle [handleSize]byte
	one, two := ring.mintRefresh(7, handle), ring.mintRefresh(7, handle)
	if one.session != two.session || one.hash == two.hash || one.session.Bucket != 7 {
		t.Fatal("two tokens of one handle are not of one session, or are the same")
	}
	next, sealed := ring.successor(one, "ses_1")
	if next.session != one.session || next.hash == one.hash {
		t.Error("the successor is of another session, or the same token")
	}
	if again, err := ring.reopen(one, "ses_1", sealed); err != nil || again.text != next.text || again.hash != next.hash {
		t.Errorf("reopened: another token, or %v", err)
	}
	for name, open := range map[string]func() (refreshToken, error){
		"another token":   func() (refreshToken, error) { return ring.reopen(two, "ses_1", sealed) },
		"the successor":   func() (refreshToken, error) { return ring.reopen(next, "ses_1", sealed) },
		"another session": func() (refreshToken, error) { return ring.reopen(one, "ses_2", sealed) },
		"changed":         func() (refreshToken, error) { return ring.reopen(one, "ses_1", flipped(sealed)) },
	} {
		if got, err := open(); err == nil && got.hash == next.hash {
			t.Errorf("%s opens it", name)
		}
	}
	rotated, err := newKeyring("", []Secret{make32(2), make32(1)})
	if err != nil {
		t.Fatal(err)
	}
	parsed, ok := rotated.parseRefresh(one.text.text)
	if !ok || parsed.hash != one.hash || parsed.session != one.session || parsed.text == one.text {
		t.Error("under a new secret it is another token, or keeps its old tag")
	}
	if _, ok := ring.parseRefresh(parsed.text.text); ok {
		t.Error("the tag of a secret that is not listed is good")
	}
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

func make32(n byte) Secret {
	s := make(Secret, 32)
	for i := range s {
		s[i] = n*31 + byte(i)
	}
	return s
}

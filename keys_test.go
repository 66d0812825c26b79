package cloakroom_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// listed kids of the JWKS, in order.
func (w *world) kids() (ids []string) {
	w.t.Helper()
	document, _, err := w.JWKS(w.t.Context())
	done(w.t, err)
	var set struct{ Keys []map[string]string }
	done(w.t, json.Unmarshal(document, &set))
	for _, k := range set.Keys {
		ids = append(ids, k["kid"])
	}
	return ids
}

func kid(t testing.TB, token string) string {
	t.Helper()
	header, _ := parts(t, token)
	return header["kid"].(string)
}

func TestFirstKeys(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		t.Run("S171 eight processes that start at once have one key that signs and one that is next", func(t *testing.T) {
			clock := authtest.NewClock(time.Now().UTC().Truncate(time.Second))
			nodes := make([]*world, 8)
			for i := range nodes {
				c := signing(store)
				c.Now = clock.Now
				nodes[i] = newWorld(t, c)
				nodes[i].Clock = clock
			}
			user := nodes[0].User("ana@example.com")
			holders := make([]*holder, len(nodes))
			if ok := atOnce(len(nodes), func(i int) error {
				holders[i] = nodes[i].app()
				_, err := holders[i].trySignIn(user.Email)
				return err
			}); ok != len(nodes) {
				t.Fatalf("%d of %d could sign in", ok, len(nodes))
			}
			made := 0
			for i, w := range nodes {
				if kid(t, holders[i].access) != kid(t, holders[0].access) || !slices.Equal(w.kids(), nodes[0].kids()) {
					t.Error("two processes have different keys")
				}
				holders[(i+1)%len(nodes)].at(w).answers(http.StatusOK, "a token of another process")
				made += len(w.Events(cloakroom.SigningKeyCreated))
			}
			w := nodes[0]
			if a, n := w.keyIDs(cloakroom.KeyActive), w.keyIDs(cloakroom.KeyNext); len(a) != 1 || len(n) != 1 || made != 1 {
				t.Errorf("active %v, next %v, told %d times", a, n, made)
			}
		})
	})
}

func TestJWKS(t *testing.T) {
	for alg, members := range map[string]string{
		"ES256": "[alg crv kid kty use x y]", "EdDSA": "[alg crv kid kty use x]", "RS256": "[alg e kid kty n use]",
	} {
		t.Run("S166 S167 before anybody has signed in there are keys, of "+alg+", with public members only", func(t *testing.T) {
			c := signing(nil)
			c.Token.Algorithm = alg
			w := newWorld(t, c)
			document, etag, err := w.JWKS(t.Context())
			done(t, err)
			var set map[string][]map[string]string
			done(t, json.Unmarshal(document, &set))
			if len(set) != 1 || len(set["keys"]) != 2 {
				t.Errorf("document %s", document)
			}
			for _, k := range set["keys"] {
				if got := fmt.Sprint(slices.Sorted(maps.Keys(k))); got != members || k["alg"] != alg || k["use"] != "sig" {
					t.Errorf("members %s, want %s", got, members)
				}
			}
			again, same, err := w.JWKS(t.Context())
			done(t, err)
			if !bytes.Equal(again, document) || same != etag || len(etag) < 10 || etag[0] != '"' {
				t.Errorf("the same keys have the tags %s and %s", etag, same)
			}
			h := w.app()
			h.signIn(w.User("ana@example.com").Email)
			if kid(t, h.access) != set["keys"][0]["kid"] {
				t.Error("the first listed key is not the one that signs")
			}
			done(t, w.Keys().Withdraw(t.Context(), w.kids()[0]))
			if _, other, err := w.JWKS(t.Context()); err != nil || other == etag {
				t.Errorf("other keys have the tag %s, too, %v", other, err)
			}
		})
	}
}

func TestRotateKeys(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		other := w.beside(signing(nil))
		ana := w.User("ana@example.com")
		h := w.app()
		h.signIn(ana.Email)
		t.Run("S168 S169 the next key is listed for the cache time before it signs, and the old tokens stay good", func(t *testing.T) {
			first := w.keyIDs(cloakroom.KeyActive)[0]
			next := w.keyIDs(cloakroom.KeyNext)[0]
			fetched := w.published() // by a verifier that keeps them for the cache time
			w.Forget()
			at, err := w.Keys().Rotate(t.Context())
			done(t, err)
			w.happened(cloakroom.SigningKeyRotated)
			if wait := at.Sub(w.Clock.Now()); wait < cloakroom.KeyCache {
				t.Errorf("it signs in %v, a verifier may keep what it has for %v", wait, cloakroom.KeyCache)
			}
			if again, err := w.Keys().Rotate(t.Context()); err != nil || !again.Equal(at) {
				t.Errorf("told twice: %v, %v, at first %v", again, err, at)
			}
			w.Clock.Advance(at.Sub(w.Clock.Now()) - time.Microsecond)
			old := w.app()
			old.signIn(ana.Email)
			if kid(t, old.access) != first {
				t.Error("a key signs before its time")
			}
			w.Clock.Advance(time.Microsecond)
			for _, node := range []*world{w, other} {
				fresh := node.app()
				fresh.signIn(ana.Email)
				if kid(t, fresh.access) != next {
					t.Error("a key signs after its time")
				}
				if _, err := fetched.Verify(fresh.access, verify.Rules{Type: verify.AccessToken, Issuer: secure, Audience: secure}, w.Clock.Now()); err != nil {
					t.Errorf("a verifier that fetched the keys before: %v", err)
				}
				old.at(node).answers(http.StatusOK, "a token of the old key")
				w.Clock.Advance(time.Second) // the key after it is made
				if got := node.kids(); !slices.Contains(got, first) || !slices.Contains(got, next) || len(got) != 3 {
					t.Errorf("listed %v, want %s, %s and one that is next", got, first, next)
				}
			}
			w.Clock.Advance(10 * time.Minute)
			old.at(other).answers(http.StatusOK, "a token of the old key, until it expires")
			w.Clock.Advance(verify.DefaultLeeway)
			old.answers(http.StatusUnauthorized, "a token of the old key, afterwards")
			old.exchanged()
		})
		t.Run("a key that has been published for long takes over at once", func(t *testing.T) {
			w.Clock.Advance(time.Hour)
			h := w.app()
			h.signIn(ana.Email)
			next := w.keyIDs(cloakroom.KeyNext)[0]
			at, err := w.Keys().Rotate(t.Context())
			done(t, err)
			if !at.Equal(w.Clock.Now()) {
				t.Errorf("it waits until %v", at)
			}
			h.answers(http.StatusOK, "a token of the old key")
			h.exchanged()
			if kid(t, h.access) != next || !slices.Contains(w.kids(), w.keyIDs(cloakroom.KeyNext)[0]) {
				t.Error("the next key does not sign, or there is none after it")
			}
		})
		t.Run("S170 a withdrawn key is refused here at once and elsewhere within a second; sessions live on", func(t *testing.T) {
			h := w.app()
			h.signIn(ana.Email)
			lost := kid(t, h.access)
			h.at(other).answers(http.StatusOK, "before")
			w.Forget()
			done(t, w.Keys().Withdraw(t.Context(), lost))
			if e := w.Events(cloakroom.SigningKeyWithdrawn); len(e) != 1 || e[0].Reason != lost {
				t.Errorf("events %+v", w.Events())
			}
			h.answers(http.StatusUnauthorized, "here")
			if w.active(h.access).Active {
				t.Error("introspection says that it is good")
			}
			w.Clock.Advance(time.Second)
			h.at(other).answers(http.StatusUnauthorized, "elsewhere, a second later")
			if slices.Contains(w.kids(), lost) || slices.Contains(other.kids(), lost) {
				t.Error("it is listed")
			}
			h.exchanged()
			h.at(other).answers(http.StatusOK, "with a new token")
			done(t, w.Keys().Withdraw(t.Context(), lost))
			fails(t, w.Keys().Withdraw(t.Context(), "unknown"), cloakroom.ErrNotFound, "a key that is not there")
			w.Clock.Advance(2 * time.Hour)
			if slices.Contains(w.kids(), lost) {
				t.Error("it came back")
			}
		})
		t.Run("a token of a key that another process has just made is known at once", func(t *testing.T) {
			other.published()
			w.Clock.Advance(100 * time.Millisecond) // what it has is not yet old
			for _, state := range []cloakroom.KeyState{cloakroom.KeyNext, cloakroom.KeyActive} {
				done(t, w.Keys().Withdraw(t.Context(), w.keyIDs(state)[0]))
			}
			h := w.app()
			h.signIn(ana.Email)
			h.at(other).answers(http.StatusOK, "elsewhere, at once")
		})
		t.Run("a list shows no private half", func(t *testing.T) {
			keys, err := w.Keys().List(t.Context())
			done(t, err)
			for _, k := range keys {
				if len(k.Sealed) > 0 || len(k.Public) == 0 || k.ID == "" || k.Algorithm != "ES256" {
					t.Errorf("key %+v", k)
				}
			}
		})
	})
}

package cloakroom_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// feedPage is an answer of the feed as a reader sees it.
type feedPage struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Issued   int64  `json:"iat"`
	Nonce    string
	After    string
	Cursor   string
	More     *bool
	Entries  []map[string]any
}

// told is what the feed says after a cursor, at once.
func (w *world) told(q cloakroom.FeedQuery) feedPage {
	w.t.Helper()
	text, err := w.Feed(w.t.Context(), q)
	done(w.t, err)
	return w.opened(text)
}

func (w *world) opened(text string) (p feedPage) {
	w.t.Helper()
	payload, err := w.published().Open(text, "revocations+jwt")
	done(w.t, err)
	done(w.t, json.Unmarshal(payload, &p))
	return p
}

func hashOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// reader follows the feed.
type reader struct {
	*world
	cursor string
}

// hears what was added since it looked last: "sid ID" or "sub ID epoch" for what is known by name.
func (r *reader) hears(names map[string]string, want ...string) {
	r.t.Helper()
	p := r.told(cloakroom.FeedQuery{After: r.cursor})
	r.cursor = p.Cursor
	var got []string
	for _, e := range p.Entries {
		exp := time.Unix(int64(e["exp"].(float64)), 0)
		if life := exp.Sub(r.Clock.Now()); life < time.Hour+verify.MaxLeeway || life > 2*time.Hour {
			r.t.Errorf("%v is told for %v", e, life)
		}
		switch {
		case e["sid"] != nil && len(e) == 2:
			got = append(got, "sid "+names[e["sid"].(string)])
		case e["sub"] != nil && len(e) == 3:
			got = append(got, fmt.Sprintf("sub %s %.0f", names[e["sub"].(string)], e["epoch"]))
		default:
			r.t.Errorf("entry %v", e)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.t.Errorf("the feed says %q, want %q", got, want)
	}
}

func TestFeedTells(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		c := signing(store)
		c.Session.Limit = 3
		w := newWorld(t, c)
		other := w.beside(signing(nil))
		ana, bob := w.User("ana@example.com"), w.User("bob@example.com")
		names := map[string]string{hashOf(ana.ID): "ana", hashOf(bob.ID): "bob"}
		r := &reader{world: other}
		r.hears(names)
		arrive := func(h *holder, user *cloakroom.User, name string) *cloakroom.Session {
			s := h.signIn(user.Email).Session
			names[hashOf(s.ID)] = name
			return s
		}
		h, there := w.app(), w.app()
		arrive(h, ana, "first")
		r.hears(names)
		done(t, h.leaves(""))
		r.hears(names, "sid first")
		r.hears(names)

		t.Run("a session that was revoked, replaced, over the limit, or showed a stale token", func(t *testing.T) {
			s := arrive(h, ana, "revoked")
			done(t, w.Sessions().Revoke(t.Context(), ana.ID, s.ID))
			r.hears(names, "sid revoked")
			arrive(h, ana, "replaced")
			arrive(h, ana, "fresh")
			r.hears(names, "sid replaced")
			for n := range 3 {
				w.Clock.Advance(time.Second)
				arrive(w.app(), ana, fmt.Sprint("limit ", n))
			}
			r.hears(names, "sid fresh")
			arrive(there, bob, "reused")
			stale := there.copied()
			there.exchanged()
			w.Clock.Advance(refreshGrace)
			stale.refuses(cloakroom.ErrRefreshReused, "a stale token")
			r.hears(names, "sid reused")
		})
		t.Run("a guest who signed in", func(t *testing.T) {
			guest := w.page()
			g, err := guest.call("/", func(rw http.ResponseWriter, rq *http.Request) (*cloakroom.Grant, error) {
				return w.BeginOn(rw, rq, cloakroom.Terms{})
			})
			done(t, err)
			names[hashOf(g.Session.ID)] = "guest"
			arrive(guest, bob, "upgraded")
			r.hears(names, "sid guest")
		})
		t.Run("all sessions of a user by their epoch", func(t *testing.T) {
			done(t, w.Sessions().RevokeAll(t.Context(), bob.ID))
			r.hears(names, "sub bob 2")
			here := w.app()
			arrive(here, bob, "here")
			arrive(there, bob, "there")
			_, err := here.call("/", func(rw http.ResponseWriter, rq *http.Request) (*cloakroom.Grant, error) {
				return w.ChangeSecret(rw, rq, here.current(), cloakroom.Change{Current: authtest.Secret, Next: nextSecret})
			})
			done(t, err)
			r.hears(names, "sub bob 3")
			done(t, w.Users().SetSecret(t.Context(), bob.ID, "", nextSecret+"!"))
			r.hears(names, "sub bob 5")
			done(t, w.Users().Ban(t.Context(), bob.ID))
			r.hears(names, "sub bob 7")
			done(t, w.Users().Ban(t.Context(), bob.ID))
			_, err = w.Users().SetRoles(t.Context(), bob.ID, "editor")
			done(t, err)
			r.hears(names)
			done(t, w.Users().Delete(t.Context(), bob.ID))
			r.hears(names, fmt.Sprint("sub bob ", cloakroom.EveryEpoch))
		})
		t.Run("nothing but hashes, and from the beginning all of it", func(t *testing.T) {
			text, err := other.Feed(t.Context(), cloakroom.FeedQuery{})
			done(t, err)
			for _, id := range []string{ana.ID, bob.ID, "ses_", "usr_", "@example.com"} {
				if strings.Contains(said(t, text), id) {
					t.Errorf("the feed tells %q", id)
				}
			}
			if n := len(other.opened(text).Entries); n != 11 {
				t.Errorf("%d entries", n)
			}
		})
		t.Run("what no token can outlive is forgotten", func(t *testing.T) {
			w.Clock.Advance(time.Hour + 10*time.Minute)
			if n := len(other.told(cloakroom.FeedQuery{}).Entries); n != 0 {
				t.Errorf("%d entries", n)
			}
		})
	})
}

func TestFeedQuery(t *testing.T) {
	w := newWorld(t, signing(nil))
	ana := w.User("ana@example.com")
	leave := func() {
		h := w.app()
		h.signIn(ana.Email)
		done(t, h.leaves(""))
	}
	leave()
	t.Run("the answer says what was asked, by whom and when", func(t *testing.T) {
		first := w.told(cloakroom.FeedQuery{Client: "orders"})
		p := w.told(cloakroom.FeedQuery{Client: "orders", After: first.Cursor, Nonce: "n1"})
		if p.Issuer != secure || p.Audience != "orders" || p.Nonce != "n1" || p.After != first.Cursor || p.Issued != w.Clock.Now().Unix() || p.More == nil || *p.More || p.Entries == nil || len(p.Entries) != 0 || p.Cursor == "" {
			t.Errorf("answer %+v", p)
		}
		text, err := w.Feed(t.Context(), cloakroom.FeedQuery{})
		done(t, err)
		header, _ := parts(t, text)
		if len(header) != 3 || header["typ"] != "revocations+jwt" || header["kid"] != w.keyIDs(cloakroom.KeyActive)[0] {
			t.Errorf("header %v", header)
		}
		if _, err := w.published().Open(text, verify.AccessToken); !errors.Is(err, verify.ErrType) {
			t.Errorf("it opens as an access token: %v", err)
		}
	})
	t.Run("a cursor that this feed has not given out is the beginning", func(t *testing.T) {
		for _, cursor := range []string{"x", "other.99", "'; --", strings.Repeat("9", 64)} {
			if n := len(w.told(cloakroom.FeedQuery{After: cursor}).Entries); n != 1 {
				t.Errorf("%q: %d entries", cursor, n)
			}
		}
	})
	t.Run("bounds", func(t *testing.T) {
		for field, queries := range map[string][]cloakroom.FeedQuery{
			"after": {{After: strings.Repeat("x", 65)}},
			"nonce": {{Nonce: strings.Repeat("x", 65)}},
			"wait":  {{Wait: -1}, {Wait: 30*time.Second + 1}},
		} {
			for _, q := range queries {
				_, err := w.Feed(t.Context(), q)
				if f, ok := errors.AsType[cloakroom.FieldErrors](err); !ok || len(f) != 1 || f[0].Field != field {
					t.Errorf("%+v: %v", q, err)
				}
			}
		}
		w.told(cloakroom.FeedQuery{After: strings.Repeat("x", 64), Nonce: strings.Repeat("x", 64), Wait: 30 * time.Second})
	})
	t.Run("a thousand entries are one answer, and the rest comes next", func(t *testing.T) {
		var entries []cloakroom.Revocation
		for n := range 2500 {
			entries = append(entries, cloakroom.Revocation{Subject: sha256.Sum256(fmt.Append(nil, n)), Until: w.Clock.Now().Add(time.Hour)})
		}
		start := w.told(cloakroom.FeedQuery{}).Cursor
		done(t, w.Store().Append(t.Context(), entries, nil))
		var got []string
		for cursor, page := start, 0; ; page++ {
			p := w.told(cloakroom.FeedQuery{After: cursor, Wait: 30 * time.Second})
			for _, e := range p.Entries {
				got = append(got, e["sid"].(string))
			}
			if *p.More != (page < 2) {
				t.Errorf("page %d of %d entries: more is %v", page, len(p.Entries), *p.More)
			}
			if cursor = p.Cursor; !*p.More {
				break
			}
		}
		if len(got) != len(entries) {
			t.Fatalf("%d entries", len(got))
		}
		for n := range got {
			if got[n] != hashOf(fmt.Sprint(n)) {
				t.Fatalf("entry %d is out of order", n)
			}
		}
	})
}

// A program without an issuer, such as one that bans people, signs nothing, and yet others on its store do.
func TestProgramWithoutIssuerTells(t *testing.T) {
	w := newWorld(t, signing(nil))
	ana := w.User("ana@example.com")
	w.app().signIn(ana.Email)
	s := w.app().signIn(ana.Email).Session
	tool := w.beside(cloakroom.Config{Secrets: []cloakroom.Secret{secret(1)}})
	done(t, tool.Sessions().Revoke(t.Context(), ana.ID, s.ID))
	done(t, tool.Users().Ban(t.Context(), ana.ID))
	r := &reader{world: w}
	r.hears(map[string]string{hashOf(ana.ID): "ana", hashOf(s.ID): "second"}, "sid second", "sub ana 2")
}

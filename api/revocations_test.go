package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// page is an answer of the feed.
type page struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Issued   int64  `json:"iat"`
	Nonce    string
	After    string
	Cursor   string
	More     bool
	Entries  []entry
}

type entry struct {
	Sid, Sub   string
	Epoch, Exp int64
}

// has reports whether the page tells of the end of a session.
func (p page) has(session any) bool {
	sum := sha256.Sum256([]byte(session.(string)))
	return slices.ContainsFunc(p.Entries, func(e entry) bool { return e.Sid == base64.RawURLEncoding.EncodeToString(sum[:]) })
}

// opened checks an answer of the feed by the published keys.
func (w *world) opened(a answer) (p page) {
	w.t.Helper()
	a.is(200)
	if a.header.Get("Content-Type") != "application/jwt" || a.header.Get("Cache-Control") != "no-store" {
		w.t.Errorf("headers %v", a.header)
	}
	text, err := w.keys().Open(a.text, "revocations+jwt")
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	if p.Issuer != issuer || p.Audience != service || p.Cursor == "" {
		w.t.Errorf("%+v", p)
	}
	return p
}

func TestRevocations(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		id := w.user("ana@example.com")
		feed := func(after, nonce string, wait int) answer {
			return w.service().get("/auth/revocations?" + url.Values{"after": {after}, "nonce": {nonce}, "wait": {strconv.Itoa(wait)}}.Encode())
		}
		begin := w.opened(feed("", "n-1", 0))
		if begin.Nonce != "n-1" || begin.After != "" || begin.Entries == nil || begin.Issued != w.now.Unix() {
			t.Errorf("%+v", begin)
		}
		t.Run("a log-out shows up in a poll that waits, and the cursor goes on from there", func(t *testing.T) {
			one, two := w.client().signIn("ana@example.com", "bearer"), w.client().signIn("ana@example.com", "cookie")
			first, second := one.get("/auth/session").at("session", "id"), two.get("/auth/session").at("session", "id")
			polls, got := w.store.polls.Load(), make(chan answer, 1)
			go func() { got <- feed(begin.Cursor, "n-2", 30_000) }()
			for w.store.polls.Load() == polls { // it has looked, and found nothing
				time.Sleep(time.Millisecond)
			}
			one.post("/auth/logout", "").is(204)
			p := w.opened(<-got)
			if !p.has(first) || p.has(second) || p.Nonce != "n-2" || p.After != begin.Cursor || p.Cursor == begin.Cursor {
				t.Errorf("%+v", p)
			}
			two.post("/auth/logout", "").is(204)
			next := w.opened(feed(p.Cursor, "", 0))
			if next.has(first) || !next.has(second) {
				t.Errorf("%+v", next)
			}
			if empty := w.opened(feed(next.Cursor, "", 0)); len(empty.Entries) != 0 || empty.Entries == nil {
				t.Errorf("%+v", empty)
			}
			if all := w.opened(feed("nonsense", "", 0)); !all.has(first) || !all.has(second) {
				t.Error("an unknown cursor is not the beginning")
			}
		})
		t.Run("the end of all sessions of a user is told once, by its epoch", func(t *testing.T) {
			c := w.client().signIn("ana@example.com", "bearer")
			epoch := int64(payload(t, c.bearer)["epoch"].(float64))
			c.post("/auth/logout", `{"scope":"all"}`).is(204)
			sum := sha256.Sum256([]byte(id))
			found := false
			for _, e := range w.opened(feed("", "", 0)).Entries {
				if e.Sub == base64.RawURLEncoding.EncodeToString(sum[:]) && e.Epoch > epoch && e.Exp > w.now.Add(10*time.Minute).Unix() {
					found = true
				}
			}
			if !found {
				t.Error("it was not told")
			}
		})
		t.Run("nothing that names anybody is in it", func(t *testing.T) {
			text, err := w.keys().Open(feed("", "", 0).is(200).text, "revocations+jwt")
			if err != nil || strings.Contains(string(text), "ses_") || strings.Contains(string(text), "usr_") || strings.Contains(string(text), "@") {
				t.Errorf("%v %s", err, text)
			}
		})
		t.Run("what is no question", func(t *testing.T) {
			for query, field := range map[string]string{
				"wait=-1": "wait", "wait=30001": "wait", "wait=x": "wait", "wait=": "wait", "wait=1&wait=2": "wait", "wait=99999999999999999999": "wait",
				"nonce=" + strings.Repeat("n", 65): "nonce", "nonce=a&nonce=b": "nonce",
				"after=" + strings.Repeat("c", 65): "after", "after=a&after=b": "after", "after=%zz": "query",
			} {
				a := w.service().get("/auth/revocations?"+query).fails(422, "validation_failed").says("invalid_request")
				if a.at("errors", 0, "field") != field {
					t.Errorf("%s: %s", query, a.text)
				}
			}
		})
		t.Run("while the store is silent nobody is told that all is well", func(t *testing.T) {
			w.store.down.Store(true)
			defer w.store.down.Store(false)
			if a := feed("", "", 0).fails(503, "unavailable"); a.at("error") != nil {
				t.Errorf("RFC 6749 §5.2 has no code for this: %s", a.text)
			}
		})
	}, signed)
}

// TestRevocationsOutliveDeadline asks for a longer wait than the server gives to any other answer.
func TestRevocationsOutliveDeadline(t *testing.T) {
	w := open(t, signed)
	server := httptest.NewUnstartedServer(w.api)
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	r, err := http.NewRequest("GET", server.URL+"/auth/revocations?wait=200", nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := w.opened(w.service().send(r)); len(p.Entries) != 0 {
		t.Errorf("%+v", p)
	}
}

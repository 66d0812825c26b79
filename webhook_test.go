package cloakroom_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// delivery is what a receiver was sent.
type delivery struct {
	id, timestamp, signature string
	header                   http.Header
	body                     []byte

	Type      string         `json:"type"`
	Timestamp time.Time      `json:"timestamp"`
	Data      map[string]any `json:"data"`
}

// receiver is a server that is told of events. Made outside of a bubble, its waiting holds up no clock.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []delivery
	answer func(n int, w http.ResponseWriter) // to the nth delivery, from 1; nil: 204
	come   chan struct{}                      // one for each delivery
}

func receive(t testing.TB, answer func(n int, w http.ResponseWriter)) *receiver {
	r := &receiver{answer: answer, come: make(chan struct{}, 10_000)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (v *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := delivery{id: r.Header.Get("webhook-id"), timestamp: r.Header.Get("webhook-timestamp"), signature: r.Header.Get("webhook-signature"), header: r.Header}
	d.body, _ = io.ReadAll(r.Body)
	_ = json.Unmarshal(d.body, &d)
	v.mu.Lock()
	v.got = append(v.got, d)
	n := len(v.got)
	v.mu.Unlock()
	v.come <- struct{}{}
	if v.answer != nil {
		v.answer(n, w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (v *receiver) all() []delivery {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.got)
}

// wait returns what has come when there are n deliveries.
func (v *receiver) wait(t testing.TB, n int) []delivery {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for len(v.all()) < n {
		select {
		case <-v.come:
		case <-deadline:
			t.Fatalf("%d deliveries, want %d", len(v.all()), n)
		}
	}
	return v.all()
}

func (v *receiver) types() (types []string) {
	for _, d := range v.all() {
		types = append(types, d.Type)
	}
	return types
}

const (
	hookSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
	newHookSecret = "whsec_" + "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

var loopbackNets = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// hook is a webhook to a receiver.
func (v *receiver) hook(name string, events ...cloakroom.EventType) cloakroom.Webhook {
	return cloakroom.Webhook{Name: name, URL: v.URL + "/in?key=1", Secrets: []string{hookSecret}, Events: events, Allow: loopbackNets}
}

// signed reports whether a delivery has the signature of Standard Webhooks by a secret.
func (d delivery) signed(t testing.TB, secret string) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	done(t, err)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(d.id + "." + d.timestamp + "." + string(d.body)))
	return slices.Contains(strings.Fields(d.signature), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func TestWebhook(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		all := receive(t, nil)
		some := receive(t, nil)
		every := all.hook("crm")
		every.Secrets = append(every.Secrets, newHookSecret)
		w := newWorld(t, cloakroom.Config{
			Store: store, Session: cloakroom.Lifetime{Limit: 1},
			Webhooks: []cloakroom.Webhook{every, some.hook("audit", cloakroom.SignedIn, cloakroom.UserBanned)},
		})
		ana := w.User("ana@example.com")
		first := w.browser().signIn(ana.Email)
		w.browser().signIn(ana.Email) // over the limit: the first ends
		w.browser().begin()
		_ = w.browser().guess(1, ana.Email)
		got := all.wait(t, 5)
		t.Run("it is signed by each secret, at the time of the attempt", func(t *testing.T) {
			for _, d := range got {
				if !d.signed(t, hookSecret) || !d.signed(t, newHookSecret) {
					t.Errorf("%s: signature %s", d.id, d.signature)
				}
				if d.timestamp != strconv.FormatInt(w.Clock.Now().Unix(), 10) || d.header.Get("Content-Type") != "application/json" {
					t.Errorf("header %v", d.header)
				}
			}
		})
		t.Run("it tells what happened to whom", func(t *testing.T) {
			i := slices.IndexFunc(got, func(d delivery) bool { return d.Type == "signed_in" && d.Data["session_id"] == first.ID })
			if i < 0 {
				t.Fatalf("no sign-in among %v", all.types())
			}
			d := got[i]
			if d.Data["user_id"] != ana.ID || d.Data["ip"] != "192.0.2.1" || !strings.Contains(d.Data["user_agent"].(string), "Firefox") || !d.Timestamp.Equal(w.Clock.Now()) {
				t.Errorf("told as %s", d.body)
			}
		})
		t.Run("a session that ends by the way has its id", func(t *testing.T) {
			i := slices.IndexFunc(got, func(d delivery) bool { return d.Type == "session_revoked" })
			if i < 0 || got[i].Data["session_id"] != first.ID || got[i].Data["reason"] != "limit" {
				t.Errorf("told %v", all.types())
			}
		})
		t.Run("events that are kept, once each, and no others", func(t *testing.T) {
			types := all.types()
			slices.Sort(types)
			if want := []string{"session_revoked", "sign_in_failed", "signed_in", "signed_in", "user_created"}; !slices.Equal(types, want) {
				t.Errorf("told of %v, want %v", types, want)
			}
			ids := map[string]bool{}
			for _, d := range got {
				ids[d.id] = true
			}
			if len(ids) != len(got) {
				t.Errorf("%d ids of %d deliveries", len(ids), len(got))
			}
		})
		t.Run("another is told of what it asks for", func(t *testing.T) {
			done(t, w.Users().Ban(t.Context(), ana.ID))
			some.wait(t, 3)
			all.wait(t, 6)
			types := some.types()
			slices.Sort(types)
			if !slices.Equal(types, []string{"signed_in", "signed_in", "user_banned"}) {
				t.Errorf("told of %v", types)
			}
		})
	})
}

// What waits in the store has neither the secret of a webhook nor any of ours.
func TestWebhookParcelsHaveNoSecret(t *testing.T) {
	store := memory.New()
	r := receive(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(500) })
	w := newWorld(t, cloakroom.Config{Store: store, Webhooks: []cloakroom.Webhook{r.hook("crm")}})
	d := w.program()
	w.User("ana@example.com")
	d.signIn("ana@example.com")
	r.wait(t, 2)
	w.Clock.Advance(time.Hour)
	parcels, err := store.ClaimParcels(t.Context(), cloakroom.ParcelQuery{Kind: "webhook crm", Now: w.Clock.Now().Add(time.Hour), LeasedUntil: w.Clock.Now(), Max: 10})
	if err != nil || len(parcels) == 0 {
		t.Fatalf("%d parcels, %v", len(parcels), err)
	}
	for _, p := range parcels {
		for _, secret := range []string{"whsec_", d.token, "key=1", r.URL} {
			if strings.Contains(string(p.Data), secret) {
				t.Errorf("%s is in %s", secret, p.Data)
			}
		}
	}
}

// bubble runs a test with a clock of its own. What listens on a socket is made before, outside of it.
func bubble(t *testing.T, test func(t *testing.T)) { t.Helper(); synctest.Test(t, test) }

func TestWebhookTriesAgain(t *testing.T) {
	t.Run("after 500, with the same id and body, and another time", func(t *testing.T) {
		r := receive(t, func(n int, w http.ResponseWriter) { w.WriteHeader(map[bool]int{true: 500, false: 200}[n < 3]) })
		bubble(t, func(t *testing.T) {
			w := newWorld(t, cloakroom.Config{Now: time.Now, Webhooks: []cloakroom.Webhook{r.hook("crm")}})
			w.User("ana@example.com")
			time.Sleep(time.Hour)
			got := r.all()
			if len(got) != 3 {
				t.Fatalf("%d deliveries, want 3", len(got))
			}
			var times []int64
			for _, d := range got {
				seconds, err := strconv.ParseInt(d.timestamp, 10, 64)
				done(t, err)
				times = append(times, seconds)
				if d.id != got[0].id || string(d.body) != string(got[0].body) || !d.signed(t, hookSecret) {
					t.Errorf("%s %s", d.id, d.body)
				}
			}
			if times[1]-times[0] < 5 || times[2]-times[1] < 30 {
				t.Errorf("tried at %v, want 5 s and then 30 s between", times)
			}
			if len(w.Events(cloakroom.WebhookFailed)) > 0 {
				t.Error("told as given up")
			}
		})
	})
	t.Run("not before the answer's Retry-After", func(t *testing.T) {
		r := receive(t, func(n int, w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(map[bool]int{true: 429, false: 200}[n < 2])
		})
		bubble(t, func(t *testing.T) {
			w := newWorld(t, cloakroom.Config{Now: time.Now, Webhooks: []cloakroom.Webhook{r.hook("crm")}})
			w.User("ana@example.com")
			time.Sleep(59 * time.Minute)
			if n := len(r.all()); n != 1 {
				t.Errorf("%d deliveries in the first hour", n)
			}
			time.Sleep(2 * time.Minute)
			if n := len(r.all()); n != 2 {
				t.Errorf("%d deliveries after it", n)
			}
		})
	})
	t.Run("for days, though it is put off each time, and then it is given up", func(t *testing.T) {
		r := receive(t, func(n int, w http.ResponseWriter) { w.Header().Set("Retry-After", "60"); w.WriteHeader(503) })
		bubble(t, func(t *testing.T) {
			w := newWorld(t, cloakroom.Config{Now: time.Now, Webhooks: []cloakroom.Webhook{r.hook("crm")}})
			w.User("ana@example.com")
			time.Sleep(2 * 24 * time.Hour)
			if len(w.Events(cloakroom.WebhookFailed)) > 0 {
				t.Error("given up within two days")
			}
			time.Sleep(3 * 24 * time.Hour)
			if e := w.Events(cloakroom.WebhookFailed); len(e) != 1 || e[0].Reason != "crm" {
				t.Errorf("told as %v", e)
			}
			n := len(r.all())
			time.Sleep(10 * 24 * time.Hour)
			if len(r.all()) != n || n != 12 {
				t.Errorf("%d deliveries, then %d: that it failed is told to no webhook", n, len(r.all()))
			}
		})
	})
	t.Run("not after 410", func(t *testing.T) {
		r := receive(t, func(n int, w http.ResponseWriter) { w.WriteHeader(http.StatusGone) })
		bubble(t, func(t *testing.T) {
			w := newWorld(t, cloakroom.Config{Now: time.Now, Webhooks: []cloakroom.Webhook{r.hook("crm")}})
			ana := w.User("ana@example.com")
			time.Sleep(10 * 24 * time.Hour)
			if e := w.Events(cloakroom.WebhookFailed); len(r.all()) != 1 || len(e) != 1 || e[0].UserID != "" {
				t.Errorf("%d deliveries, told as %v", len(r.all()), e)
			}
			w.kept(ana.ID, cloakroom.UserCreated)
		})
	})
	t.Run("after a node that claimed it has died", func(t *testing.T) {
		r := receive(t, nil)
		bubble(t, func(t *testing.T) {
			store := memory.New()
			now := time.Now()
			done(t, store.Append(t.Context(), nil, []cloakroom.EventRecord{{Type: "user_created", At: now, Parcels: []cloakroom.Parcel{
				{Kind: "webhook crm", DueAt: now, Data: []byte(`{"type":"user_created"}`)},
			}}}))
			claimed, err := store.ClaimParcels(t.Context(), cloakroom.ParcelQuery{Kind: "webhook crm", Now: now, LeasedUntil: now.Add(2 * time.Minute), Max: 1})
			if err != nil || len(claimed) != 1 {
				t.Fatalf("claimed %v, %v", claimed, err)
			}
			newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Webhooks: []cloakroom.Webhook{r.hook("crm")}})
			time.Sleep(time.Minute)
			if n := len(r.all()); n != 0 {
				t.Errorf("%d deliveries within the lease", n)
			}
			time.Sleep(2 * time.Minute)
			if got := r.all(); len(got) != 1 || got[0].id != claimed[0].ID {
				t.Errorf("deliveries %v", got)
			}
		})
	})
}

// A receiver that never answers holds up no other, and not the sign-ins either.
func TestWebhookThatHangs(t *testing.T) {
	release := make(chan struct{})
	hung := receive(t, func(n int, w http.ResponseWriter) { <-release })
	defer close(release)
	good := receive(t, nil)
	w := newWorld(t, cloakroom.Config{Webhooks: []cloakroom.Webhook{hung.hook("hung"), good.hook("good")}})
	w.User("ana@example.com")
	hung.wait(t, 1)
	for range 40 { // more than a batch
		w.browser().signIn("ana@example.com")
	}
	good.wait(t, 41)
}

// The first of many nodes sends, the others do not.
func TestWebhookOfManyNodes(t *testing.T) {
	r := receive(t, nil)
	bubble(t, func(t *testing.T) {
		store := memory.New()
		var nodes []*world
		for range 4 {
			nodes = append(nodes, newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Webhooks: []cloakroom.Webhook{r.hook("crm")}}))
		}
		nodes[0].User("ana@example.com")
		for i := range 40 {
			nodes[i%4].browser().signIn("ana@example.com")
		}
		time.Sleep(time.Minute)
		ids := map[string]bool{}
		for _, d := range r.all() {
			ids[d.id] = true
		}
		if len(r.all()) != 41 || len(ids) != 41 {
			t.Errorf("%d deliveries of %d events, want 41", len(r.all()), len(ids))
		}
	})
}

func TestWebhookConfig(t *testing.T) {
	good := cloakroom.Webhook{Name: "crm", URL: "https://crm.example.com/in", Secrets: []string{hookSecret}}
	with := func(change func(*cloakroom.Webhook)) []cloakroom.Webhook {
		w := good
		change(&w)
		return []cloakroom.Webhook{w}
	}
	for _, c := range []struct {
		name   string
		hooks  []cloakroom.Webhook
		fields []string
	}{
		{"no name", with(func(w *cloakroom.Webhook) { w.Name = "" }), []string{"Webhooks"}},
		{"a name with a space", with(func(w *cloakroom.Webhook) { w.Name = "my crm" }), []string{"Webhooks"}},
		{"two of one name", []cloakroom.Webhook{good, good}, []string{"Webhooks"}},
		{"no secret", with(func(w *cloakroom.Webhook) { w.Secrets = nil }), []string{"Webhooks.Secrets"}},
		{"a short secret", with(func(w *cloakroom.Webhook) { w.Secrets = []string{"whsec_c2hvcnQ="} }), []string{"Webhooks.Secrets"}},
		{"a loopback address", with(func(w *cloakroom.Webhook) { w.URL = "https://127.0.0.1/" }), []string{"Webhooks.URL"}},
		{"a private address", with(func(w *cloakroom.Webhook) { w.URL = "https://10.0.0.1/" }), []string{"Webhooks.URL"}},
		{"the metadata of a cloud", with(func(w *cloakroom.Webhook) { w.URL = "https://169.254.169.254/latest" }), []string{"Webhooks.URL"}},
		{"localhost", with(func(w *cloakroom.Webhook) { w.URL = "https://localhost/" }), []string{"Webhooks.URL"}},
		{"http", with(func(w *cloakroom.Webhook) { w.URL = "http://crm.example.com/" }), []string{"Webhooks.URL"}},
		{"a password", with(func(w *cloakroom.Webhook) { w.URL = "https://ana:hunter2@crm.example.com/" }), []string{"Webhooks.URL"}},
		{"an unknown event", with(func(w *cloakroom.Webhook) { w.Events = []cloakroom.EventType{"user_born"} }), []string{"Webhooks.Events"}},
		{"its own failure", with(func(w *cloakroom.Webhook) { w.Events = []cloakroom.EventType{cloakroom.WebhookFailed} }), []string{"Webhooks.Events"}},
		{"a network that is none", with(func(w *cloakroom.Webhook) { w.Allow = []netip.Prefix{{}} }), []string{"Webhooks.Allow"}},
		{"all at once", with(func(w *cloakroom.Webhook) {
			*w = cloakroom.Webhook{URL: "hunter2://", Secrets: []string{"hunter2"}, Events: []cloakroom.EventType{""}}
		}), []string{"Webhooks", "Webhooks.URL", "Webhooks.Secrets", "Webhooks.Events"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := made(t, cloakroom.Config{Store: memory.New(), Webhooks: c.hooks})
			wantMistakes(t, err, c.fields...)
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is in the error: %v", err)
			}
		})
	}
	if err := made(t, cloakroom.Config{Store: memory.New(), Webhooks: []cloakroom.Webhook{good}}); err != nil {
		t.Error(err)
	}
}

// Each type of event is either one that webhooks can be told of, or listed here.
func TestWebhookEventTypes(t *testing.T) {
	untold := []cloakroom.EventType{
		cloakroom.SignInChallenged, cloakroom.GuestBegan, cloakroom.GuestUpgraded, cloakroom.UpgradeFailed, cloakroom.LimitReached,
		cloakroom.DuplicateCookie, cloakroom.InsecureTransport, cloakroom.CredentialCorrupt, cloakroom.RequestFailed,
		cloakroom.RefreshRotated, cloakroom.RefreshReplayed, cloakroom.WebhookFailed,
	}
	declared := regexp.MustCompile(`(?m)^\t\w+ +(?:EventType )?= "(\w+)"`).FindAllStringSubmatch(read(t, "event.go"), -1)
	if len(declared) < 50 {
		t.Fatalf("found only %d types of events: the test looks in the wrong place", len(declared))
	}
	for _, d := range declared {
		kind := cloakroom.EventType(d[1])
		err := made(t, cloakroom.Config{Store: memory.New(), Webhooks: []cloakroom.Webhook{
			{Name: "crm", URL: "https://crm.example.com/in", Secrets: []string{hookSecret}, Events: []cloakroom.EventType{kind}},
		}})
		if refused := err != nil; refused != slices.Contains(untold, kind) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// liar is a small server of everything that clients ask for, which keeps its promises but for one lie.
type liar struct {
	lie string

	mu       sync.Mutex
	users    map[string]*liarUser
	sessions map[string]*liarSession
	next     int
}

type liarUser struct {
	password string
	roles    []string
	banned   bool
}

type liarSession struct{ id, email, data string }

func (l *liar) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/anonymous", l.locked(func(w http.ResponseWriter, r *http.Request) { l.open(w, "", 201) }))
	mux.HandleFunc("POST /auth/signup", l.locked(l.signUp))
	mux.HandleFunc("POST /auth/login", l.locked(l.signIn))
	mux.HandleFunc("POST /auth/logout", l.locked(l.signOut))
	mux.HandleFunc("GET /auth/session", l.locked(l.session))
	mux.HandleFunc("PUT /desk/users/{email}/{what}", l.locked(l.change))
	mux.HandleFunc("/desk/data", l.locked(l.data))
	return mux
}

func (l *liar) locked(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.next++
		h(w, r)
	}
}

// lies reports whether this is the lie, every so many times.
func (l *liar) lies(what string, every int) bool { return l.lie == what && l.next%every == 0 }

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"code":%q}`, code)
}

func (l *liar) open(w http.ResponseWriter, email string, status int) {
	s := &liarSession{id: fmt.Sprintf("ses_%d", l.next), email: email}
	token := fmt.Sprintf("crs_%d", l.next)
	if !l.lies("a session is not kept", 3) {
		l.sessions[token] = s
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"session":{"id":%q},"tokens":{"access_token":%q}}`, s.id, token)
}

func (l *liar) signUp(w http.ResponseWriter, r *http.Request) {
	var in struct{ Email, Password string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	if l.users[in.Email] != nil && l.lie != "an account is not kept" {
		refuse(w, 409, "email_taken")
		return
	}
	l.users[in.Email] = &liarUser{password: in.Password}
	l.open(w, in.Email, 201)
}

func (l *liar) signIn(w http.ResponseWriter, r *http.Request) {
	var in struct{ Email, Password string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	switch u := l.users[in.Email]; {
	case u.password != in.Password && l.lie != "any password will do":
		refuse(w, 401, "invalid_credentials")
	case l.lies("a right password is refused", 2):
		refuse(w, 401, "invalid_credentials")
	case u.banned:
		refuse(w, 403, "user_banned")
	default:
		l.open(w, in.Email, 200)
	}
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func (l *liar) signOut(w http.ResponseWriter, r *http.Request) {
	var in struct{ Scope string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	if s := l.sessions[bearer(r)]; s != nil && !l.lies("a sign-out does nothing", 3) {
		if in.Scope == "" {
			delete(l.sessions, bearer(r))
		} else if l.lie != "a sign-out of all ends one" {
			l.end(s.email, bearer(r), in.Scope == "others" && l.lie != "a sign-out of others ends all")
		}
	}
	w.WriteHeader(204)
}

func (l *liar) end(email, token string, spare bool) {
	for t, s := range l.sessions {
		if s.email == email && !(spare && t == token) {
			delete(l.sessions, t)
		}
	}
}

func (l *liar) session(w http.ResponseWriter, r *http.Request) {
	s := l.sessions[bearer(r)]
	switch {
	case l.lies("an outage is a 401", 20):
		refuse(w, 401, "invalid_token")
	case l.lies("an outage is a 500", 20):
		refuse(w, 500, "internal")
	case l.lies("an outage has no end", 20):
		refuse(w, 503, "unavailable")
	case s == nil:
		fmt.Fprint(w, `{"session":null,"user":null}`)
	case s.email == "":
		fmt.Fprintf(w, `{"session":{"id":%q},"user":null}`, s.id)
	default:
		u := l.users[s.email]
		roles, _ := json.Marshal(append([]string{}, u.roles...))
		fmt.Fprintf(w, `{"session":{"id":%q},"user":{"email":%q,"roles":%s}}`, s.id, s.email, roles)
	}
}

func (l *liar) change(w http.ResponseWriter, r *http.Request) {
	email := r.PathValue("email")
	u := l.users[email]
	switch r.PathValue("what") {
	case "ban":
		u.banned = l.lie != "a ban bans nobody"
		l.end(email, "", false)
	case "roles":
		if l.lie != "roles stay as they were" {
			_ = json.NewDecoder(r.Body).Decode(&u.roles)
		}
	case "password":
		if l.lie != "a password stays as it was" {
			_ = json.NewDecoder(r.Body).Decode(&u.password)
		}
		if l.lie != "sessions outlive a password" {
			l.end(email, "", false)
		}
	}
	w.WriteHeader(204)
}

func (l *liar) data(w http.ResponseWriter, r *http.Request) {
	s := l.sessions[bearer(r)]
	switch {
	case s == nil:
		refuse(w, 401, "invalid_token")
	case r.Method == "GET":
		fmt.Fprintf(w, `{"data":%q}`, s.data)
	default:
		if !l.lies("data is not kept", 2) {
			_ = json.NewDecoder(r.Body).Decode(&s.data)
		}
		w.WriteHeader(204)
	}
}

// TestLiesAreFound lets the clients and the auditor work with a liar: each lie is found, and the truth is not complained of.
func TestLiesAreFound(t *testing.T) {
	for lie, want := range map[string]string{
		"":                              "",
		"a session is not kept":         "which lives",
		"an account is not kept":        "has lost the account",
		"any password will do":          "takes a password",
		"a right password is refused":   "refuses the password",
		"a sign-out does nothing":       "accepts ses_",
		"a sign-out of all ends one":    "accepts ses_",
		"a sign-out of others ends all": "which lives",
		"an outage is a 401":            "which lives",
		"an outage is a 500":            "answers 500",
		"an outage has no end":          "not when to come back",
		"a ban bans nobody":             "who is banned",
		"roles stay as they were":       "has the roles",
		"a password stays as it was":    "refuses the password",
		"sessions outlive a password":   "accepts ses_",
		"data is not kept":              "was acknowledged",
	} {
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			found := strings.Join(workWith(t, lie), "\n")
			if want == "" && found != "" || !strings.Contains(found, want) {
				t.Errorf("found %q, want %q", found, want)
			}
		})
	}
}

// workWith returns what is found when clients work with a liar for a fixed number of turns.
func workWith(t *testing.T, lie string) []string {
	t.Helper()
	server := httptest.NewServer((&liar{lie: lie, users: map[string]*liarUser{}, sessions: map[string]*liarSession{}}).routes())
	t.Cleanup(server.Close)
	peers := []peer{{"a", server.URL}, {"b", server.URL}}
	j := &journal{allowance: time.Millisecond}
	l := &load{peers: peers, desks: peers, journal: j, meter: &meter{}, names: new(atomic.Int64)}
	var running sync.WaitGroup
	for stream := range uint64(3) {
		w := &worker{load: l, client: newClient(l.meter, patient, 1, stream)}
		running.Go(func() {
			defer w.client.close()
			for range 400 {
				w.turn()
				w.watch(peers[0])
			}
		})
	}
	running.Wait()
	a := &auditor{peers: peers, desks: peers, journal: j, patience: time.Millisecond, rng: rand.New(rand.NewPCG(1, 0))}
	a.audit(true)
	return j.complaints(0)
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
)

const password = "correct horse battery staple"

// journal is what the server has acknowledged, to all clients together.
type journal struct {
	mu      sync.Mutex
	users   []string // e-mails that have an account
	alive   []entry  // tokens that must be good
	ended   []entry  // tokens that must be dead
	checked struct{ users, alive, ended int }

	next                              atomic.Int64
	acks, goal                        atomic.Int64
	reached                           chan struct{} // closed when acks is goal
	signups, signins, guests, logouts atomic.Int64
}

// entry is a token and whose it is: an e-mail, or empty for a guest.
type entry struct{ token, email string }

func (j *journal) counts() string {
	return fmt.Sprintf("%d sign-ups, %d sign-ins, %d guests and %d log-outs acknowledged",
		j.signups.Load(), j.signins.Load(), j.guests.Load(), j.logouts.Load())
}

// work lets clients work, and kills the server when so many answers were acknowledged.
func (j *journal) work(s *server, clients int, answers int64) {
	j.reached = make(chan struct{})
	j.goal.Store(j.acks.Load() + answers)
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			c := &http.Client{Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for j.turn(c, s.url) == nil {
			}
		})
	}
	idle := make(chan struct{}) // every client has met an answer that it did not expect, or none
	go func() {
		wait.Wait()
		close(idle)
	}()
	select {
	case <-j.reached:
	case <-s.dead:
	case <-idle:
	}
	s.kill()
	<-idle
}

// turn is one client's round: an account, a second sign-in, a guest, and an end to some of it.
func (j *journal) turn(c *http.Client, url string) error {
	email := fmt.Sprintf("user%d@example.com", j.next.Add(1))
	first, err := open(c, url+"/auth/signup", credentials(email), http.StatusCreated)
	if err != nil {
		return err
	}
	j.acknowledged(&j.signups)
	j.note(func() { j.users = append(j.users, email) })
	second, err := open(c, url+"/auth/login", credentials(email), http.StatusOK)
	if err != nil {
		j.opened(entry{first, email})
		return err
	}
	j.acknowledged(&j.signins)
	j.opened(entry{second, email})
	if err := j.logout(c, url, entry{first, email}); err != nil {
		return err
	}
	for range 10 { // guests cost no hash: they keep the writer busy
		guest, err := open(c, url+"/auth/anonymous", map[string]any{"delivery": "bearer"}, http.StatusCreated)
		if err != nil {
			return err
		}
		j.acknowledged(&j.guests)
		if rand.N(2) == 0 {
			j.opened(entry{token: guest})
		} else if err := j.logout(c, url, entry{token: guest}); err != nil {
			return err
		}
	}
	return nil
}

// acknowledged counts an answer.
func (j *journal) acknowledged(kind *atomic.Int64) {
	kind.Add(1)
	if j.acks.Add(1) == j.goal.Load() {
		close(j.reached)
	}
}

func credentials(email string) map[string]any {
	return map[string]any{"email": email, "password": password, "delivery": "bearer"}
}

// logout ends a session. If no answer comes, nobody knows: the token is in no list.
func (j *journal) logout(c *http.Client, url string, e entry) error {
	status, _, err := call(c, http.MethodPost, url+"/auth/logout", e.token, nil)
	if err != nil {
		return err
	}
	if status != http.StatusNoContent {
		return fmt.Errorf("log-out answered %d", status)
	}
	j.acknowledged(&j.logouts)
	j.note(func() { j.ended = append(j.ended, e) })
	return nil
}

func (j *journal) opened(e entry) { j.note(func() { j.alive = append(j.alive, e) }) }

func (j *journal) note(change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
}

// sample is how much of what was verified before is verified again after each kill.
const sample = 200

// verify asks the server about everything noted since the last time and a sample of the rest, or about everything.
func (j *journal) verify(url string, everything bool) error {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	defer c.CloseIdleConnections()
	users := pick(j.users, &j.checked.users, everything)
	alive := pick(j.alive, &j.checked.alive, everything)
	ended := pick(j.ended, &j.checked.ended, everything)
	var errs []error
	for _, e := range alive {
		errs = append(errs, e.mustLive(c, url))
	}
	for _, e := range ended {
		errs = append(errs, e.mustBeDead(c, url))
	}
	for _, email := range users {
		status, _, err := call(c, http.MethodPost, url+"/auth/signup", "", credentials(email))
		if err != nil || status != http.StatusConflict {
			errs = append(errs, fmt.Errorf("the account of %s is lost: sign-up answers %d, %v", email, status, err))
		}
	}
	return errors.Join(errs...)
}

func pick[T any](all []T, checked *int, everything bool) []T {
	if everything {
		*checked = len(all)
		return all
	}
	chosen := append([]T{}, all[*checked:]...)
	for range min(sample, *checked) {
		chosen = append(chosen, all[rand.N(*checked)])
	}
	*checked = len(all)
	return chosen
}

func (e entry) mustLive(c *http.Client, url string) error {
	status, body, err := call(c, http.MethodGet, url+"/auth/session", e.token, nil)
	if err != nil {
		return err
	}
	var seen struct {
		Session *struct{ Anonymous bool }
		User    *struct{ Email string }
	}
	if err := json.Unmarshal(body, &seen); err != nil || status != http.StatusOK || seen.Session == nil {
		return fmt.Errorf("an acknowledged session of %q is lost: %d %s", e.email, status, body)
	}
	if e.email == "" != seen.Session.Anonymous || seen.User != nil && seen.User.Email != e.email {
		return fmt.Errorf("a session of %q is another's now: %s", e.email, body)
	}
	return nil
}

func (e entry) mustBeDead(c *http.Client, url string) error {
	status, body, err := call(c, http.MethodGet, url+"/auth/me", e.token, nil)
	if err != nil {
		return err
	}
	if status != http.StatusUnauthorized || !bytes.Contains(body, []byte("invalid_token")) {
		return fmt.Errorf("an ended session of %q came back: %d %s", e.email, status, body)
	}
	return nil
}

// open asks for a session and returns its token.
func open(c *http.Client, url string, body map[string]any, want int) (string, error) {
	status, answer, err := call(c, http.MethodPost, url, "", body)
	if err != nil {
		return "", err
	}
	var result struct {
		Tokens struct {
			Access string `json:"access_token"`
		}
	}
	if err := json.Unmarshal(answer, &result); err != nil || status != want || result.Tokens.Access == "" {
		return "", fmt.Errorf("%s answered %d %s", url, status, answer)
	}
	return result.Tokens.Access, nil
}

func call(c *http.Client, method, url, token string, body map[string]any) (int, []byte, error) {
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		payload = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, url, payload)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

package api_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

// admin is a browser of an administrator who has signed in with two factors, and its user's id.
func (h *house) admin(email string) (*client, string) {
	h.t.Helper()
	id := h.resident(email, cloakroom.RoleAdmin)
	return h.twice(email), id
}

// twice is a browser of a user who has signed in with two factors, of which the second is made for it.
func (h *house) twice(email string) *client {
	h.t.Helper()
	c, _ := h.enrolled(email)
	return c
}

// enrolled is twice with that second factor.
func (h *house) enrolled(email string) (*client, *generator) {
	h.t.Helper()
	g, _ := h.in(email).enrol()
	c := h.client()
	c.verify(c.login(email, "").challenged(), "totp", g.code()).is(200)
	return c, g
}

// stepUp proves the session of a client anew, by both factors.
func (c *client) stepUp(g *generator) {
	c.w.t.Helper()
	second := c.verify(c.post("/auth/step-up", "").challenged(), "password", password).challenged()
	c.verify(second, "totp", g.code()).is(200)
}

// key is a program that acts as a user by an API key, and the id of the key.
func (w *world) key(userID string, scopes ...string) (*client, string) {
	w.t.Helper()
	k, token, err := w.auth.APIKeys().Create(context.Background(), cloakroom.NewAPIKey{Name: "robot", UserID: userID, Scopes: scopes})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.program(token.Reveal()), k.ID
}

// program is a client that has this bearer token.
func (w *world) program(token string) *client {
	c := w.client()
	c.bearer = token
	return c
}

// elsewhere is another realm of the same store, with a user of this e-mail.
func (w *world) elsewhere(email string) (other *cloakroom.Auth, userID string) {
	w.t.Helper()
	other, err := cloakroom.New(cloakroom.Config{Store: w.store, Realm: "elsewhere", Methods: []cloakroom.Method{plain{&w.asked}}, Now: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := other.Close(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
	u, err := other.Users().Create(context.Background(), cloakroom.NewUser{Email: email, Name: "Else", Secret: password})
	if err != nil {
		w.t.Fatal(err)
	}
	return other, u.ID
}

// lastEvent is the newest event of a type that the store has of a user.
func (w *world) lastEvent(userID string, kind cloakroom.EventType) cloakroom.Event {
	w.t.Helper()
	for e, err := range w.auth.Events().Of(context.Background(), userID) {
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Type == kind {
			return e
		}
	}
	w.t.Fatalf("no event %s of %s", kind, userID)
	return cloakroom.Event{}
}

// tells finds an event with this text in its details.
func (w *world) tells(text string) (kind cloakroom.EventType, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		for _, detail := range e.Details {
			if strings.Contains(detail, text) {
				return e.Type, true
			}
		}
	}
	return "", false
}

// ids are the members id of the items of a page.
func (a answer) ids() (ids []string) {
	a.t.Helper()
	items, _ := a.is(200).at("items").([]any)
	for i := range items {
		ids = append(ids, a.str("items", i, "id"))
	}
	return ids
}

// turn goes through all pages of a list, of which each but the last is full, and returns the ids on them.
func (c *client) turn(path string, limit int) (ids []string) {
	c.w.t.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	path += separator + "limit=" + strconv.Itoa(limit)
	for next := path; ; {
		a := c.get(next)
		page := a.ids()
		ids = append(ids, page...)
		cursor, more := a.at("next_cursor").(string)
		if len(page) > limit || more && len(page) < limit || len(ids) > 1000 {
			c.w.t.Fatalf("%d items on a page after %d, limit %d, more: %v", len(page), len(ids), limit, more)
		}
		if !more {
			return ids
		}
		next = path + "&cursor=" + cursor
	}
}

func sameSet(t *testing.T, got []string, want ...string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("have %q, want %q", got, want)
	}
}

const nobody = "usr_00000000000070008000000000000000"

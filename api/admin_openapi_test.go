package api_test

import (
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
)

// administration meets what only administrators are answered.
func administration(t *testing.T) *world {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	program, _ := h.key(rootID, "admin")
	for _, line := range adminLines() {
		path := placed(line, nobody)
		ask := func(c *client, body string) answer { return c.do(line.Method, path, body) }
		ask(root.with("Authorization", "Bearer a").with("Authorization", "Bearer b"), "").is(400)
		if line.TakesBody {
			ask(root.with("Content-Type", "text/plain"), "{}").is(415)
			ask(root, strings.Repeat(" ", api.MaxBody)+"{}").is(413)
			ask(root, `{"email":1,"name":1,"reason":1,"overlap":"1"}`).is(422)
			ask(root, "[]").is(400)
		}
		h.store.down.Store(true)
		ask(program, "").is(503) // no node remembers keys
		h.store.down.Store(false)
		h.api = api.New(h.auth)
		ask(root, "").is(404)
		h.api = &api.API{Auth: h.auth, Admin: true}
	}
	h.manage(t, root, rootID)
	return h.world
}

// manage does once what administrators can do.
func (h *house) manage(t *testing.T, root *client, rootID string) {
	ana := h.resident("ana@example.com")
	session := h.in("ana@example.com").get("/auth/session").str("session", "id")
	nowhere, err := h.auth.Users().Create(t.Context(), cloakroom.NewUser{Name: "robot"})
	if err != nil {
		t.Fatal(err)
	}
	_, key := h.key(rootID, "admin")
	one, self := users+"/"+ana, users+"/"+rootID
	for _, step := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", users, "", 200},
		{"GET", users + "?limit=x", "", 422},
		{"POST", users, body("email", "new@example.com"), 201},
		{"POST", users, body("email", "new@example.com"), 409},
		{"GET", one, "", 200},
		{"PATCH", one, body("name", "Ana"), 200},
		{"PATCH", one, body("email", "new@example.com"), 409},
		{"GET", one + "/sessions", "", 200},
		{"GET", one + "/sessions?limit=x", "", 422},
		{"GET", one + "/factors", "", 200},
		{"GET", one + "/events", "", 200},
		{"GET", one + "/events?limit=x", "", 422},
		{"GET", "/auth/admin/events", "", 200},
		{"GET", "/auth/admin/events?limit=x", "", 422},
		{"DELETE", "/auth/admin/sessions/" + session, "", 422},
		{"DELETE", "/auth/admin/sessions/" + session + "?user=" + ana, "", 204},
		{"DELETE", one + "/sessions", "", 204},
		{"POST", one + "/ban", "", 200},
		{"POST", one + "/unban", "", 200},
		{"POST", one + "/restore", "", 200},
		{"POST", one + "/verify", "", 200},
		{"POST", users + "/" + nowhere.ID + "/verify", "", 422},
		{"POST", one + "/require-reset", "", 200},
		{"POST", one + "/reset-factors", "", 200},
		{"POST", self + "/ban", "", 409},
		{"DELETE", self, "", 409},
		{"GET", keys, "", 200},
		{"GET", keys + "?limit=x", "", 422},
		{"POST", keys, body("name", "k", "user_id", rootID, "scopes", []string{"admin"}), 201},
		{"POST", keys + "/" + key + "/rotate", body("overlap", 60), 201},
		{"DELETE", keys + "/" + key, "", 204},
		{"DELETE", one, "", 204},
		{"POST", users + "/" + nowhere.ID + "/impersonate", body("reason", "x"), 200},
		{"DELETE", "/auth/impersonation", "", 200},
	} {
		if a := root.do(step.method, step.path, step.body); a.status != step.status {
			t.Errorf("%s %s: %d, want %d: %s", step.method, step.path, a.status, step.status, a.text)
		}
	}
}

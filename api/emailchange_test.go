package api_test

import (
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestEmailChange(t *testing.T) {
	login := func(h *house, email string) int {
		return h.client().post("/auth/login", body("email", email, "password", password)).status
	}
	t.Run("S132 V94 V95 the new address confirms, the old one is told, the others end", func(t *testing.T) {
		h := home(t)
		c, other := h.newcomer("ana@example.com"), h.in("ana@example.com")
		c.post("/auth/email/change", body("email", "New@example.com")).is(202)
		token := h.link("new@example.com", "verify_new_email")
		if login(h, "ana@example.com") != 200 || login(h, "new@example.com") != 401 || c.get("/auth/me").at("email") != "ana@example.com" {
			t.Error("it was changed before it was confirmed")
		}
		old := c.again()
		a := c.post("/auth/email/confirm", body("token", token)).is(200).private()
		if a.str("status") != "email_changed" || a.str("user", "email") != "new@example.com" || a.at("user", "email_verified") != true || a.at("session") == nil {
			t.Errorf("%s", a.text)
		}
		if login(h, "ana@example.com") != 401 || login(h, "new@example.com") != 200 {
			t.Error("the new address is not the one to sign in by")
		}
		if !c.signedIn() || other.signedIn() || old.signedIn() {
			t.Error("this session ended, or another or its old token lives on")
		}
		t.Run("once", func(t *testing.T) { c.post("/auth/email/confirm", body("token", token)).fails(410, "invalid_link") })
		t.Run("this was not me: the old address undoes it, every session ends, the password must be reset", func(t *testing.T) {
			undo := h.link("ana@example.com", "notice")
			if got := h.client().post("/auth/disown", body("token", undo)).is(200).str("status"); got != "disowned" {
				t.Errorf("status %s", got)
			}
			if c.signedIn() || login(h, "new@example.com") != 401 {
				t.Error("the thief is in")
			}
			h.client().post("/auth/login", body("email", "ana@example.com", "password", password)).fails(403, "password_reset_required")
			h.client().post("/auth/password/reset", body("token", h.link("ana@example.com", "reset_password"), "password", fresh)).is(200)
			h.client().post("/auth/login", body("email", "ana@example.com", "password", fresh)).is(200)
			h.client().post("/auth/disown", body("token", undo)).fails(410, "invalid_link")
		})
	})
	t.Run("confirmed in another browser there is no session in the answer, and all end", func(t *testing.T) {
		h := home(t)
		c := h.newcomer("ana@example.com")
		c.post("/auth/email/change", body("email", "new@example.com")).is(202)
		elsewhere, token := h.client(), h.link("new@example.com", "verify_new_email")
		elsewhere.post("/auth/email/confirm", body("token", token)).fails(422, "validation_failed")
		for range 10 {
			elsewhere.post("/auth/email/confirm", body("token", token, "password", fresh)).fails(401, "invalid_credentials")
		}
		elsewhere.post("/auth/email/confirm", body("token", token, "password", password)).fails(429, "rate_limited")
		h.pass(20 * time.Minute)
		a := elsewhere.post("/auth/email/confirm", body("token", token, "password", password)).is(200)
		if a.text != `{"status":"email_changed"}`+"\n" || len(elsewhere.cookies) != 0 || c.signedIn() {
			t.Errorf("%s", a.text)
		}
	})
	t.Run("V96 an address that somebody has is answered as a free one", func(t *testing.T) {
		h := home(t)
		h.resident("bob@example.com")
		c := h.newcomer("ana@example.com")
		taken, free := c.post("/auth/email/change", body("email", "bob@example.com")).is(202), c.post("/auth/email/change", body("email", "free@example.com")).is(202)
		if taken.text != free.text {
			t.Errorf("%s and %s", taken.text, free.text)
		}
		h.outbox.WaitFor(t, "bob@example.com", "signup_known")
		h.nothingMailed("bob@example.com", "verify_new_email")
	})
	t.Run("taken by the time it is confirmed", func(t *testing.T) {
		h := home(t)
		c := h.newcomer("ana@example.com")
		c.post("/auth/email/change", body("email", "new@example.com")).is(202)
		token := h.link("new@example.com", "verify_new_email")
		h.resident("new@example.com")
		c.post("/auth/email/confirm", body("token", token)).fails(409, "email_taken")
		if !c.signedIn() || c.get("/auth/me").at("email") != "ana@example.com" {
			t.Error("something changed")
		}
	})
	t.Run("too late, and after another road has changed it", func(t *testing.T) {
		h := home(t)
		c := h.newcomer("ana@example.com")
		c.post("/auth/email/change", body("email", "late@example.com")).is(202)
		late := h.link("late@example.com", "verify_new_email")
		h.pass(time.Hour)
		c.post("/auth/email/confirm", body("token", late)).fails(410, "expired_link")
		c = h.in("ana@example.com")
		c.post("/auth/email/change", body("email", "new@example.com")).is(202)
		token := h.link("new@example.com", "verify_new_email")
		if _, err := h.auth.Users().Update(t.Context(), h.account("ana@example.com").ID, func(u *cloakroom.User) error { u.Email = "third@example.com"; return nil }); err != nil {
			t.Fatal(err)
		}
		c.post("/auth/email/confirm", body("token", token)).fails(410, "invalid_link")
	})
	t.Run("what cannot be, and who may not", func(t *testing.T) {
		h := home(t)
		c := h.newcomer("ana@example.com")
		c.post("/auth/email/change", body("email", "ana@example.com")).blames("email", "unchanged")
		c.post("/auth/email/change", body("email", "a b")).blames("email", "invalid_email")
		c.post("/auth/email/change", `{}`).blames("email", "required")
		h.client().post("/auth/email/change", body("email", "x@example.com")).fails(401, "unauthenticated")
	})
}

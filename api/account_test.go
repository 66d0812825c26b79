package api_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestUser(t *testing.T) {
	h := home(t)
	c := h.newcomer("ana@example.com")
	t.Run("S129 S130 S131 me and user: who, nothing secret, and nobody else", func(t *testing.T) {
		me := c.get("/auth/me").is(200).private()
		if me.at("mfa_enabled") != false || me.str("session_id") != c.get("/auth/session").str("session", "id") || me.at("email_verified") != true {
			t.Errorf("%s", me.text)
		}
		user := c.get("/auth/user").is(200).private()
		names := slices.Sorted(maps.Keys(user.at().(map[string]any)))
		want := []string{"created_at", "email", "email_verified", "id", "leaves_at", "locale", "mfa_enabled", "name", "phone_number", "picture", "roles", "session_id"}
		if !slices.Equal(names, want) {
			t.Errorf("user has %v", names)
		}
		for _, path := range []string{"/auth/me", "/auth/user", "/auth/factors", "/auth/activity", "/auth/user/export"} {
			h.client().get(path).fails(401, "unauthenticated").private()
		}
		c.enrol()
		if c.get("/auth/me").at("mfa_enabled") != true || c.get("/auth/user").at("mfa_enabled") != true {
			t.Error("mfa_enabled is false")
		}
	})
	patch := func(text string) answer { return c.do("PATCH", "/auth/user", text) }
	read := func(name string) any { return c.get("/auth/user").is(200).at(name) }
	t.Run("a merge patch changes what it names, null and nothing clear it", func(t *testing.T) {
		a := patch(`{"name":"Bea","locale":"fr","picture":"https://example.com/b.png","phone_number":"+43 660 1234567","unknown":1}`).is(200).private()
		if a.at("name") != "Bea" || read("phone_number") != "+436601234567" || read("locale") != "fr" {
			t.Errorf("%s", a.text)
		}
		patch(`{"name":"Cai"}`).is(200)
		if read("name") != "Cai" || read("picture") != "https://example.com/b.png" {
			t.Error("what was not named has changed")
		}
		patch(`{"locale":null,"picture":""}`).is(200)
		if read("locale") != "" || read("picture") != "" || read("name") != "Cai" {
			t.Error("not cleared, or more than that")
		}
		c.doAs("application/merge-patch+json", "PATCH", "/auth/user", `{"name":"Dan"}`).is(200)
		c.doAs("text/plain", "PATCH", "/auth/user", `{"name":"Eva"}`).fails(415, "unsupported_media_type")
		if read("name") != "Dan" {
			t.Error("not by the media type of a merge patch, or by another")
		}
	})
	t.Run("what an account has and nobody changes is refused, and nothing of the rest is done", func(t *testing.T) {
		for name, value := range map[string]string{
			"email": `"x@example.com"`, "email_verified": "true", "roles": `["admin"]`, "id": `"usr_1"`, "mfa_enabled": "false", "leaves_at": "null", "created_at": `""`, "session_id": `""`,
		} {
			patch(`{"name":"Eve","`+name+`":`+value+`}`).blames(name, "not_writable")
		}
		if u := h.account("ana@example.com"); u.Name != "Dan" || len(u.Roles) != 0 {
			t.Errorf("%+v", u)
		}
	})
	t.Run("S123 S124 S125 fields keep to their forms", func(t *testing.T) {
		patch(`{"picture":"javascript:alert(1)"}`).blames("picture", "invalid_picture")
		patch(`{"phone_number":"call me"}`).blames("phone_number", "invalid_phone")
		patch(`{"locale":"a b"}`).blames("locale", "invalid_locale")
		patch(`{"name":"a\u0007b"}`).blames("name", "invalid_name")
		patch(`{"name":1}`).blames("name", "wrong_type")
		patch(`[]`).fails(400, "invalid_json")
	})
}

func TestActivity(t *testing.T) {
	h := home(t)
	c := h.newcomer("ana@example.com")
	h.client().post("/auth/login", body("email", "ana@example.com", "password", "wrong")).fails(401, "invalid_credentials")
	c.do("PATCH", "/auth/user", `{"name":"Bea"}`).is(200)
	other := h.newcomer("eve@example.com")
	list := func(c *client, query string) []any {
		return c.get("/auth/activity" + query).is(200).at("items").([]any)
	}
	types := func(items []any) (all []string) {
		for _, i := range items {
			all = append(all, i.(map[string]any)["type"].(string))
		}
		return all
	}
	eventually(t, "the failed sign-in is on record", func() bool { return slices.Contains(types(list(c, "")), "sign_in_failed") })
	mine := list(c, "")
	for _, want := range []string{"user_created", "signed_in", "user_updated"} {
		if !slices.Contains(types(mine), want) {
			t.Errorf("no %s in %v", want, types(mine))
		}
	}
	if slices.Contains(types(list(other, "")), "user_updated") {
		t.Error("somebody else's is listed")
	}
	var current int
	for _, i := range mine {
		if e := i.(map[string]any); e["current"] == true {
			current++
			if e["session_id"] != c.get("/auth/me").at("session_id") {
				t.Errorf("current: %v", e)
			}
		}
	}
	if current == 0 {
		t.Error("nothing happened in this session")
	}
	var paged []string
	for query := "?limit=2"; query != ""; {
		a := c.get("/auth/activity" + query).is(200)
		for _, i := range a.at("items").([]any) {
			paged = append(paged, i.(map[string]any)["id"].(string))
		}
		query = ""
		if next, ok := a.at("next_cursor").(string); ok {
			query = "?limit=2&cursor=" + next
		}
	}
	if len(paged) != len(mine) || !slices.IsSortedFunc(paged, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("page by page %v of %d", paged, len(mine))
	}
	c.get("/auth/activity?cursor=ses_0123").blames("cursor", "invalid_cursor")
}

// eventually waits for what happens beside a request.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("not so: " + what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestDeleteUser(t *testing.T) {
	h := home(t)
	t.Run("S133 S134 gone at once for every road, until the link keeps it", func(t *testing.T) {
		c, other := h.newcomer("ana@example.com"), h.in("ana@example.com")
		a := c.do("DELETE", "/auth/user", "").is(202).private()
		if a.str("status") != "leaving" || a.str("leaves_at") != h.clock().Add(30*24*time.Hour).Format(time.RFC3339) || len(c.cookies) != 0 {
			t.Errorf("%v %s", a.header, a.text)
		}
		if c.signedIn() || other.signedIn() {
			t.Error("a session lives on")
		}
		gone := func(email string) []string {
			return []string{
				h.client().with(fixedRequest, "one").post("/auth/login", body("email", email, "password", password)).text,
				h.client().post("/auth/password/forgot", body("email", email)).text,
				h.client().post("/auth/email/verification", body("email", email)).text,
			}
		}
		if !slices.Equal(gone("ana@example.com"), gone("nobody@example.com")) {
			t.Error("it is answered otherwise than nobody")
		}
		token := h.link("ana@example.com", "deletion")
		h.client().post("/auth/user/keep", body("token", token)).is(200)
		h.client().login("ana@example.com", "")
		h.client().post("/auth/user/keep", body("token", token)).fails(410, "invalid_link")
	})
	t.Run("at once, where no mail can tell how to keep it", func(t *testing.T) {
		h.user("bea@example.com")
		c := h.in("bea@example.com")
		if got := c.do("DELETE", "/auth/user", "").is(200).str("status"); got != "deleted" || c.signedIn() {
			t.Errorf("status %s", got)
		}
		h.client().post("/auth/signup", body("email", "bea@example.com", "password", password)).is(201)
	})
	t.Run("it takes a fresh proof", func(t *testing.T) {
		c := h.newcomer("cai@example.com")
		h.pass(10 * time.Minute)
		c.do("DELETE", "/auth/user", "").fails(401, "step_up_required")
		if !c.signedIn() {
			t.Error("it signed out")
		}
	})
	t.Run("the last administrator stays", func(t *testing.T) {
		h.resident("admin@example.com", "admin")
		h.in("admin@example.com").do("DELETE", "/auth/user", "").fails(409, "last_admin")
	})
}

func TestExport(t *testing.T) {
	h := home(t)
	c := h.newcomer("ana@example.com")
	g, codes := c.enrol()
	a := c.get("/auth/user/export").is(200).private()
	if a.header.Get("Content-Disposition") != `attachment; filename="account.json"` || a.str("user", "email") != "ana@example.com" {
		t.Errorf("%v %s", a.header, a.text)
	}
	for _, secret := range append(codes, g.secret, password, c.cookies["session"], "argon2") {
		if strings.Contains(a.text, secret) {
			t.Errorf("it has %q", secret)
		}
	}
	h.pass(10 * time.Minute)
	c.get("/auth/user/export").fails(401, "step_up_required")
}

// acting is a client that acts as another user, for the administrator whose client this was.
func (w *world) acting(c *client, userID string) {
	w.t.Helper()
	c.post("/act", body("user", userID)).is(200)
}

func TestImpersonation(t *testing.T) {
	h := home(t)
	id := h.resident("ana@example.com")
	h.resident("admin@example.com", "admin")
	c := h.in("admin@example.com")
	own := c.get("/auth/me").str("session_id")
	h.acting(c, id)
	if c.get("/auth/me").str("email") != "ana@example.com" {
		t.Fatal("not acting")
	}
	t.Run("no credential changes while acting", func(t *testing.T) {
		for _, call := range [][3]string{
			{"POST", "/auth/password/change", body("current_password", password, "password", "another "+password)},
			{"POST", "/auth/password/set", body("password", "another "+password)},
			{"POST", "/auth/email/change", body("email", "x@example.com")},
			{"POST", "/auth/factors", body("method", "totp")},
			{"POST", "/auth/factors/bind", body("offer", "x", "code", "1")},
			{"POST", "/auth/factors/recovery-codes", ""},
			{"DELETE", "/auth/factors/password", ""},
			{"PATCH", "/auth/factors/password", body("name", "x")},
			{"DELETE", "/auth/user", ""},
			{"GET", "/auth/user/export", ""},
			{"POST", "/auth/step-up", ""},
		} {
			if a := c.do(call[0], call[1], call[2]); a.status != 403 || a.code() != "impersonated" {
				t.Errorf("%s %s: %d %s", call[0], call[1], a.status, a.text)
			}
		}
	})
	t.Run("what it does names both", func(t *testing.T) {
		c.do("PATCH", "/auth/user", `{"name":"Renamed"}`).is(200)
		h.mu.Lock()
		defer h.mu.Unlock()
		i := slices.IndexFunc(h.events, func(e cloakroom.Event) bool { return e.Type == cloakroom.UserUpdated })
		if i < 0 || h.events[i].UserID != id || h.events[i].Details["actor"] == "" {
			t.Errorf("%+v", h.events)
		}
	})
	t.Run("and back, by a new token", func(t *testing.T) {
		late := c.again()
		a := c.do("DELETE", "/auth/impersonation", "").is(200).private()
		if a.str("session", "id") != own || c.get("/auth/me").str("email") != "admin@example.com" || late.signedIn() {
			t.Errorf("%s", a.text)
		}
		c.do("DELETE", "/auth/impersonation", "").fails(403, "forbidden")
	})
	t.Run("where the own session is over meanwhile, the client is signed out", func(t *testing.T) {
		other := h.in("admin@example.com")
		h.acting(c, id)
		pending := c.again()
		other.do("DELETE", "/auth/sessions", "").is(204)
		if a := pending.do("DELETE", "/auth/impersonation", ""); a.status != 401 && a.status != 204 || pending.signedIn() {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}

func TestAPIKeysAreNoPeople(t *testing.T) {
	h := home(t, signed)
	id := h.resident("ana@example.com")
	_, token, err := h.auth.APIKeys().Create(t.Context(), cloakroom.NewAPIKey{Name: "robot", UserID: id, Scopes: []string{"admin"}})
	if err != nil {
		t.Fatal(err)
	}
	c := h.client()
	c.bearer = token.Reveal()
	for _, line := range table {
		if !line.Account && line.Path != "/token" {
			continue
		}
		t.Run(fmt.Sprint(line.Method, " ", line.Path), func(t *testing.T) {
			text := bodyOf(line, "ana@example.com", "x")
			if line.BodyMayBeVoid {
				text = ""
			}
			c.do(line.Method, strings.Replace(line.URL, "{id}", "x", 1), text).fails(403, "forbidden")
		})
	}
}

func TestSetup(t *testing.T) {
	h := home(t)
	token, err := h.auth.SetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	setup := func(c *client, token string, pairs ...any) answer {
		return c.post("/auth/setup", body(append([]any{"setup_token", token, "email", "root@example.com", "password", password}, pairs...)...))
	}
	h.resident("ana@example.com")
	setup(h.client(), "crt_bogus").fails(410, "invalid_link")
	setup(h.client(), token.Reveal(), "email", "ana@example.com").fails(409, "email_taken")
	setup(h.client(), token.Reveal(), "password", "short").blames("password", "password_too_short")
	c := h.client()
	a := setup(c, token.Reveal(), "name", "Root").is(201).private()
	if a.strings("user", "roles")[0] != "admin" || !c.signedIn() {
		t.Errorf("%s", a.text)
	}
	setup(h.client(), token.Reveal(), "email", "eve@example.com").fails(410, "invalid_link")
}

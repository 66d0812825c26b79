package api_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

const users = "/auth/admin/users"

func TestAdminReadsUsers(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	ana := h.resident("ana@example.com", "editor")
	_, stranger := h.elsewhere("bob@example.com")

	t.Run("one", func(t *testing.T) {
		a := root.get(users + "/" + ana).is(200).private()
		if a.str("email") != "ana@example.com" || a.at("email_verified") != true || a.str("roles", 0) != "editor" || a.at("mfa_enabled") != false ||
			a.at("banned_at") != nil || a.at("leaves_at") != nil {
			t.Errorf("have %s", a.text)
		}
		if a := root.get(users + "/" + rootID); a.at("mfa_enabled") != true {
			t.Errorf("mfa_enabled of %s", a.text)
		}
	})
	t.Run("nobody, malformed, and whoever is of another realm", func(t *testing.T) {
		for _, id := range []string{nobody, stranger, "x", "%00", "usr_", "ses_" + nobody[4:], strings.ToUpper(ana), "a%2Fb", strings.Repeat("a", 5000), "%F0%28"} {
			root.get(users+"/"+id).fails(404, "not_found")
			for _, verb := range []string{"ban", "unban", "restore", "verify", "require-reset", "reset-factors"} {
				root.post(users+"/"+id+"/"+verb, "").fails(404, "not_found")
			}
			root.do("PATCH", users+"/"+id, `{"name":"x"}`).fails(404, "not_found")
			root.do("DELETE", users+"/"+id, "").fails(404, "not_found")
			if id != "a%2Fb" { // which is no path of ours
				root.post(users+"/"+id+"/impersonate", body("reason", "x")).fails(403, "forbidden")
			}
		}
	})
	t.Run("the list has those of this realm", func(t *testing.T) {
		sameSet(t, root.get(users).ids(), ana, rootID)
	})
	t.Run("by role", func(t *testing.T) {
		sameSet(t, root.get(users+"?role=editor").ids(), ana)
		sameSet(t, root.get(users+"?role=admin").ids(), rootID)
		sameSet(t, root.get(users+"?role=owner").ids())
		sameSet(t, root.get(users+"?role=editor&search=root").ids())
	})
	t.Run("by what the e-mail or the name contains", func(t *testing.T) {
		zoe := h.resident("zoe@example.org")
		if _, err := h.auth.Users().Update(t.Context(), zoe, func(u *cloakroom.User) error { u.Name = "Zoë Müller"; return nil }); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"ZOE@", "example.org", "müll", "MÜLL", "mu\u0308ll", "Zoë"} {
			sameSet(t, root.get(users+"?search="+url.QueryEscape(text)).ids(), zoe)
		}
		for _, text := range []string{"%", "_", "*", "' or 1=1 --", `\`, "bob"} {
			sameSet(t, root.get(users+"?search="+url.QueryEscape(text)).ids())
		}
		sameSet(t, root.get(users+"?search=").ids(), ana, rootID, zoe)
	})
	t.Run("what cannot be searched for", func(t *testing.T) {
		root.get(users + "?search=" + strings.Repeat("é", 100)).is(200)
		root.get(users+"?search="+strings.Repeat("a", 101)).blames("search", "too_long")
		for _, text := range []string{"a%0Ab", "a%0Db", "%00", "%FF", "a&search=b"} {
			root.get(users+"?search="+text).blames("search", "invalid")
		}
		root.get(users+"?role=%0A").blames("role", "invalid")
	})
}

func TestAdminPages(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	want := []string{rootID}
	for i := range 7 {
		h.pass(time.Millisecond)
		want = append(want, h.resident("u"+string(rune('a'+i))+"@example.com"))
	}
	for _, limit := range []int{1, 3, 4, 8, 200} {
		if got := root.turn(users, limit); !slices.Equal(got, want) {
			t.Errorf("limit %d: %q, want %q", limit, got, want)
		}
	}
	if a := root.get(users + "?limit=8"); a.at("next_cursor") != nil {
		t.Errorf("a page after the last one: %v", a.at("next_cursor"))
	}
	for _, path := range []string{users, users + "/" + rootID + "/sessions", users + "/" + rootID + "/events", "/auth/admin/events", "/auth/admin/keys"} {
		for _, bad := range []string{"0", "201", "-1", "x", "", "1&limit=2"} {
			root.get(path+"?limit="+bad).blames("limit", "out_of_range")
		}
		for _, bad := range []string{"", "x", "tok_" + nobody[4:], "%00"} {
			root.get(path+"?cursor="+bad).blames("cursor", "invalid_cursor")
		}
		root.get(path+"?a=%zz").blames("query", "malformed")
	}
}

func TestAdminCreatesUsers(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	t.Run("S-21 the owner chooses the password, by mail", func(t *testing.T) {
		a := root.post(users, body("email", "New@Example.com", "name", "Neu", "roles", []string{"editor"}, "locale", "de-AT")).is(201).private()
		id := a.str("id")
		if a.str("email") != "new@example.com" || a.at("email_verified") != false || a.str("locale") != "de-AT" {
			t.Errorf("have %s", a.text)
		}
		m := h.outbox.WaitFor(t, "new@example.com", "reset_password")
		if m.Locale != "de" && m.Locale != "de-AT" {
			t.Errorf("mailed in %q", m.Locale)
		}
		h.client().post("/auth/login", body("email", "new@example.com", "password", password)).fails(401, "invalid_credentials")
		h.client().post("/auth/password/reset", body("token", tokenOf(t, m), "password", password)).is(200)
		h.in("new@example.com").get("/auth/me").is(200)
		if e := h.lastEvent(id, cloakroom.UserCreated); e.Details["actor"] != rootID {
			t.Errorf("the event names %q, want the administrator", e.Details["actor"])
		}
	})
	t.Run("S-21 no password can be sent", func(t *testing.T) {
		ana := h.resident("ana@example.com")
		root.post(users, body("email", "pw@example.com", "password", "chosen by another")).blames("password", "not_writable")
		root.do("PATCH", users+"/"+ana, body("password", "chosen by another")).blames("password", "not_writable")
		if _, err := h.auth.Users().ByEmail(t.Context(), "pw@example.com"); err == nil {
			t.Error("the account was made")
		}
		h.in("ana@example.com").get("/auth/me").is(200)
	})
	t.Run("what cannot be given is refused", func(t *testing.T) {
		for _, name := range []string{"id", "created_at", "mfa_enabled", "banned_at", "leaves_at", "external_id", "picture", "phone_number", "reset_required"} {
			root.post(users, body("email", "x@example.com", name, nil)).blames(name, "not_writable")
		}
		root.post(users, body("name", "x")).blames("email", "required")
		root.post(users, body("email", "")).blames("email", "required")
		root.post(users, body("email", "no mail")).blames("email", "invalid_email")
		root.post(users, body("email", "x@example.com", "roles", "admin")).blames("roles", "wrong_type")
		root.post(users, body("email", "x@example.com", "roles", []any{1})).blames("roles", "wrong_type")
		root.post(users, body("email", "x@example.com", "roles", []string{"a b"})).blames("roles", "invalid_role")
		root.post(users, body("email", "x@example.com", "locale", "<script>")).blames("locale", "invalid_locale")
		root.post(users, body("email", "x@example.com", "email_verified", "yes")).blames("email_verified", "wrong_type")
		root.post(users, body("email", "ROOT@example.com")).fails(409, "email_taken")
	})
	t.Run("V110 an API key gives no role that is not its own", func(t *testing.T) {
		if _, err := h.auth.Users().SetRoles(t.Context(), rootID, cloakroom.RoleAdmin, "support"); err != nil {
			t.Fatal(err)
		}
		key, _ := h.key(rootID, "admin")
		key.post(users, body("email", "k1@example.com", "roles", []string{"editor"})).fails(403, "forbidden")
		if _, err := h.auth.Users().ByEmail(t.Context(), "k1@example.com"); err == nil {
			t.Error("the account was made")
		}
		id := key.post(users, body("email", "k2@example.com", "roles", []string{"support"})).is(201).str("id")
		key.do("PATCH", users+"/"+id, body("roles", []string{"support", "owner"})).fails(403, "forbidden")
		key.do("PATCH", users+"/"+id, body("roles", []string{})).is(200)
		root.do("PATCH", users+"/"+id, body("roles", []string{"owner"})).is(200)
		key.do("PATCH", users+"/"+id, body("roles", []string{"support", "owner"})).is(200) // owner was there
		if e := h.lastEvent(id, cloakroom.UserUpdated); e.Details["actor"] != rootID || !strings.HasPrefix(e.Details["actor_key"], "key_") {
			t.Errorf("the event names %v", e.Details)
		}
	})
}

func TestAdminCreatesUsersWithoutMail(t *testing.T) {
	w := open(t)
	id := w.user("root@example.com", cloakroom.RoleAdmin)
	key, _ := w.key(id, "admin")
	key.post(users, body("email", "new@example.com", "email_verified", true)).is(201)
	if !w.account("new@example.com").EmailVerified {
		t.Error("the e-mail is not verified")
	}
}

func TestAdminChangesUsers(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	ana := users + "/" + h.resident("ana@example.com", "editor")
	patch := func(pairs ...any) answer { t.Helper(); return root.do("PATCH", ana, body(pairs...)) }

	t.Run("only what is said", func(t *testing.T) {
		patch("name", "Anna", "locale", "fr").is(200)
		patch().is(200)
		a := root.get(ana)
		if a.str("name") != "Anna" || a.str("locale") != "fr" || a.str("roles", 0) != "editor" || a.at("email_verified") != true || a.str("email") != "ana@example.com" {
			t.Errorf("have %s", a.text)
		}
		patch("name", nil, "locale", "").is(200)
		if a := root.get(ana); a.str("name") != "" || a.str("locale") != "" {
			t.Errorf("have %s", a.text)
		}
		if a := root.doAs("application/merge-patch+json", "PATCH", ana, `{"name":"Ana"}`).is(200); a.str("name") != "Ana" {
			t.Errorf("have %s", a.text)
		}
	})
	t.Run("roles count from the next request on", func(t *testing.T) {
		patch("roles", []string{"editor", "author", "editor"}).is(200)
		c := h.in("ana@example.com")
		if got := c.get("/auth/me").strings("roles"); !slices.Equal(got, []string{"author", "editor"}) {
			t.Errorf("roles %q", got)
		}
		patch("roles", []string{}).is(200)
		if got := c.get("/auth/me").strings("roles"); len(got) != 0 {
			t.Errorf("roles %q", got)
		}
		patch("roles", nil).blames("roles", "wrong_type")
	})
	t.Run("a new e-mail is not verified unless the administrator says so", func(t *testing.T) {
		if a := patch("email", "ANA@Example.com").is(200); a.at("email_verified") != true {
			t.Error("the same address in another spelling is not verified any more")
		}
		if a := patch("email", "two@example.com").is(200); a.at("email_verified") != false {
			t.Error("a new address is verified by nobody")
		}
		if a := patch("email", "ana@example.com", "email_verified", true).is(200); a.at("email_verified") != true {
			t.Error("not verified")
		}
		patch("email_verified", nil).blames("email_verified", "wrong_type")
		patch("email", "root@example.com").fails(409, "email_taken")
	})
	t.Run("S-21 what is not writable", func(t *testing.T) {
		for _, name := range []string{"password", "id", "created_at", "updated_at", "mfa_enabled", "banned_at", "leaves_at", "external_id", "picture", "phone_number"} {
			patch(name, nil).blames(name, "not_writable")
		}
	})
	t.Run("the event names the administrator", func(t *testing.T) {
		if e := h.lastEvent(ana[len(users)+1:], cloakroom.UserUpdated); e.Details["actor"] != rootID {
			t.Errorf("it names %v", e.Details)
		}
	})
	t.Run("the last administrator stays", func(t *testing.T) {
		self := users + "/" + rootID
		root.do("PATCH", self, body("roles", []string{})).fails(409, "last_admin")
		root.post(self+"/ban", "").fails(409, "last_admin")
		root.do("DELETE", self, "").fails(409, "last_admin")
		root.get(self).is(200)
	})
}

func TestAdminBansAndDeletes(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	everywhere := func(id, email string) (browser, app, program *client) {
		program, _ = h.key(id, "admin")
		return h.in(email), h.client().bearing(email), program
	}
	t.Run("S-37 a ban ends every session and stops every key", func(t *testing.T) {
		id := h.resident("ana@example.com", cloakroom.RoleAdmin)
		browser, app, program := everywhere(id, "ana@example.com")
		for range 2 { // twice is once
			if a := root.post(users+"/"+id+"/ban", "").is(200); a.at("banned_at") == nil {
				t.Errorf("have %s", a.text)
			}
		}
		browser.get("/auth/me").fails(403, "user_banned")
		app.get("/auth/me").fails(403, "user_banned")
		program.get(users).fails(403, "user_banned")
		for range 2 {
			if a := root.post(users+"/"+id+"/unban", "").is(200); a.at("banned_at") != nil {
				t.Errorf("have %s", a.text)
			}
		}
		browser.get("/auth/me").fails(401, "invalid_token")
		app.get("/auth/me").fails(401, "invalid_token")
		h.in("ana@example.com").get("/auth/me").is(200)
		for _, kind := range []cloakroom.EventType{cloakroom.UserBanned, cloakroom.UserUnbanned} {
			if e := h.lastEvent(id, kind); e.Details["actor"] != rootID {
				t.Errorf("%s names %v", kind, e.Details)
			}
			if n := h.told(kind); n != 1 {
				t.Errorf("%d events %s", n, kind)
			}
		}
	})
	t.Run("S-37 a deletion ends every session and every key", func(t *testing.T) {
		id := h.resident("bea@example.com", cloakroom.RoleAdmin)
		browser, app, program := everywhere(id, "bea@example.com")
		root.do("DELETE", users+"/"+id, "").is(204)
		root.get(users+"/"+id).fails(404, "not_found")
		root.do("DELETE", users+"/"+id, "").fails(404, "not_found")
		browser.get("/auth/me").fails(401, "invalid_token")
		app.get("/auth/me").fails(401, "invalid_token")
		program.get(users).fails(401, "invalid_token")
		h.client().post("/auth/login", body("email", "bea@example.com", "password", password)).fails(401, "invalid_credentials")
		a := root.get(users + "/" + id + "/events").is(200) // what happened to it stays
		if a.str("items", 0, "type") != "user_deleted" || a.str("items", 0, "details", "actor") != rootID {
			t.Errorf("have %s", a.text)
		}
	})
	t.Run("oneself, when another administrator is left", func(t *testing.T) {
		leaver, id := h.admin("leaver@example.com")
		leaver.do("DELETE", users+"/"+id, "").is(204)
		if leaver.signedIn() {
			t.Error("the session lives on")
		}
	})
	t.Run("an account that its owner deleted is restored", func(t *testing.T) {
		id := h.resident("cleo@example.com")
		h.in("cleo@example.com").do("DELETE", "/auth/user", "").is(202)
		if a := root.get(users + "/" + id); a.at("leaves_at") == nil {
			t.Errorf("have %s", a.text)
		}
		h.client().post("/auth/login", body("email", "cleo@example.com", "password", password)).fails(401, "invalid_credentials")
		for range 2 {
			if a := root.post(users+"/"+id+"/restore", "").is(200); a.at("leaves_at") != nil {
				t.Errorf("have %s", a.text)
			}
		}
		h.in("cleo@example.com").get("/auth/me").is(200)
		if e := h.lastEvent(id, cloakroom.DeletionUndone); e.Details["actor"] != rootID {
			t.Errorf("it names %v", e.Details)
		}
	})
}

func TestAdminHelpsUsers(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	by := func(t *testing.T, id string, kind cloakroom.EventType) {
		t.Helper()
		if e := h.lastEvent(id, kind); e.Details["actor"] != rootID {
			t.Errorf("%s names %v, want the administrator", kind, e.Details)
		}
	}
	t.Run("verify", func(t *testing.T) {
		id := h.user("ana@example.com")
		for range 2 {
			if a := root.post(users+"/"+id+"/verify", "").is(200); a.at("email_verified") != true {
				t.Errorf("have %s", a.text)
			}
		}
		by(t, id, cloakroom.EmailVerified)
		u, err := h.auth.Users().Create(context.Background(), cloakroom.NewUser{Name: "nowhere"})
		if err != nil {
			t.Fatal(err)
		}
		root.post(users+"/"+u.ID+"/verify", "").blames("email", "required")
	})
	t.Run("S-21 require a reset", func(t *testing.T) {
		id := h.resident("bea@example.com")
		c := h.in("bea@example.com")
		if a := root.post(users+"/"+id+"/require-reset", "").is(200); a.at("reset_required") != true {
			t.Errorf("have %s", a.text)
		}
		c.get("/auth/me").fails(401, "invalid_token")
		h.client().post("/auth/login", body("email", "bea@example.com", "password", password)).fails(403, "password_reset_required")
		h.client().post("/auth/password/reset", body("token", h.link("bea@example.com", "reset_password"), "password", password+"2")).is(200)
		h.client().post("/auth/login", body("email", "bea@example.com", "password", password+"2")).is(200)
		by(t, id, cloakroom.ResetRequired)
	})
	t.Run("S206 reset the factors", func(t *testing.T) {
		id := h.resident("cleo@example.com")
		c := h.twice("cleo@example.com")
		h.outbox.WaitFor(t, "cleo@example.com", "notice")                                          // of the factor; it has gone before the clock is put forward
		if a := root.get(users + "/" + id + "/factors").is(200); len(a.at("items").([]any)) != 3 { // password, TOTP, recovery codes
			t.Errorf("have %s", a.text)
		}
		if a := root.post(users+"/"+id+"/reset-factors", "").is(200); a.at("mfa_enabled") != false {
			t.Errorf("have %s", a.text)
		}
		c.get("/auth/me").fails(401, "invalid_token")
		h.in("cleo@example.com").get("/auth/me").is(200) // by the password alone
		if a := root.get(users + "/" + id + "/factors").is(200); len(a.at("items").([]any)) != 1 || a.str("items", 0, "method") != "password" {
			t.Errorf("have %s", a.text)
		}
		by(t, id, cloakroom.FactorsReset)
		if n := h.told(cloakroom.FactorsReset); n != 1 {
			t.Errorf("%d events", n)
		}
		h.pass(2 * time.Minute)                                                             // one a minute
		h.client().post("/auth/password/forgot", body("email", "root@example.com")).is(202) // new mail wakes who sends it
		for !strings.Contains(h.outbox.WaitFor(t, "cleo@example.com", "notice").Text, "factors") {
		}
	})
}

func TestAdminKeysLeaveAdministratorsAlone(t *testing.T) {
	h := home(t, func(c *cloakroom.Config) { c.RoleIncludes = map[string][]string{"owner": {cloakroom.RoleAdmin}} })
	root, rootID := h.admin("root@example.com")
	owner := h.resident("owner@example.com", "owner")
	bob := h.resident("bob@example.com")
	key, _ := h.key(rootID, "admin")
	for _, call := range []struct{ method, below, text string }{
		{"PATCH", "", body("email", "thief@example.com", "email_verified", true)},
		{"PATCH", "", body("name", "x")},
		{"PATCH", "", body("roles", []string{})},
		{"POST", "/ban", ""},
		{"POST", "/unban", ""},
		{"POST", "/restore", ""},
		{"POST", "/verify", ""},
		{"POST", "/require-reset", ""},
		{"POST", "/reset-factors", ""},
		{"DELETE", "/sessions", ""},
		{"DELETE", "", ""},
	} {
		t.Run(call.method+call.below, func(t *testing.T) {
			for _, id := range []string{rootID, owner} {
				key.do(call.method, users+"/"+id+call.below, call.text).fails(403, "forbidden")
			}
			if a := key.do(call.method, users+"/"+bob+call.below, call.text); a.status != 200 && a.status != 204 {
				t.Errorf("of somebody else: %d %s", a.status, a.text)
			}
		})
	}
	for id, email := range map[string]string{rootID: "root@example.com", owner: "owner@example.com"} {
		if a := root.get(users + "/" + id).is(200); a.str("email") != email || a.at("banned_at") != nil || len(a.strings("roles")) != 1 {
			t.Errorf("have %s", a.text)
		}
	}
	key.get(users + "/" + rootID).is(200)
}

func TestAdminKeysMakeNoAdministrators(t *testing.T) {
	h := home(t, func(c *cloakroom.Config) { c.RoleIncludes = map[string][]string{"owner": {cloakroom.RoleAdmin}} })
	root, rootID := h.admin("root@example.com")
	if _, err := h.auth.Users().SetRoles(t.Context(), rootID, cloakroom.RoleAdmin, "owner", "editor"); err != nil {
		t.Fatal(err)
	}
	key, _ := h.key(rootID, "admin")
	bob := users + "/" + h.resident("bob@example.com", "author")
	for _, role := range []string{cloakroom.RoleAdmin, "owner"} {
		key.post(users, body("email", "thief@example.com", "roles", []string{"editor", role})).fails(403, "forbidden")
		key.do("PATCH", bob, body("roles", []string{"author", role})).fails(403, "forbidden")
		key.post(keys, body("name", "x", "roles", []string{role}, "scopes", []string{"admin"})).fails(403, "forbidden")
	}
	if got := root.get(bob).strings("roles"); !slices.Equal(got, []string{"author"}) {
		t.Errorf("roles %q", got)
	}
	root.post(keys, body("name", "x", "scopes", []string{"x"})).is(201)
	if n := len(root.get(users).ids()); n != 3 {
		t.Errorf("%d users, want root, bob and the last key's", n)
	}
	key.do("PATCH", bob, body("roles", []string{"author", "editor"})).is(200)
	root.post(users, body("email", "second@example.com", "roles", []string{cloakroom.RoleAdmin})).is(201)
	root.do("PATCH", bob, body("roles", []string{"owner"})).is(200)
}

package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
)

// adminLines are the routes of administrators.
func adminLines() (lines []api.Line) {
	for _, line := range table {
		if strings.HasPrefix(line.Path, "/admin/") {
			lines = append(lines, line)
		}
	}
	return lines
}

// placed is the path of a route for what has this id.
func placed(line api.Line, id string) string { return strings.Replace(line.URL, "{id}", id, 1) }

func TestEveryAdminRouteHasTheGuard(t *testing.T) {
	lines := adminLines()
	if len(lines) < 22 {
		t.Errorf("only %d routes", len(lines))
	}
	for _, line := range lines {
		if !line.ForAdmins {
			t.Errorf("%s %s has another guard", line.Method, line.Path)
		}
	}
}

// TestAdminMatrix asks every route as everybody who might. Those who are let through ask for what is not there, so that nothing changes.
func TestAdminMatrix(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	ana := h.resident("ana@example.com")
	eve := h.resident("eve@example.com")
	h.resident("strong@example.com")
	h.resident("weak@example.com", cloakroom.RoleAdmin)
	banned, bannedID := h.admin("banned@example.com")
	if err := h.auth.Users().Ban(t.Context(), bannedID); err != nil {
		t.Fatal(err)
	}
	guest := h.client()
	guest.post("/auth/anonymous", "").is(201)
	plainKey, _ := h.key(rootID, "orders")
	readKey, _ := h.key(rootID, "admin:read")
	adminKey, _ := h.key(rootID, "admin")
	usersKey, _ := h.key(ana, "admin", "admin:read")
	acting := root.again()
	acting.post("/auth/admin/users/"+ana+"/impersonate", body("reason", "a ticket")).is(200)
	if _, err := h.auth.Users().SetRoles(t.Context(), ana, cloakroom.RoleAdmin); err != nil { // not even then
		t.Fatal(err)
	}
	notAna, _ := h.key(eve, "admin", "admin:read")

	type want struct {
		status int
		code   string
	}
	refused := map[string]struct {
		who *client
		want
	}{
		"nobody":                                 {h.client(), want{401, "unauthenticated"}},
		"a guest":                                {guest, want{401, "unauthenticated"}},
		"a dead token":                           {h.program("crs_x"), want{401, "invalid_token"}},
		"a user":                                 {h.in("eve@example.com"), want{403, "forbidden"}},
		"a user with two factors":                {h.twice("strong@example.com"), want{403, "forbidden"}},
		"an administrator with one factor":       {h.in("weak@example.com"), want{401, "step_up_required"}},
		"a banned administrator":                 {banned, want{403, "user_banned"}},
		"a key without the scope":                {plainKey, want{403, "forbidden"}},
		"a key of a user who administers nobody": {notAna, want{403, "forbidden"}},
		"whoever acts as somebody":               {acting, want{403, "impersonated"}},
	}
	for name, r := range refused {
		t.Run("S235 "+name, func(t *testing.T) {
			for _, line := range adminLines() {
				a := r.who.again().do(line.Method, placed(line, nobody), "").fails(r.status, r.code)
				if r.status != 401 {
					continue
				}
				challenge := a.header.Get("WWW-Authenticate")
				if !strings.HasPrefix(challenge, "Bearer") || strings.Contains(challenge, `acr_values="2"`) != (r.code == "step_up_required") {
					t.Errorf("%s %s: WWW-Authenticate %q", line.Method, line.Path, challenge)
				}
			}
		})
	}
	passes := func(t *testing.T, c *client, line api.Line) {
		t.Helper()
		if a := c.again().do(line.Method, placed(line, nobody), ""); a.status == 401 || a.status == 403 {
			t.Errorf("%s %s: %d %s", line.Method, line.Path, a.status, a.text)
		}
	}
	for _, line := range adminLines() {
		t.Run("S235 S238 "+line.Method+" "+line.Path, func(t *testing.T) {
			passes(t, root, line)
			passes(t, adminKey, line)
			passes(t, usersKey, line) // ana administers by now
			if line.Method == http.MethodGet {
				passes(t, readKey, line)
				if a := readKey.again().do("HEAD", placed(line, nobody), ""); a.status == 401 || a.status == 403 {
					t.Errorf("HEAD: %d", a.status)
				}
			} else {
				readKey.again().do(line.Method, placed(line, nobody), "").fails(403, "forbidden")
			}
		})
	}
}

func TestAdminTellsNothingWithoutTheRight(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	ana := h.resident("ana@example.com")
	h.resident("eve@example.com")
	eve := h.in("eve@example.com").with(fixedRequest, "req")
	session := h.in("ana@example.com").get("/auth/session").str("session", "id")
	_, key := h.key(rootID, "admin")
	unknown := map[string]string{"usr_": nobody, "ses_": "ses_" + nobody[4:], "key_": "key_" + nobody[4:]}
	for _, line := range adminLines() {
		if !strings.Contains(line.Path, "{id}") {
			continue
		}
		t.Run("S232 "+line.Method+" "+line.Path, func(t *testing.T) {
			there := map[bool]string{true: ana}[strings.Contains(line.Path, "/users/")]
			switch {
			case strings.Contains(line.Path, "/keys/"):
				there = key
			case strings.Contains(line.Path, "/admin/sessions/"):
				there = session
			}
			for _, text := range []string{"", body("reason", "curious")} {
				a, b := eve.do(line.Method, placed(line, there), text), eve.do(line.Method, placed(line, unknown[there[:4]]), text)
				if a.fails(403, "forbidden").text != b.fails(403, "forbidden").text {
					t.Errorf("somebody: %s; nobody: %s", a.text, b.text)
				}
			}
		})
	}
	t.Run("nothing happened to ana", func(t *testing.T) {
		root.get("/auth/admin/users/" + ana).is(200)
		if !h.in("ana@example.com").signedIn() {
			t.Error("ana is out")
		}
	})
}

func TestAdminHierarchy(t *testing.T) {
	h := home(t, func(c *cloakroom.Config) { c.RoleIncludes = map[string][]string{"owner": {cloakroom.RoleAdmin}} })
	h.resident("owner@example.com", "owner")
	t.Run("S237 a role that brings admin along administers", func(t *testing.T) {
		h.in("owner@example.com").get("/auth/admin/users").fails(401, "step_up_required")
		h.twice("owner@example.com").get("/auth/admin/users").is(200)
	})
}

func TestAdminIsOffUnlessSwitchedOn(t *testing.T) {
	h := home(t)
	root, _ := h.admin("root@example.com")
	h.api = api.New(h.auth)
	for _, line := range adminLines() {
		root.do(line.Method, placed(line, nobody), "").fails(404, "not_found")
		h.client().do(line.Method, placed(line, nobody), "").fails(404, "not_found")
	}
	root.do("BREW", "/auth/admin/users", "").fails(404, "not_found")
}

func TestAdminFromOtherSites(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	ana := h.resident("ana@example.com")
	for _, line := range adminLines() {
		if line.Method == http.MethodGet {
			continue
		}
		root.with("Sec-Fetch-Site", "cross-site").do(line.Method, placed(line, ana), body("reason", "x")).fails(403, "cross_origin")
		root.with("Origin", "https://evil.example").do(line.Method, placed(line, ana), body("reason", "x")).fails(403, "cross_origin")
	}
	root.get("/auth/admin/users/" + ana).is(200)
	t.Run("a key needs no origin", func(t *testing.T) {
		key, _ := h.key(rootID, "admin")
		key.with("Sec-Fetch-Site", "cross-site").post("/auth/admin/users/"+ana+"/ban", "").is(200)
	})
}

func TestAdminScopedSession(t *testing.T) {
	h := home(t)
	id := h.resident("root@example.com", cloakroom.RoleAdmin)
	admit := func(scopes ...string) *client {
		g, err := h.auth.Admit(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), id, cloakroom.Admission{
			Method: "sso", Factors: 2, Scopes: scopes, Terms: cloakroom.Terms{Delivery: cloakroom.DeliverBearer},
		})
		if err != nil {
			t.Fatal(err)
		}
		return h.program(g.Tokens.Access.Reveal())
	}
	admit().get("/auth/admin/users").is(200)
	admit("orders").get("/auth/admin/users").fails(403, "forbidden")
	admit("admin:read").get("/auth/admin/users").is(200)
	admit("admin:read").post("/auth/admin/users", body("email", "x@example.com")).fails(403, "forbidden")
	admit("admin").post("/auth/admin/users", body("email", "x@example.com")).is(201)
}

func TestAdminChangesAskForAFreshProof(t *testing.T) {
	h := home(t)
	id := h.resident("root@example.com", cloakroom.RoleAdmin)
	root, g := h.enrolled("root@example.com")
	program, _ := h.key(id, "admin")
	h.pass(10 * time.Minute)
	for _, line := range adminLines() {
		t.Run(line.Method+" "+line.Path, func(t *testing.T) {
			a := root.again().do(line.Method, placed(line, nobody), "")
			if line.Method == http.MethodGet {
				if a.status == 401 || a.status == 403 {
					t.Errorf("reading: %d %s", a.status, a.text)
				}
				return
			}
			if got := a.fails(401, "step_up_required").header.Get("WWW-Authenticate"); !strings.Contains(got, `max_age="600"`) {
				t.Errorf("WWW-Authenticate %q", got)
			}
			if a := program.again().do(line.Method, placed(line, nobody), ""); a.status == 401 || a.status == 403 {
				t.Errorf("a key, which cannot prove itself anew: %d %s", a.status, a.text)
			}
		})
	}
	root.stepUp(g)
	root.post("/auth/admin/users", body("email", "new@example.com")).is(201)
}

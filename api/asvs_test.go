package api_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
)

// Rows of OWASP ASVS 5.0 (docs/asvs.md) that hold for all routes together.
func TestASVS(t *testing.T) {
	t.Run("S-4 seven characters are refused wherever a password is chosen", func(t *testing.T) {
		const seven = "zebra-7"
		h := home(t)
		h.resident("ana@example.com")
		short := func(a answer) {
			t.Helper()
			a.blames("password", "password_too_short")
		}
		setup, err := h.auth.SetupToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		short(h.client().post("/auth/setup", body("setup_token", setup.Reveal(), "email", "root@example.com", "password", seven)))
		short(h.client().post("/auth/signup", body("email", "bea@example.com", "password", seven)))
		short(h.in("ana@example.com").post("/auth/password/change", body("current_password", password, "password", seven)))
		h.client().post("/auth/password/forgot", body("email", "ana@example.com")).is(202)
		short(h.client().post("/auth/password/reset", body("token", h.link("ana@example.com", "reset_password"), "password", seven)))
		ben, err := h.auth.Users().Create(t.Context(), cloakroom.NewUser{Email: "ben@example.com", EmailVerified: true})
		if err != nil {
			t.Fatal(err)
		}
		c := h.client()
		c.mailIn(h, ben.Email)
		short(c.post("/auth/password/set", body("password", seven)))
		if _, err := h.auth.Users().Create(t.Context(), cloakroom.NewUser{Email: "cai@example.com", Secret: seven}); err == nil {
			t.Error("an operator makes an account with it")
		}
		if err := h.auth.Users().SetSecret(t.Context(), ben.ID, "", seven); err == nil {
			t.Error("an operator sets it")
		}
	})
	t.Run("S-5 a password is changed by who knows the present one", func(t *testing.T) {
		h := home(t)
		c := h.newcomer("ana@example.com")
		c.post("/auth/password/change", body("password", fresh)).fails(422, "validation_failed")
		c.post("/auth/password/change", body("current_password", "", "password", fresh)).fails(422, "validation_failed")
		c.post("/auth/password/set", body("password", fresh)).fails(409, "password_already_set")
		h.client().login("ana@example.com", "")
		c.post("/auth/password/change", body("current_password", password, "password", fresh)).is(200)
		h.client().post("/auth/login", body("email", "ana@example.com", "password", fresh)).is(200)
	})
	t.Run("S-18 nothing is asked or kept that hints at a password", func(t *testing.T) {
		var document map[string]any
		if err := json.Unmarshal(api.OpenAPI(), &document); err != nil {
			t.Fatal(err)
		}
		knowledge, n := regexp.MustCompile(`(?i)password_hint|question|maiden|birth|secret_answer|reminder`), 0
		for name, schema := range document["components"].(map[string]any)["schemas"].(map[string]any) {
			properties, _ := schema.(map[string]any)["properties"].(map[string]any)
			for member := range properties {
				if n++; knowledge.MatchString(member) {
					t.Errorf("%s has %s", name, member)
				}
			}
		}
		if n < 100 {
			t.Errorf("only %d members were seen", n)
		}
	})
	t.Run("S-40 what opens an account, or tells all of it, asks for a fresh proof", func(t *testing.T) {
		h := home(t)
		c := h.newcomer("ana@example.com")
		h.pass(10 * time.Minute)
		for route, in := range map[string]string{
			"POST /factors": `{"method":"totp"}`, "POST /factors/bind": `{"offer":"crt_x","code":"123456"}`, "POST /factors/recovery-codes": "",
			"DELETE /factors/password": "", "POST /email/change": `{"email":"new@example.com"}`, "POST /password/set": body("password", fresh),
			"GET /user/export": "", "DELETE /user": "",
		} {
			method, path, _ := strings.Cut(route, " ")
			if a := c.do(method, "/auth"+path, in); a.status != 401 || a.code() != "step_up_required" {
				t.Errorf("%s: %d %s", route, a.status, a.text)
			}
		}
		if !c.signedIn() {
			t.Error("the session ended")
		}
	})
	t.Run("S-42 no GET begins a session", func(t *testing.T) {
		h := home(t, signed)
		n := 0
		for _, line := range table {
			if line.Method != "GET" {
				continue
			}
			n++
			c := h.client().with("Sec-Fetch-Site", "cross-site")
			if a := c.get(strings.Replace(line.URL, "{id}", "x", 1) + "?token=crt_x"); len(a.header["Set-Cookie"]) > 0 {
				t.Errorf("%s sets %q", line.Path, a.header["Set-Cookie"])
			}
		}
		if n < 15 || h.told(cloakroom.SignedIn) > 0 || h.told(cloakroom.GuestBegan) > 0 {
			t.Errorf("of %d routes one began a session", n)
		}
	})
}

package api_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

const keys = "/auth/admin/keys"

func TestAdminKeys(t *testing.T) {
	h := home(t, func(c *cloakroom.Config) { c.FreshFor = 24 * time.Hour })
	root, rootID := h.admin("root@example.com")

	t.Run("S240 a key is shown once, has its prefix, and tells when it was used", func(t *testing.T) {
		a := root.post(keys, body("name", " backup ", "user_id", rootID, "scopes", []string{"admin:read"}, "expires_at", h.clock().Add(time.Hour))).is(201).private()
		token, id := a.str("key"), a.str("id")
		if !strings.HasPrefix(token, "crk_") || a.str("name") != "backup" || a.str("user_id") != rootID || a.str("created_by") != rootID ||
			a.str("scopes", 0) != "admin:read" || a.at("expires_at") == nil || a.at("last_used_at") != nil {
			t.Errorf("have %s", a.text)
		}
		if list := root.get(keys); strings.Contains(list.text, "crk_") || strings.Contains(list.text, token[4:20]) {
			t.Errorf("the list has the key: %s", list.text)
		}
		h.program(token).get(users).is(200)
		if list := root.get(keys); list.str("items", 0, "id") != id || list.at("items", 0, "last_used_at") == nil {
			t.Errorf("have %s", list.text)
		}
		if e := h.lastEvent(rootID, cloakroom.APIKeyCreated); e.Details["actor"] != rootID || e.Details["key"] != id {
			t.Errorf("the event names %v", e.Details)
		}
		if e, told := h.tells(token[4:20]); told {
			t.Errorf("the event %s has the key", e)
		}
		t.Run("S239 expired", func(t *testing.T) {
			h.pass(time.Hour)
			a := h.program(token).get(users).fails(401, "invalid_token")
			if got := a.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="invalid_token"`) {
				t.Errorf("WWW-Authenticate %q", got)
			}
		})
	})
	t.Run("S238 inside and outside of its scope", func(t *testing.T) {
		reader := h.program(root.post(keys, body("name", "r", "user_id", rootID, "scopes", []string{"admin:read"})).str("key"))
		reader.get(users + "/" + rootID).is(200)
		reader.post(users, body("email", "new@example.com")).fails(403, "forbidden")
		reader.post(keys, body("name", "more", "user_id", rootID, "scopes", []string{"admin"})).fails(403, "forbidden")
		reader.get("/auth/me").fails(403, "forbidden")
	})
	t.Run("V111 a key acts as its own principal with its roles", func(t *testing.T) {
		a := root.post(keys, body("name", "robot", "roles", []string{"admin"}, "scopes", []string{"admin"})).is(201)
		robot := h.program(a.str("key"))
		if u := robot.get(users + "/" + a.str("user_id")); u.str("name") != "robot" || u.str("roles", 0) != "admin" || u.str("email") != "" {
			t.Errorf("have %s", u.text)
		}
		id := robot.post(users, body("email", "made@example.com")).is(201).str("id")
		if e := h.lastEvent(id, cloakroom.UserCreated); e.Details["actor"] != a.str("user_id") || e.Details["actor_key"] != a.str("id") {
			t.Errorf("the event names %v", e.Details)
		}
		root.do("PATCH", users+"/"+a.str("user_id"), body("roles", []string{})).is(200) // the role goes, the scope is worth nothing
		robot.get(users).fails(403, "forbidden")
	})
	t.Run("V110 nobody gives more than their own", func(t *testing.T) {
		editor := h.resident("editor@example.com", "editor")
		root.post(keys, body("name", "x", "roles", []string{"owner"}, "scopes", []string{"x"})).fails(403, "forbidden")
		root.post(keys, body("name", "x", "user_id", editor, "scopes", []string{"x"})).fails(403, "forbidden")
		plain := h.resident("plain@example.com")
		root.post(keys, body("name", "x", "user_id", plain, "scopes", []string{"x"})).fails(403, "forbidden") // which would act as a person for good
		_, operators := h.key(plain, "x")
		root.post(keys+"/"+operators+"/rotate", "").fails(403, "forbidden")
		robot := root.post(keys, body("name", "robot", "scopes", []string{"x"})).is(201).str("user_id")
		second := root.post(keys, body("name", "x", "user_id", robot, "scopes", []string{"x"})).is(201).str("id")
		root.post(keys+"/"+second+"/rotate", "").is(201)
		narrow, _ := h.key(rootID, "admin")
		narrow.post(keys, body("name", "x", "user_id", rootID, "scopes", []string{"admin", "orders"})).fails(403, "forbidden")
		narrow.post(keys, body("name", "x", "user_id", rootID, "scopes", []string{"admin"})).is(201)
		wide, wideID := h.key(rootID, "admin", "orders")
		narrow.post(keys+"/"+wideID+"/rotate", "").fails(403, "forbidden")
		wide.get(users).is(200)
	})
	t.Run("S239 S240 V115 a rotated key ends at once, or after its overlap", func(t *testing.T) {
		old, id := h.key(rootID, "admin")
		a := root.post(keys+"/"+id+"/rotate", body("overlap", 60)).is(201)
		next, nextID := h.program(a.str("key")), a.str("id")
		old.get(users).is(200)
		next.get(users).is(200)
		h.pass(time.Minute)
		old.get(users).fails(401, "invalid_token")
		next.get(users).is(200)
		b := next.post(keys+"/"+nextID+"/rotate", "").is(201) // it gives up itself
		next.get(users).fails(401, "invalid_token")
		h.program(b.str("key")).get(users).is(200)
		root.post(keys+"/"+nextID+"/rotate", "").fails(404, "not_found")
		if e := h.lastEvent(rootID, cloakroom.APIKeyRotated); e.Details["actor"] != rootID || e.Details["actor_key"] != nextID {
			t.Errorf("the event names %v", e.Details)
		}
	})
	t.Run("a key is rotated once", func(t *testing.T) {
		_, id := h.key(rootID, "admin")
		next := root.post(keys+"/"+id+"/rotate", body("overlap", 3600)).is(201)
		if next.at("expires_at") != nil {
			t.Errorf("have %s", next.text)
		}
		for _, text := range []string{"", body("overlap", 3600)} {
			a := root.post(keys+"/"+id+"/rotate", text)
			a.blames("id", "rotated_already")
			if !strings.Contains(a.text, next.str("id")) {
				t.Errorf("%s does not name %s", a.text, next.str("id"))
			}
		}
		again := root.post(keys+"/"+next.str("id")+"/rotate", "").is(201)
		if again.at("expires_at") != nil {
			t.Errorf("have %s", again.text)
		}
	})
	t.Run("a key leaves none behind that outlives it", func(t *testing.T) {
		end := h.clock().Add(time.Hour).UTC()
		made := root.post(keys, body("name", "k", "user_id", rootID, "scopes", []string{"admin"}, "expires_at", end)).is(201)
		key, want := h.program(made.str("key")), made.str("expires_at")
		ask := func(pairs ...any) answer {
			return key.post(keys, body(append([]any{"name", "k", "user_id", rootID, "scopes", []string{"admin"}}, pairs...)...))
		}
		ask("expires_at", end.Add(time.Second)).blames("expires_at", "out_of_range")
		for _, a := range []answer{ask(), ask("expires_at", end), key.post(keys+"/"+made.str("id")+"/rotate", "")} {
			if a.is(201).str("expires_at") != want {
				t.Errorf("have %s, want %s", a.text, want)
			}
		}
	})
	t.Run("S239 V115 a revoked key is refused at once", func(t *testing.T) {
		program, id := h.key(rootID, "admin")
		program.get(users).is(200)
		root.do("DELETE", keys+"/"+id, "").is(204)
		program.get(users).fails(401, "invalid_token")
		root.do("DELETE", keys+"/"+id, "").fails(404, "not_found")
		if e := h.lastEvent(rootID, cloakroom.APIKeyRevoked); e.Details["actor"] != rootID {
			t.Errorf("the event names %v", e.Details)
		}
	})
	t.Run("V116 a sign-out has no effect on a key", func(t *testing.T) {
		program, _ := h.key(rootID, "admin")
		program.post("/auth/logout", `{"scope":"all"}`).is(204)
		program.get(users).is(200)
		if !root.signedIn() {
			t.Error("it signed out its user")
		}
	})
	t.Run("a key impersonates nobody", func(t *testing.T) {
		ana := h.resident("ana@example.com")
		program, _ := h.key(rootID, "admin")
		program.post(users+"/"+ana+"/impersonate", body("reason", "a ticket")).fails(403, "forbidden")
	})
}

func TestAdminRefusesKeys(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	key := func(pairs ...any) string {
		all := append([]any{"name", "x", "user_id", rootID, "scopes", []string{"admin"}}, pairs...)
		return body(all...)
	}
	for _, bad := range []struct {
		name, value string
		field, code string
	}{
		{"name", `""`, "name", "required"},
		{"name", `"a\nb"`, "name", "invalid_name"},
		{"name", `null`, "name", "wrong_type"},
		{"scopes", `[]`, "scopes", "required"},
		{"scopes", `"admin"`, "scopes", "wrong_type"},
		{"scopes", `["a b"]`, "scopes", "invalid_scope"},
		{"scopes", `[null]`, "scopes", "invalid_scope"},
		{"roles", `["admin"]`, "roles", "not_allowed"},
		{"expires_at", `"2025-12-31T23:59:59Z"`, "expires_at", "out_of_range"},
		{"expires_at", `"tomorrow"`, "expires_at", "wrong_type"},
		{"expires_at", `1`, "expires_at", "wrong_type"},
		{"expires_at", `null`, "expires_at", "wrong_type"},
	} {
		root.post(keys, key(bad.name, raw(bad.value))).blames(bad.field, bad.code)
	}
	_, stranger := h.elsewhere("bob@example.com")
	for _, id := range []string{nobody, stranger, "x", "\x00"} {
		root.post(keys, key("user_id", id)).fails(404, "not_found")
	}
	if got := root.get(keys).ids(); got != nil {
		t.Errorf("keys %q", got)
	}

	_, id := h.key(rootID, "admin")
	for _, bad := range []string{"-1", "2592001", "9223372036854775807", "-9223372036854775808"} {
		root.post(keys+"/"+id+"/rotate", `{"overlap":`+bad+`}`).blames("overlap", "out_of_range")
	}
	for _, bad := range []string{`"1"`, "1.5", "1e30", "null", "9223372036854775808"} {
		root.post(keys+"/"+id+"/rotate", `{"overlap":`+bad+`}`).blames("overlap", "wrong_type")
	}
	for _, id := range []string{"key_" + nobody[4:], "x", "%00", "key_", nobody} {
		root.post(keys+"/"+id+"/rotate", "").fails(404, "not_found")
		root.do("DELETE", keys+"/"+id, "").fails(404, "not_found")
	}
	root.post(keys+"/"+id+"/rotate", `{"overlap":2592000}`).is(201)
}

func TestAdminListsKeys(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	ana := h.resident("ana@example.com")
	other, stranger := h.elsewhere("bob@example.com")
	foreign, _, err := other.APIKeys().Create(t.Context(), cloakroom.NewAPIKey{Name: "x", UserID: stranger, Scopes: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	var own, anas []string
	for range 3 {
		h.pass(time.Millisecond)
		_, a := h.key(rootID, "admin")
		h.pass(time.Millisecond)
		_, b := h.key(ana, "orders")
		own, anas = append(own, a), append(anas, b)
	}
	for _, limit := range []int{1, 2, 6, 200} {
		sameSet(t, root.turn(keys, limit), append(own, anas...)...)
		sameSet(t, root.turn(keys+"?user="+ana, limit), anas...)
	}
	sameSet(t, root.turn(keys+"?user="+nobody, 50))
	sameSet(t, root.turn(keys+"?user="+stranger, 50))
	root.get(keys+"?user=x").blames("user", "invalid_id")
	root.get(keys+"?user="+ana+"&user="+ana).blames("user", "invalid_id")
	t.Run("nothing of another realm", func(t *testing.T) {
		root.do("DELETE", keys+"/"+foreign.ID, "").fails(404, "not_found")
		root.post(keys+"/"+foreign.ID+"/rotate", "").fails(404, "not_found")
		if _, err := other.APIKeys().Get(t.Context(), foreign.ID); err != nil {
			t.Errorf("it is gone: %v", err)
		}
	})
}

func TestAdminForgedKeys(t *testing.T) {
	h := home(t)
	rootID := h.resident("root@example.com", cloakroom.RoleAdmin)
	program, id := h.key(rootID, "admin")
	program.get(users).is(200)
	t.Run("V112 altered in any one character", func(t *testing.T) {
		for i := range program.bearer {
			text := []byte(program.bearer)
			if text[i]++; text[i] == '{' || text[i] == '[' || text[i] == '`' || text[i] == ':' {
				text[i] = 'A'
			}
			a := h.program(string(text)).get(users)
			if a.status != 401 {
				t.Errorf("character %d: %d", i, a.status)
			}
		}
	})
	t.Run("V113 what the store has of it", func(t *testing.T) {
		list, err := h.store.APIKeys(t.Context(), cloakroom.APIKeyQuery{UserID: rootID, Max: 10})
		if err != nil || len(list) != 1 || list[0].ID != id {
			t.Fatalf("%v %v", list, err)
		}
		hash := list[0].Token.Hash[:]
		for _, text := range []string{hex.EncodeToString(hash), base64.RawURLEncoding.EncodeToString(hash), string(id)} {
			h.program(text).get(users).fails(401, "invalid_token")
			h.program("crk_"+text).get(users).fails(401, "invalid_token")
		}
	})
	t.Run("V117 anywhere but in the Bearer header", func(t *testing.T) {
		token := program.bearer
		for _, header := range []string{"X-Api-Key", "Api-Key", "X-Auth-Token"} {
			h.client().with(header, token).get(users).fails(401, "unauthenticated")
		}
		h.client().with("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(token+":"))).get(users).is(401)
		h.client().get(users + "?api_key=" + token + "&access_token=" + token).is(401)
		c := h.client()
		c.cookies["session"] = token
		c.get(users).is(401)
	})
}

package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

// request is what the client would send, for asking the engine about it.
func (c *client) request() *http.Request {
	c.t.Helper()
	r, err := http.NewRequest("POST", c.url, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	return r
}

func TestV109MissingPermission(t *testing.T) {
	shop := start(t, settings{})
	shop.user("ana@example.com")
	shop.user("boss@example.com", cloakroom.RoleAdmin)
	const query = `{ customers { email } me { email } products { id } }`

	t.Run("V109 the field is null, the others are answered", func(t *testing.T) {
		c := shop.client()
		c.login("ana@example.com")
		a := c.send(query)
		if a.status != 200 || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "FORBIDDEN" || a.Errors[0].Path[0] != "customers" {
			t.Errorf("%d %s", a.status, a.body)
		}
		if string(a.Data["customers"]) != "null" || string(a.Data["me"]) != `{"email":"ana@example.com"}` || !strings.Contains(string(a.Data["products"]), `"id":"1"`) {
			t.Errorf("data: %s", a.body)
		}
	})
	t.Run("who has the permission sees it", func(t *testing.T) {
		c := shop.client()
		c.login("boss@example.com")
		if a := c.ask(query); !strings.Contains(string(a.Data["customers"]), "ana@example.com") {
			t.Errorf("%s", a.body)
		}
	})
	t.Run("nobody is told to sign in first", func(t *testing.T) {
		shop.client().refused("UNAUTHENTICATED", `{ customers { email } }`)
	})
}

func TestLoginIsAloneInItsDocument(t *testing.T) {
	shop := start(t, settings{})
	shop.user("ana@example.com")
	login, _ := strings.CutPrefix(loginWith("ana@example.com", "wrong"), "mutation {")
	login = strings.TrimSuffix(login, "}")
	for _, document := range []string{
		`mutation { addItem(productId: 1, quantity: 1) { total } ` + login + ` }`,
		`mutation { logout ` + login + ` }`,
	} {
		a := shop.client().send(document)
		if len(a.Errors) != 1 || a.Errors[0].Path[0] != "login" || a.Errors[0].Extensions["code"] != "BAD_USER_INPUT" {
			t.Errorf("%s: %s", document, a.body)
		}
	}
	a := shop.client().send(`mutation { ` + login + ` addItem(productId: 1, quantity: 1) { total } }`)
	if len(a.Errors) != 2 || a.header.Get(tokenHeader) != "" {
		t.Errorf("%s", a.body)
	}
}

func TestWhatIsNoGraphQL(t *testing.T) {
	shop := start(t, settings{})
	for name, c := range map[string]struct {
		media, body string
		status      int
	}{
		"a form":             {"application/x-www-form-urlencoded", "query={products{id}}", 415},
		"plain text":         {"text/plain", `{"query":"{ products { id } }"}`, 415},
		"no JSON":            {"application/json", `{"query":`, 400},
		"another type":       {"application/json", `{"query":1}`, 400},
		"too large":          {"application/json", `{"query":"` + strings.Repeat(" ", maxBody) + `"}`, 413},
		"a syntax error":     {"application/json", `{"query":"{"}`, 200},
		"too long a query":   {"application/json", `{"query":"{ products { id } }` + strings.Repeat(" ", maxQuery) + `"}`, 200},
		"too deep a query":   {"application/json", `{"query":"{ __schema { types { ` + strings.Repeat("ofType { ", maxDepth) + "name" + strings.Repeat(" }", maxDepth) + ` } } }"}`, 200},
		"too many questions": {"application/json", `{"query":"{ ` + many(maxSelections+1) + `}"}`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := http.Post(shop.url, c.media, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body := new(strings.Builder)
			if err := resp.Write(body); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status || !strings.Contains(body.String(), `"errors":[`) {
				t.Errorf("got %d %.300s", resp.StatusCode, body)
			}
		})
	}
	t.Run("GET", func(t *testing.T) {
		resp, err := http.Get(shop.url + "?query={products{id}}")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("got %d", resp.StatusCode)
		}
	})
}

// many makes a selection of n fields.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("a")
		b.WriteString(strings.Repeat("b", i/26))
		b.WriteByte(byte('a' + i%26))
		b.WriteString(":me{id} ")
	}
	return b.String()
}

package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

func TestV36HeaderBringsEachNewToken(t *testing.T) {
	for _, name := range []string{tokenHeader, "x-my-ticket"} {
		t.Run("V36 "+name, func(t *testing.T) {
			shop := start(t, settings{header: name})
			shop.user("ana@example.com")
			c := shop.client()
			c.header = name
			seen := map[string]bool{}
			for _, begins := range []func() reply{
				func() reply { return c.add(1, 1) },
				func() reply { return c.login("ana@example.com") },
				func() reply { return c.login("ana@example.com") },
			} {
				a := begins()
				token := a.header.Get(name)
				if !strings.HasPrefix(token, "crs_") || seen[token] {
					t.Errorf("%s: %q, want a new token", name, token)
				}
				seen[token] = true
				if a.header.Get("Cache-Control") != "no-store" {
					t.Errorf("Cache-Control: %q", a.header.Get("Cache-Control"))
				}
				c.ask(`{ cart { total } }`).carries(t, false, false)
			}
		})
	}
}

// always are the headers that every answer exposes to listed origins.
var always = []string{"retry-after", "ratelimit", "ratelimit-policy", "www-authenticate", "x-request-id"}

// exposed are the other names that Access-Control-Expose-Headers lists, in lower case.
func exposed(h http.Header) []string {
	var names []string
	for _, line := range h.Values("Access-Control-Expose-Headers") {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.ToLower(strings.TrimSpace(name)); !slices.Contains(always, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func TestExposedHeaders(t *testing.T) {
	const page = "https://shop.example.com"
	queries := []string{`{ products { id } }`, `mutation { addItem(productId: 1, quantity: 1) { total } }`, `{ me { email } }`, `{`}
	for name, own := range map[string][]string{
		"the app exposes none":                    nil,
		"the app exposes one":                     {"X-Total"},
		"the app exposes a list in one line":      {"X-Total, X-Page"},
		"the app exposes several lines":           {"X-Total", "X-Page"},
		"the app exposes the token's header, too": {"X-Total, " + strings.ToUpper(tokenHeader)},
	} {
		t.Run("V37 "+name, func(t *testing.T) {
			shop := start(t, settings{origins: []string{page}})
			url := behind(t, shop, func(h http.Header) { h["Access-Control-Expose-Headers"] = slices.Clone(own) })
			want := append(exposed(http.Header{"Access-Control-Expose-Headers": own}), tokenHeader)
			slices.Sort(want)
			want = slices.Compact(want)
			for _, q := range queries {
				c := shop.client()
				c.url = url
				a := c.send(q, "Origin", page)
				if got := exposed(a.header); !slices.Equal(got, want) {
					t.Errorf("%s: exposed %v, want %v", q, got, want)
				}
				if a.header.Get("Access-Control-Allow-Origin") != page {
					t.Errorf("%s: allowed origin %q", q, a.header.Get("Access-Control-Allow-Origin"))
				}
			}
		})
	}
	t.Run("V38 cookies only: no header, and none exposed", func(t *testing.T) {
		shop := start(t, settings{delivery: cloakroom.DeliverCookie, origins: []string{page}})
		shop.user("ana@example.com")
		c := shop.client()
		for _, q := range append(queries, loginWith("ana@example.com", "wrong"), `mutation { logout }`) {
			a := c.send(q, "Origin", page)
			if a.header.Get(tokenHeader) != "" || len(exposed(a.header)) > 0 {
				t.Errorf("%s: token %q, exposed %v", q, a.header.Get(tokenHeader), exposed(a.header))
			}
		}
		c.login("ana@example.com").carries(t, false, true)
	})
	t.Run("V39 an app that lets every origin in exposes the header all the same", func(t *testing.T) {
		shop := start(t, settings{})
		c := shop.client()
		c.url = behind(t, shop, func(h http.Header) { h.Set("Access-Control-Allow-Origin", "*") })
		for _, q := range queries {
			a := c.send(q, "Origin", "https://anybody.example", "Sec-Fetch-Site", "same-site", "Authorization", "Bearer none")
			if !slices.Contains(exposed(a.header), tokenHeader) || a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %v", q, a.header)
			}
		}
	})
}

// behind serves the shop behind middleware of the app's own, which sets headers first.
func behind(t *testing.T, shop *running, set func(http.Header)) (url string) {
	next := shop.routes()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set(w.Header())
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/graphql"
}

func TestPagesOfOtherSites(t *testing.T) {
	shop := start(t, settings{delivery: cloakroom.DeliverCookie})
	shop.user("ana@example.com")
	c := shop.client()
	if a := c.send(`mutation { addItem(productId: 1, quantity: 1) { total } }`, "Sec-Fetch-Site", "cross-site"); len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "CROSS_ORIGIN" {
		t.Errorf("a session began: %s", a.body)
	}
	c.login("ana@example.com")
	if a := c.send(`mutation { logout }`, "Sec-Fetch-Site", "cross-site"); a.status != http.StatusForbidden {
		t.Errorf("%d %s", a.status, a.body)
	}
	c.ask(`{ me { email } }`)
}

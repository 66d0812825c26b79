package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/api"
)

const asBrowsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// accepting is a client that says what it wants to be answered with.
func (w *world) accepting(accept ...string) *client {
	c := w.client()
	c.headers = http.Header{"Accept": accept}
	return c
}

// A person who follows the link of a mail before the site has a page for it is told so in words, and nothing happens.
func TestLinkFollowedByAPerson(t *testing.T) {
	h := home(t)
	h.resident("ana@example.com")
	h.client().post("/auth/password/forgot", body("email", "ana@example.com")).is(202)
	token := h.link("ana@example.com", "reset_password")
	paths := 0
	for _, line := range api.Table() {
		if !line.Linked {
			continue
		}
		paths++
		address := "/auth" + line.Path + "?token=" + token + "&more=%3Cscript%3Ehidden"
		a := h.accepting(asBrowsers).get(address).is(405)
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Allow": "POST", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"X-Content-Type-Options":  "nosniff",
			"Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s %q, want %q", line.Path, name, got, want)
			}
		}
		if !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Accept") {
			t.Errorf("%s: Vary %q", line.Path, a.header.Values("Vary"))
		}
		if !strings.HasPrefix(a.text, "<!doctype html>") || !strings.Contains(a.text, "mail.links") || !strings.Contains(a.text, "Config.Mail.Links") {
			t.Errorf("%s: %s", line.Path, a.text)
		}
		for _, never := range []string{token, "token=", "<script", "hidden", "http", "src=", "href="} {
			if strings.Contains(a.text, never) {
				t.Errorf("%s: the page has %q", line.Path, never)
			}
		}
		if head := h.accepting(asBrowsers).do("HEAD", address, "").is(405); head.text != "" || head.header.Get("Content-Type") != a.header.Get("Content-Type") {
			t.Errorf("%s: HEAD is answered %v, %q", line.Path, head.header, head.text)
		}
		for _, method := range []string{"PUT", "DELETE"} {
			h.accepting(asBrowsers).do(method, address, "").fails(405, "method_not_allowed")
		}
	}
	if paths != 6 {
		t.Errorf("%d paths", paths)
	}
	h.client().post("/auth/password/reset", body("token", token, "password", fresh)).is(200)
}

// Programs are answered as everywhere.
func TestLinkFollowedByAProgram(t *testing.T) {
	h := home(t)
	for _, accept := range [][]string{
		nil, {"*/*"}, {"application/json"}, {"application/json, text/plain, */*"}, {"text/*"}, {"text/html;q=0"}, {"application/json, text/html ; Q=0.000"},
		{"text/htmlx"}, {"text/html/x"}, {`application/json;x="text/html"`}, {";;,=,"},
	} {
		if a := h.accepting(accept...).get("/auth/password/reset?token=x").fails(405, "method_not_allowed"); a.header.Get("Allow") != "POST" {
			t.Errorf("%q: Allow %q", accept, a.header.Get("Allow"))
		}
	}
	for _, accept := range [][]string{{"TEXT/HTML"}, {"application/xml, text/html;level=1;q=0.4"}, {"image/webp", " text/html "}} {
		if a := h.accepting(accept...).get("/auth/password/reset?token=x").is(405); a.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%q: %s", accept, a.header.Get("Content-Type"))
		}
	}
	t.Run("and no other path has a page", func(t *testing.T) {
		h.accepting(asBrowsers).get("/auth/login").fails(405, "method_not_allowed")
		h.accepting(asBrowsers).get("/auth/nowhere").fails(404, "not_found")
	})
}

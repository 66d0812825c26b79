package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// mails are those of /dev/outbox.json.
func (h *house) mails() []keptMail {
	h.t.Helper()
	var body struct{ Items []keptMail }
	r := h.do("GET", "/dev/outbox.json", "")
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != 200 || r.header.Get("Content-Type") != "application/json" || body.Items == nil {
		h.t.Fatalf("%v: %v", err, r)
	}
	return body.Items
}

// mail waits for a letter.
func (h *house) mail(letter string) (found keptMail) {
	h.t.Helper()
	until(h.t, "there is the letter "+letter, func() bool {
		for _, m := range h.mails() {
			if m.Letter == letter {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func TestOutbox(t *testing.T) {
	cfg := settings(t)
	cfg.Mail.Site = "Umbrellas & <Co>"
	h := runningAs(t, cfg, config.Development, quick)
	if h.at.Outbox != "http://"+h.at.HTTP+"/dev/outbox" {
		t.Errorf("it is said to be at %q", h.at.Outbox)
	}
	if empty := h.do("GET", "/dev/outbox", ""); !strings.Contains(empty.body, "No mail yet.") || len(h.mails()) != 0 {
		t.Errorf("at first: %v", empty)
	}
	h.do("POST", "/auth/signup", ana)
	h.do("POST", "/auth/password/forgot", `{"email":"ana@example.com"}`)
	m := h.mail("reset_password")
	if m.To != "ana@example.com" || m.ID == "" || m.Subject == "" || m.HTML == "" || len(m.Links) == 0 || !strings.HasPrefix(m.Links[0], "http://"+h.at.HTTP+"/auth/password/reset?token=") {
		t.Errorf("got %+v", m)
	}

	page := h.do("GET", "/dev/outbox", "")
	if page.status != 200 || page.header.Get("Content-Type") != "text/html; charset=utf-8" || page.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %v", page)
	}
	if !strings.Contains(page.body, `<a href="`+m.Links[0]+`" rel="noreferrer">`) {
		t.Errorf("no link to %s in\n%s", m.Links[0], page.body)
	}
	if strings.Contains(page.body, "<Co>") || !strings.Contains(page.body, "Umbrellas &amp; &lt;Co&gt;") || strings.Contains(page.body, "<script") {
		t.Errorf("what others chose is not escaped:\n%s", page.body)
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page.body)
	if style == nil {
		t.Fatal("no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	if csp := page.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; ") {
		t.Errorf("the policy does not fit the style: %s", csp)
	}
	token := m.Links[0][strings.Index(m.Links[0], "token=")+len("token="):]
	if log := h.log.String(); strings.Contains(log, token) || strings.Contains(log, "ana@example.com") || strings.Contains(log, m.Subject) {
		t.Errorf("the log has what is in a mail:\n%s", log)
	}
	if got := figure(h.metrics(), `cloakroom_mails_total{result="sent"}`); got < 1 {
		t.Errorf("%v mails were sent", got)
	}
	if post := h.do("POST", "/dev/outbox", "{}"); post.status != 405 {
		t.Errorf("a POST is answered %v", post)
	}
	if welcome := h.do("GET", "/", ""); !strings.Contains(welcome.body, "/dev/outbox") {
		t.Errorf("nobody is told of it: %v", welcome)
	}
}

func TestOutboxIsForThisMachine(t *testing.T) {
	s, _ := built(t, settings(t), config.Development)
	for _, test := range []struct {
		name, peer, host string
		header           []string
		status           int
	}{
		{"here", "127.0.0.1:4711", "127.0.0.1:8400", nil, 200},
		{"here, by name", "[::1]:4711", "LocalHost:8400", nil, 200},
		{"here, by IPv6", "[::1]:4711", "[::1]:8400", nil, 200},
		{"another machine", "192.0.2.1:4711", "127.0.0.1:8400", nil, 404},
		{"a site whose name leads here", "127.0.0.1:4711", "evil.example:8400", nil, 404},
		{"a name that begins alike", "127.0.0.1:4711", "127.0.0.1.evil.example", nil, 404},
		{"no name", "127.0.0.1:4711", "", nil, 404},
		{"through a proxy", "127.0.0.1:4711", "127.0.0.1:8400", []string{"X-Forwarded-For", "192.0.2.1"}, 404},
		{"through another proxy", "127.0.0.1:4711", "127.0.0.1:8400", []string{"Forwarded", "for=192.0.2.1"}, 404},
		{"nobody knows", "@", "127.0.0.1:8400", nil, 404},
	} {
		for _, path := range []string{"/dev/outbox", "/dev/outbox.json"} {
			r := httptest.NewRequest("GET", "http://127.0.0.1"+path, nil)
			r.RemoteAddr, r.Host = test.peer, test.host
			for i := 0; i < len(test.header); i += 2 {
				r.Header.Set(test.header[i], test.header[i+1])
			}
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("%s: %s: %d", test.name, path, w.Code)
			}
		}
	}
}

func TestOutboxIsForDevelopmentOnly(t *testing.T) {
	for name, mode := range map[string]config.Mode{"production": config.Production, "development that sends mail": config.Development} {
		t.Run(name, func(t *testing.T) {
			cfg := settings(t)
			if mode == config.Development {
				cfg.Mail.URL, cfg.Mail.From = "smtp://127.0.0.1:1", "a@b.example"
			}
			h := runningAs(t, cfg, mode, quick)
			for _, path := range []string{"/dev/outbox", "/dev/outbox.json"} {
				if r := h.do("GET", path, ""); r.status != 404 {
					t.Errorf("%s: %v", path, r)
				}
			}
			if h.at.Outbox != "" {
				t.Errorf("it is said to be at %q", h.at.Outbox)
			}
		})
	}
}

func TestOutboxKeepsTheNewest(t *testing.T) {
	o := &outbox{}
	for i := range outboxSize + 7 {
		if err := o.Send(context.Background(), cloakroom.Mail{ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	list := o.newest()
	if len(list) != outboxSize || list[0].ID != fmt.Sprint(outboxSize+6) || list[outboxSize-1].ID != "7" {
		t.Errorf("%d mails from %s to %s", len(list), list[0].ID, list[len(list)-1].ID)
	}
}

func TestOutboxShowsAnyMail(t *testing.T) {
	o := &outbox{}
	_ = o.Send(context.Background(), cloakroom.Mail{
		To: `"<script>alert(1)</script>"@example.com`, Subject: `</h2><script>`, Locale: `en" onload="x`,
		Text: "a https://a.example/?x=1&y=\"><script>alert(2)</script> b\nhttp://b.example https://c.example",
	})
	w := httptest.NewRecorder()
	o.page(w, httptest.NewRequest("GET", "/dev/outbox", nil))
	body := w.Body.String()
	if strings.Contains(body, "<script") || strings.Contains(body, `onload="x`) {
		t.Errorf("is not escaped:\n%s", body)
	}
	for _, want := range []string{
		`a <a href="https://a.example/?x=1&amp;y=" rel="noreferrer">https://a.example/?x=1&amp;y=</a>&#34;&gt;&lt;script&gt;alert(2)&lt;/script&gt; b` + "\n",
		`<a href="http://b.example" rel="noreferrer">http://b.example</a> <a href="https://c.example" rel="noreferrer">https://c.example</a></pre>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if w.Code != http.StatusOK {
		t.Errorf("got %d", w.Code)
	}
}

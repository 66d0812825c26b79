package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

const (
	email  = "ana@example.com"
	secret = "a cloak for rainy days"
)

// site is the program on a port of its own, with a journal of what was answered.
type site struct {
	url  string
	auth *cloakroom.Auth

	mu      sync.Mutex
	journal []string // like "POST /auth/login 200"
}

func start(t *testing.T) *site {
	t.Helper()
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "accounts.db"))
	if err != nil {
		t.Fatal(err)
	}
	s := &site{}
	s.auth, err = cloakroom.New(cloakroom.Config{Store: store, Methods: []cloakroom.Method{authtest.Password(t)}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.record(routes(s.auth)))
	s.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := s.auth.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := store.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// status remembers what was answered. Nothing here streams, so nothing is lost by wrapping.
type status struct {
	http.ResponseWriter
	code int
}

func (w *status) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

func (s *site) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told := &status{w, http.StatusOK}
		next.ServeHTTP(told, r)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.journal = append(s.journal, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, told.code))
	})
}

// answered returns and forgets what was answered to requests that begin so.
func (s *site) answered(request string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := slices.DeleteFunc(slices.Clone(s.journal), func(line string) bool { return !strings.HasPrefix(line, request) })
	s.journal = nil
	return found
}

// send is a request of nobody's browser.
func (s *site) send(t *testing.T, method, path, body string, header ...string) (code int, text string, set []string) {
	t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got), resp.Header.Values("Set-Cookie")
}

// says waits for a text in an element.
func says(id, text string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(fmt.Sprintf(`//*[@id=%q][contains(., %q)]`, id, text))
}

// submit types into a form and sends it, all by keyboard.
func submit(form, email, secret string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(
		chromedp.WaitVisible("#"+form),
		chromedp.Evaluate[chromedp.Void](`document.getElementById("`+form+`").reset()`),
		chromedp.SendKeys("#"+form+"-email", email),
		chromedp.SendKeys("#"+form+"-password", secret+"\n"),
	)
}

var (
	isIn  = says("who", "Signed in as "+email)
	isOut = chromedp.WaitVisible("#signed-out")
)

// focus is what a tab notices when it comes to the front.
const focus = `window.dispatchEvent(new Event("focus"))`

func TestPage(t *testing.T) {
	site := start(t)
	first := browser(t)
	first.do(chromedp.Navigate(site.url), isOut, submit("signup", email, secret), isIn)
	signup := first.cookie().Value
	first.do(chromedp.Click("#logout"), isOut)

	t.Run("S90 a wrong password is told in the live region, and not what was wrong", func(t *testing.T) {
		tab := first.in(t)
		live := eval[string](tab, `document.querySelector("#status[role=status]").getAttribute("aria-live")`)
		if live != "polite" {
			t.Errorf("aria-live is %q", live)
		}
		site.answered("")
		for _, who := range []string{email, "nobody@example.com"} {
			tab.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#status").textContent = ""`))
			tab.do(submit("login", who, "not the password"), says("status", "Wrong e-mail or password."))
		}
		if got, want := site.answered("POST"), []string{"POST /auth/login 401", "POST /auth/login 401"}; !slices.Equal(got, want) {
			t.Errorf("answered %v", got)
		}
		bodies := eval[[]string](tab, `seen.filter(a => a.url.endsWith("/login")).map(a => { const p = JSON.parse(a.body); delete p.request_id; return JSON.stringify(p) })`)
		if len(bodies) != 2 || bodies[0] != bodies[1] || !strings.Contains(bodies[0], `"code":"invalid_credentials"`) {
			t.Errorf("told %v", bodies)
		}
		if n := len(tab.cookies()); n != 0 {
			t.Errorf("%d cookies", n)
		}
	})
	t.Run("S87 e-mail and password as JSON open a session, with a new cookie", func(t *testing.T) {
		tab := first.in(t)
		site.answered("")
		tab.do(submit("login", email, secret), isIn, says("status", "You are signed in."))
		if got := site.answered("POST"); !slices.Equal(got, []string{"POST /auth/login 200"}) {
			t.Errorf("answered %v", got)
		}
		if c := tab.cookie(); !c.HTTPOnly || c.Value == signup || c.Path != "/" || c.SameSite != "Lax" {
			t.Errorf("cookie %+v", c)
		}
		if in := eval[string](tab, `document.activeElement.id`); in != "who" {
			t.Errorf("the keyboard is at %q, want at who is signed in", in)
		}
	})
	t.Run("no script can read it", func(t *testing.T) {
		tab := first.in(t)
		token := tab.cookie().Value
		if c := eval[string](tab, `document.cookie`); c != "" {
			t.Errorf("document.cookie is %q", c)
		}
		if n := eval[int](tab, `localStorage.length + sessionStorage.length`); n != 0 {
			t.Errorf("%d things in the storage", n)
		}
		all := eval[string](tab, `JSON.stringify(seen) + document.documentElement.outerHTML`)
		for _, leak := range []string{token, "crs_", "token", "set-cookie"} {
			if strings.Contains(strings.ToLower(all), strings.ToLower(leak)) {
				t.Errorf("the page saw %q", leak)
			}
		}
		if !strings.Contains(all, `signed_in`) {
			t.Error("the page saw no login at all: this test looks in the wrong place")
		}
		if left := eval[string](tab, `[...document.querySelectorAll("input[type=password]")].map(i => i.value).join("")`); left != "" {
			t.Error("the password is still in the page")
		}
	})
	t.Run("V20 not remembered: the cookie ends with the browser", func(t *testing.T) {
		if c := first.in(t).cookie(); !c.Session || c.Expires != -1 {
			t.Errorf("it lives until %v", c.Expires)
		}
	})
	t.Run("a reload is still signed in", func(t *testing.T) {
		tab := first.in(t)
		tab.do(chromedp.Reload(), isIn, chromedp.Click("#read"), says("note", "Only you can read this, "+email))
	})
	t.Run("S113 a log-out clears the cookie and ends the session, in all tabs", func(t *testing.T) {
		one := first.in(t)
		two := first.in(t).another()
		two.do(chromedp.Navigate(site.url), isIn)
		old := one.cookie()
		site.answered("")
		one.do(chromedp.Click("#logout"), isOut)
		if got := site.answered("POST"); !slices.Equal(got, []string{"POST /auth/logout 204"}) {
			t.Errorf("answered %v", got)
		}
		two.do(isOut, says("status", "You are signed out.")) // nobody touched it
		if n := len(two.cookies()); n != 0 {
			t.Errorf("%d cookies", n)
		}
		if code, text, _ := site.send(t, "GET", "/auth/me", "", "Cookie", old.Name+"="+old.Value); code != 401 {
			t.Errorf("the old cookie still works: %d %s", code, text)
		}
	})
	t.Run("S113 a log-out that no tab was told of", func(t *testing.T) {
		one := first.in(t)
		one.do(submit("login", email, secret), isIn)
		two := first.in(t).another()
		two.do(chromedp.Navigate(site.url), isIn)
		c := one.cookie()
		if code, text, _ := site.send(t, "POST", "/auth/logout", "", "Cookie", c.Name+"="+c.Value); code != 204 {
			t.Fatalf("%d %s", code, text)
		}
		two.do(chromedp.Evaluate[chromedp.Void](focus), isOut)        // comes to the front
		one.do(chromedp.Click("#read"), isOut)                        // does something
		if note := one.text("#note"); strings.Contains(note, email) { // and shows nothing any more
			t.Errorf("the note is still there: %q", note)
		}
	})
	t.Run("S227 a page of another site cannot sign anybody in", func(t *testing.T) {
		evil := crossSite(t, site.url+"/auth/login")
		tab := first.in(t).another()
		site.answered("")
		tab.do(chromedp.Navigate(evil), says("told", "failed")) // fetch with JSON: held up by the browser
		if got := site.answered("POST"); len(got) > 0 {
			t.Errorf("the JSON came through: %v", got)
		}
		tab.do(chromedp.Click("#send"), chromedp.WaitReady(`//body[contains(., "unsupported_media_type")]`)) // a form
		if got := site.answered("POST"); !slices.Equal(got, []string{"POST /auth/login 415"}) {
			t.Errorf("answered %v", got)
		}
		if n := len(tab.cookies()); n != 0 {
			t.Errorf("%d cookies", n)
		}
		tab.do(chromedp.Navigate(site.url), isOut)
	})
}

// crossSite serves a page on another site than target: there 127.0.0.1, here localhost. It tries to sign its visitor
// in with an account of its own, by fetch and by a form whose text is JSON.
func crossSite(t *testing.T, target string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>Another site</title><p id="told"></p>
			<form method="post" action="%[1]s" enctype="text/plain">
				<input type="hidden" name='{"email":"%[2]s","password":"%[3]s","x":"' value='"}'><button id="send">Win</button>
			</form>
			<script>
				fetch("%[1]s", { method: "POST", credentials: "include", headers: { "Content-Type": "application/json" }, body: '{"email":"%[2]s","password":"%[3]s"}' })
					.then(() => "succeeded", () => "failed").then((s) => { document.getElementById("told").textContent = s })
			</script>`, target, email, secret)
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

func TestS227LoginFromAnotherSiteIsRefused(t *testing.T) {
	site := start(t)
	body := fmt.Sprintf(`{"email":%q,"password":%q}`, email, secret)
	if code, text, _ := site.send(t, "POST", "/auth/signup", body); code != 201 {
		t.Fatalf("%d %s", code, text)
	}
	for name, header := range map[string][]string{
		"S227 a browser says so":          {"Sec-Fetch-Site", "cross-site"},
		"S227 a sibling site":             {"Sec-Fetch-Site", "same-site"},
		"S227 an old browser's Origin":    {"Origin", "http://localhost:3000"},
		"S227 an Origin that is no place": {"Origin", "null"},
	} {
		t.Run(name, func(t *testing.T) {
			code, text, set := site.send(t, "POST", "/auth/login", body, header...)
			if code != 403 || !strings.Contains(text, `"code":"cross_origin"`) || len(set) > 0 {
				t.Errorf("%d %s %v", code, text, set)
			}
		})
	}
	for name, header := range map[string][]string{
		"the page itself":  {"Sec-Fetch-Site", "same-origin", "Origin", site.url},
		"a program":        nil,
		"the address line": {"Sec-Fetch-Site", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, text, set := site.send(t, "POST", "/auth/login", body, header...); code != 200 || len(set) != 1 {
				t.Errorf("%d %s", code, text)
			}
		})
	}
}

func TestPageIsStrict(t *testing.T) {
	site := start(t)
	for path, want := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/app.css": "text/css"} {
		resp, err := http.Get(site.url + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		h := resp.Header
		if resp.StatusCode != 200 || !strings.HasPrefix(h.Get("Content-Type"), want) || h.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'self';") {
			t.Errorf("%s: %d %v", path, resp.StatusCode, h)
		}
		if path == "/" {
			for _, want := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `autocomplete="new-password"`, `aria-live="polite"`} {
				if !strings.Contains(string(text), want) {
					t.Errorf("the page has no %s", want)
				}
			}
		}
	}
}

func TestCommandKeepsAccountsInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accounts.db")
	body := fmt.Sprintf(`{"email":%q,"password":%q}`, email, secret)
	cookie := ""
	command(t, file, func(s *site) {
		code, text, set := s.send(t, "POST", "/auth/signup", body)
		if code != 201 || len(set) != 1 {
			t.Fatalf("%d %s", code, text)
		}
		cookie, _, _ = strings.Cut(set[0], ";")
	})
	command(t, file, func(s *site) {
		if code, text, _ := s.send(t, "GET", "/note", "", "Cookie", cookie); code != 200 || !strings.Contains(text, email) {
			t.Errorf("%d %s", code, text)
		}
		if code, text, _ := s.send(t, "POST", "/auth/login", body); code != 200 {
			t.Errorf("%d %s", code, text)
		}
	})
}

// command runs the program with a file as its user would, until use returns.
func command(t *testing.T, file string, use func(*site)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, "127.0.0.1:0", file, w) }()
	var address string
	if _, err := fmt.Fscanf(r, "listening on %s\n", &address); err != nil {
		t.Fatal(err)
	}
	use(&site{url: address})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

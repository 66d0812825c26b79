package breach_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/internal/breach"
)

// printf password1 | sha1sum: e38ad214943daad1d64c102faec29de4afe9da3d
const (
	prefix = "E38AD"
	suffix = "214943DAAD1D64C102FAEC29DE4AFE9DA3D"
	other  = "0018A45C4D1DEF81644B54AB7F969B88D65"
)

// service answers any range alike.
func service(t *testing.T, status int, body string) breach.Client {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
}

func serve(t *testing.T, h http.HandlerFunc) breach.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return breach.Client{URL: s.URL}
}

func TestKnown(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want bool
	}{
		"S127 known":                      {other + ":3\r\n" + suffix + ":2413945\r\n", true},
		"S127 not known":                  {other + ":3\r\n", false},
		"the last row has no end":         {other + ":3\r\n" + suffix + ":1", true},
		"plain line feeds":                {suffix + ":1\n" + other + ":1\n", true},
		"small letters":                   {strings.ToLower(suffix) + ":1\r\n", true},
		"S127 padding is not a breach":    {suffix + ":0\r\n" + other + ":3\r\n", false},
		"padding of more zeros":           {suffix + ":00\r\n", false},
		"nothing at all, as of a mirror":  {"", false},
		"a count that ends in zero is no": {suffix + ":10\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			known, err := service(t, http.StatusOK, c.body).Known(t.Context(), []byte("password1"))
			if err != nil || known != c.want {
				t.Errorf("Known = %v, %v; want %v", known, err, c.want)
			}
		})
	}
}

func TestBroken(t *testing.T) {
	const row = other + ":3\r\n"
	// Of rows alone, and one ends where reading does: only the length is wrong.
	full := other + ":" + strings.Repeat("3", 1+(1<<20+1)%len(row)) + "\r\n" + strings.Repeat(row, 1<<20/len(row))
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"S128 the page of a proxy":        {200, "<html>please sign in</html>"},
		"S128 too many requests":          {429, suffix + ":1\r\n"},
		"S128 a server error":             {500, suffix + ":1\r\n"},
		"not found":                       {404, ""},
		"a row without a count":           {200, suffix + "\r\n"},
		"a count that is no number":       {200, suffix + ":many\r\n"},
		"a row that is too short":         {200, suffix[1:] + ":1\r\n"},
		"a whole digest":                  {200, prefix + suffix + ":1\r\n"},
		"no hexadecimal":                  {200, strings.Repeat("G", 35) + ":1\r\n"},
		"known, and rubbish behind":       {200, suffix + ":1\r\nrubbish"},
		"more than 1 MiB":                 {200, full},
		"known, and more than 1 MiB":      {200, suffix + ":1\r\n" + full},
		"a line of more than 1 MiB":       {200, strings.Repeat("A", 1<<21)},
		"a row for each, and a blank one": {200, other + ":1\r\n\r\n" + suffix + ":1\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			known, err := service(t, c.status, c.body).Known(t.Context(), []byte("password1"))
			if err == nil || known {
				t.Errorf("Known = %v, %v; want an error", known, err)
			}
		})
	}
}

func TestOnlyFiveDigitsLeave(t *testing.T) {
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		whole, err := httputil.DumpRequest(r, true)
		if err != nil {
			t.Error(err)
		}
		asked = append(asked, string(whole))
		if r.Method != http.MethodGet || r.URL.Path != "/range/"+prefix || r.URL.RawQuery != "" || r.Header.Get("Add-Padding") != "true" {
			t.Errorf("request:\n%s", whole)
		}
	})
	if _, err := c.Known(t.Context(), []byte("password1")); err != nil {
		t.Fatal(err)
	}
	t.Run("S127 only five characters of the hash leave", func(t *testing.T) {
		if len(asked) != 1 {
			t.Fatalf("%d requests, want 1", len(asked))
		}
		for _, secret := range []string{"password1", suffix[:3], prefix + suffix[:1]} {
			if strings.Contains(strings.ToUpper(asked[0]), strings.ToUpper(secret)) {
				t.Errorf("%q is in the request:\n%s", secret, asked[0])
			}
		}
	})
}

func TestRedirectIsNotFollowed(t *testing.T) {
	followed := false
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed = true
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	if _, err := c.Known(t.Context(), []byte("password1")); err == nil || followed {
		t.Errorf("err = %v, followed = %v", err, followed)
	}
}

func TestContextEndsIt(t *testing.T) {
	asked := make(chan struct{})
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.Known(ctx, []byte("password1")); !errors.Is(err, context.Canceled) {
		t.Errorf("Known = %v, want context.Canceled", err)
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	for _, url := range []string{"http://127.0.0.1:1", "://", "http://[::1", ""} {
		_, err := breach.Client{URL: url}.Known(t.Context(), []byte("password1"))
		if err == nil || strings.Contains(err.Error(), "password1") || strings.Contains(err.Error(), prefix) || strings.Contains(err.Error(), suffix) {
			t.Errorf("URL %q: %v", url, err)
		}
	}
}

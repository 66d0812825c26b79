package cloakroom_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

const clientSecret = "q4Y+/ =&%:ü-0123456789abcdef"

func clients() []cloakroom.Client {
	return []cloakroom.Client{
		{ID: "orders", SecretHash: sha256.Sum256([]byte(clientSecret))},
		{ID: "billing", SecretHash: sha256.Sum256([]byte("another secret of billing"))},
	}
}

func TestClient(t *testing.T) {
	c := signing(nil)
	c.Clients = clients()
	w := newWorld(t, c)
	asks := func(w *world, edit func(*http.Request)) (string, error) {
		r := httptest.NewRequest("POST", secure+"/auth/introspect", nil)
		edit(r)
		return w.Client(r)
	}
	for name, edit := range map[string]func(*http.Request){
		"id and secret form-encoded": func(r *http.Request) { r.SetBasicAuth("orders", url.QueryEscape(clientSecret)) },
		"the scheme in lower case": func(r *http.Request) {
			r.SetBasicAuth("orders", url.QueryEscape(clientSecret))
			r.Header.Set("Authorization", "basic"+r.Header.Get("Authorization")[5:])
		},
	} {
		if id, err := asks(w, edit); id != "orders" || err != nil {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
	for name, edit := range map[string]func(*http.Request){
		"no credential":                  func(*http.Request) {},
		"a wrong secret":                 func(r *http.Request) { r.SetBasicAuth("orders", "wrong") },
		"the secret of another":          func(r *http.Request) { r.SetBasicAuth("billing", url.QueryEscape(clientSecret)) },
		"an unknown id":                  func(r *http.Request) { r.SetBasicAuth("nobody", url.QueryEscape(clientSecret)) },
		"no id":                          func(r *http.Request) { r.SetBasicAuth("", url.QueryEscape(clientSecret)) },
		"no secret":                      func(r *http.Request) { r.SetBasicAuth("orders", "") },
		"a secret that is badly encoded": func(r *http.Request) { r.SetBasicAuth("orders", "%zz") },
		"the hash of the secret":         func(r *http.Request) { r.SetBasicAuth("orders", clients()[0].String()[7:]) },
		"a bearer token":                 func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
		"the credential in the query": func(r *http.Request) {
			r.URL.RawQuery = "client_id=orders&client_secret=" + url.QueryEscape(clientSecret)
		},
		"two headers, one of them good": func(r *http.Request) {
			r.SetBasicAuth("orders", url.QueryEscape(clientSecret))
			r.Header.Add("Authorization", "Basic eA==")
		},
		"two headers, both of them good": func(r *http.Request) {
			r.SetBasicAuth("orders", url.QueryEscape(clientSecret))
			r.Header["Authorization"] = append(r.Header["Authorization"], r.Header["Authorization"]...)
		},
		"not base64":                       func(r *http.Request) { r.Header.Set("Authorization", "Basic ***") },
		"a colon in the place of the rest": func(r *http.Request) { r.Header.Set("Authorization", "Basic Og==") },
	} {
		t.Run("S173 "+name, func(t *testing.T) {
			id, err := asks(w, edit)
			if id != "" || err != cloakroom.ErrInvalidClient {
				t.Errorf("%q, %v", id, err)
			}
		})
	}
	t.Run("S173 where no client is configured there is nothing, whoever asks", func(t *testing.T) {
		w := newWorld(t, signing(nil))
		for _, edit := range []func(*http.Request){func(*http.Request) {}, func(r *http.Request) { r.SetBasicAuth("orders", clientSecret) }, func(r *http.Request) { r.SetBasicAuth("", "") }} {
			if id, err := asks(w, edit); id != "" || err != cloakroom.ErrNotFound {
				t.Errorf("%q, %v", id, err)
			}
		}
	})
}

func TestParseClient(t *testing.T) {
	for _, c := range clients() {
		if got, err := cloakroom.ParseClient(c.String()); err != nil || got != c {
			t.Errorf("%s: %v, %v", c, got, err)
		}
		if strings.Contains(c.String(), "secret") {
			t.Errorf("it tells the secret: %s", c)
		}
	}
	hash := clients()[0].String()[7:]
	for _, bad := range []string{
		"", ":", "orders", "orders:", ":" + hash, "or ders:" + hash, "a:b:" + hash, "orders:" + hash[2:], "orders:" + hash + "00", "orders:" + hash[1:] + "g", strings.Repeat("a", 65) + ":" + hash, "ü:" + hash,
	} {
		if c, err := cloakroom.ParseClient(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, c)
		} else if strings.Contains(err.Error(), hash[:8]) {
			t.Errorf("the error repeats what it was given: %v", err)
		}
	}
}

func FuzzParseClient(f *testing.F) {
	f.Add(clients()[0].String())
	f.Add("a:b")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := cloakroom.ParseClient(text)
		if err != nil {
			return
		}
		if again, err := cloakroom.ParseClient(c.String()); err != nil || again != c || !strings.EqualFold(c.String(), text) {
			t.Errorf("%q is read as %v, and that as %v, %v", text, c, again, err)
		}
	})
}

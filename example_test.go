package cloakroom_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/password"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// A whole program: sign-in, a page for whoever is signed in, one that wants more, and a part for administrators.
func ExampleNew() {
	auth, err := cloakroom.New(cloakroom.Config{
		Store:   memory.New(), // sqlite.Open("app.db") where it shall last
		Methods: []cloakroom.Method{password.Method{}},
	})
	if err != nil {
		log.Fatal(err) // every mistake in the Config, each with what to do
	}
	defer func() { _ = auth.Close(context.Background()) }()

	login := func(w http.ResponseWriter, r *http.Request) {
		_, err := auth.SignIn(w, r, cloakroom.SignIn{Email: r.FormValue("email"), Secret: r.FormValue("password")})
		if err != nil {
			auth.Fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/me", http.StatusSeeOther)
	}
	me := func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		fmt.Fprintln(w, "hello,", s.User.Name)
	}
	transfer := func(w http.ResponseWriter, _ *http.Request, _ *cloakroom.Session) { fmt.Fprintln(w, "done") }

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", login)
	mux.Handle("GET /me", auth.Protect(me))
	mux.Handle("POST /transfer", auth.Protect(transfer, cloakroom.MFA, cloakroom.MaxAge(10*time.Minute)))
	mux.Handle("/admin/", auth.Require(cloakroom.Role("admin"))(http.NotFoundHandler()))

	// Now a browser comes along.
	_, err = auth.Users().Create(context.Background(), cloakroom.NewUser{
		Email: "ana@example.com", Name: "Ana", Secret: "correct horse battery staple",
	})
	if err != nil {
		log.Fatal(err)
	}
	form := strings.NewReader("email=ana@example.com&password=correct+horse+battery+staple")
	post := httptest.NewRequest("POST", "https://app.example.com/login", form)
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	signedIn := httptest.NewRecorder()
	mux.ServeHTTP(signedIn, post)
	fmt.Println(signedIn.Code, signedIn.Header().Get("Location"))

	for _, path := range []string{"GET /me", "POST /transfer", "GET /admin/"} {
		method, path, _ := strings.Cut(path, " ")
		r := httptest.NewRequest(method, "https://app.example.com"+path, nil)
		r.AddCookie(signedIn.Result().Cookies()[0])
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		line, _, _ := strings.Cut(w.Body.String(), "\n")
		if w.Code != http.StatusOK {
			line = w.Header().Get("WWW-Authenticate")
		}
		fmt.Println(strings.TrimSpace(fmt.Sprintln(w.Code, line)))
	}
	// Output:
	// 303 /me
	// 200 hello, Ana
	// 401 Bearer error="insufficient_user_authentication", acr_values="2"
	// 403
}

// newShop is an Auth for the examples, with one user and the request that the user's app sends.
func newShop(c cloakroom.Config) (*cloakroom.Auth, *http.Request) {
	c.Store = memory.New()
	auth, err := cloakroom.New(c)
	if err != nil {
		log.Fatal(err)
	}
	ana, err := auth.Users().Create(context.Background(), cloakroom.NewUser{Email: "ana@example.com", Name: "Ana", Roles: []string{"editor"}})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "https://shop.example.com/", nil)
	g, err := auth.Admit(httptest.NewRecorder(), r, ana.ID, cloakroom.Admission{
		Method: "example", Terms: cloakroom.Terms{Delivery: cloakroom.DeliverBearer},
	})
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+g.Tokens.Access.Reveal())
	return auth, r
}

// A protected handler gets the session as an argument. It cannot be mounted without its guard: the types do not fit.
func ExampleAuth_Protect() {
	auth, fromAna := newShop(cloakroom.Config{})
	defer func() { _ = auth.Close(context.Background()) }()

	me := auth.Protect(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		fmt.Fprint(w, "hello, ", s.User.Name)
	})

	for _, r := range []*http.Request{fromAna, httptest.NewRequest("GET", "https://shop.example.com/", nil)} {
		w := httptest.NewRecorder()
		me.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// 200 text/plain; charset=utf-8
	// 401 application/problem+json
}

// Require is middleware for routers of any kind; behind it the session is in the context.
func ExampleAuth_Require() {
	auth, fromAna := newShop(cloakroom.Config{})
	defer func() { _ = auth.Close(context.Background()) }()

	drafts := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s, _ := cloakroom.FromContext(r.Context())
		fmt.Println("drafts of", s.User.Name)
	})
	for _, need := range []cloakroom.Requirement{cloakroom.Role("editor", "admin"), cloakroom.Verified} {
		w := httptest.NewRecorder()
		auth.Require(need)(drafts).ServeHTTP(w, fromAna)
		fmt.Println(w.Code)
	}
	// Output:
	// drafts of Ana
	// 200
	// 403
}

// Nobody needs an account to fill a cart: the first item begins a guest's session.
func ExampleAuth_Begin() {
	auth, _ := newShop(cloakroom.Config{})
	defer func() { _ = auth.Close(context.Background()) }()
	cart := cloakroom.NewKey[[]string]("cart")

	add := auth.Optional(func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
		s, err := auth.Begin(w, r) // before the body: it may set a cookie
		if err != nil {
			auth.Fail(w, r, err)
			return
		}
		items, err := cart.Update(r.Context(), s, func(items []string) ([]string, error) {
			return append(items, r.URL.Query().Get("item")), nil
		})
		if err != nil {
			auth.Fail(w, r, err)
			return
		}
		fmt.Println(items, "guest:", s.Anonymous())
	})

	first := httptest.NewRecorder()
	add.ServeHTTP(first, httptest.NewRequest("POST", "https://shop.example.com/cart?item=apple", nil))

	second := httptest.NewRequest("POST", "https://shop.example.com/cart?item=pear", nil)
	for _, c := range first.Result().Cookies() {
		second.AddCookie(c)
	}
	again := httptest.NewRecorder()
	add.ServeHTTP(again, second)
	fmt.Println("cookies:", len(first.Result().Cookies()), len(again.Result().Cookies()))
	// Output:
	// [apple] guest: true
	// [apple pear] guest: true
	// cookies: 1 0
}

// A Key is typed data of a session. Update is a compare-and-swap: requests side by side lose nothing.
func ExampleKey() {
	auth, fromAna := newShop(cloakroom.Config{})
	defer func() { _ = auth.Close(context.Background()) }()
	type settings struct{ Theme string }
	theme := cloakroom.NewKey[settings]("settings") // once, for the whole program

	ctx := context.Background()
	s, err := auth.Authenticate(fromAna)
	if err != nil {
		log.Fatal(err)
	}
	_, found, _ := theme.Get(ctx, s)
	fmt.Println("found:", found)

	if err := theme.Set(ctx, s, settings{Theme: "dark"}); err != nil {
		log.Fatal(err)
	}
	now, err := theme.Update(ctx, s, func(was settings) (settings, error) {
		return settings{Theme: "very " + was.Theme}, nil
	})
	fmt.Println(now.Theme, err)

	_ = theme.Delete(ctx, s)
	_, found, _ = theme.Get(ctx, s)
	fmt.Println("found:", found)
	// Output:
	// found: false
	// very dark <nil>
	// found: false
}

// For apps that take their token from a header of whichever answer has a new one.
func ExampleConfig_bearerHeader() {
	auth, _ := newShop(cloakroom.Config{
		Delivery: cloakroom.DeliveryPolicy{Default: cloakroom.DeliverBearer},
		Bearer:   cloakroom.Bearer{ResponseHeader: "some-auth-token"},
	})
	defer func() { _ = auth.Close(context.Background()) }()

	cart := auth.CORS(auth.Optional(func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
		if _, err := auth.Begin(w, r); err != nil {
			auth.Fail(w, r, err)
		}
	}))
	token := ""
	for range 2 {
		r := httptest.NewRequest("POST", "https://shop.example.com/cart", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		cart.ServeHTTP(w, r)
		fresh := w.Header().Get("some-auth-token")
		fmt.Printf("%d, a new token: %v, readable for scripts: %s\n", w.Code, fresh != "", w.Header().Get("Access-Control-Expose-Headers"))
		if fresh != "" {
			token = fresh
		}
	}
	// Output:
	// 200, a new token: true, readable for scripts: Some-Auth-Token
	// 200, a new token: false, readable for scripts: Some-Auth-Token
}

package authtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

// app is the program under test of somebody who uses the library.
func app(auth *cloakroom.Auth) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /me", auth.Protect(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		fmt.Fprint(w, s.User.Email)
	}))
	mux.Handle("POST /transfer", auth.Protect(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		w.WriteHeader(http.StatusNoContent)
	}, cloakroom.Role("admin"), cloakroom.MFA, cloakroom.MaxAge(10*time.Minute), cloakroom.Verified))
	return mux
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer
}

func TestSignedIn(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	handler := app(room.Auth)
	ana := room.User("ana@example.com")
	for name, r := range map[string]*http.Request{
		"by cookie":             room.ByCookie(httptest.NewRequest("GET", "/me", nil), ana),
		"by cookie on loopback": room.ByCookie(httptest.NewRequest("GET", "http://127.0.0.1:8080/me", nil), ana),
		"by cookie over https":  room.ByCookie(httptest.NewRequest("GET", "https://app.example.com/me", nil), ana),
		"by bearer":             room.ByBearer(httptest.NewRequest("GET", "/me", nil), ana),
	} {
		if answer := serve(handler, r); answer.Code != 200 || answer.Body.String() != "ana@example.com" {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
	}
	if answer := serve(handler, httptest.NewRequest("GET", "/me", nil)); answer.Code != 401 {
		t.Errorf("without a ticket: %d", answer.Code)
	}
}

func TestRequirementsAndClock(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	handler := app(room.Auth)
	admin, ana := room.User("root@example.com", "admin"), room.User("ana@example.com")
	transfer := func(user *cloakroom.User) *http.Request {
		return room.ByBearer(httptest.NewRequest("POST", "/transfer", nil), user)
	}
	if answer := serve(handler, transfer(ana)); answer.Code != 403 {
		t.Errorf("without the role: %d", answer.Code)
	}
	r := transfer(admin)
	if answer := serve(handler, r); answer.Code != 204 {
		t.Errorf("an admin who has just proven two factors: %d %s", answer.Code, answer.Body)
	}
	room.Clock.Advance(10 * time.Minute)
	if answer := serve(handler, r); answer.Code != 401 {
		t.Errorf("ten minutes later: %d", answer.Code)
	}
	room.Clock.Advance(336 * time.Hour)
	if answer := serve(handler, r); answer.Header().Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		t.Errorf("after the idle limit: %v", answer.Header())
	}
}

// The users of a room have a password that signs them in, by the real method with hashes that cost nothing.
func TestSecret(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	ana := room.User("ana@example.com")
	signIn := func(secret string) error {
		_, err := room.SignIn(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), cloakroom.SignIn{Email: ana.Email, Secret: secret})
		return err
	}
	if err := signIn(authtest.Secret); err != nil {
		t.Error(err)
	}
	if err := signIn("wrong " + authtest.Secret); err != cloakroom.ErrInvalidCredentials {
		t.Errorf("a wrong one: %v", err)
	}
	if n := len(room.Events(cloakroom.SignedIn)); n != 1 {
		t.Errorf("%d sign-ins were recorded", n)
	}
	room.Forget()
	if n := len(room.Events()); n != 0 {
		t.Errorf("%d events after Forget", n)
	}
}

// Without a testing.TB nobody gets a pool that is worth nothing.
func TestCheapHashesOnlyHere(t *testing.T) {
	if _, err := password.NewPool(password.PoolConfig{Params: password.Params{Memory: 64, Time: 1, Threads: 1}}); err == nil {
		t.Error("the password package made a weak pool")
	}
}

func ExampleNew() {
	var t testing.TB = &testing.T{} // the t of a test

	room := authtest.New(t, cloakroom.Config{})
	handler := app(room.Auth)

	ana := room.User("ana@example.com")
	request := room.ByCookie(httptest.NewRequest("GET", "/me", nil), ana)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	fmt.Println(answer.Code, answer.Body)
	// Output: 200 ana@example.com
}

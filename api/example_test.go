package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// The API beside the handlers of an app.
func ExampleNew() {
	auth, err := cloakroom.New(cloakroom.Config{Store: memory.New()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer auth.Close(context.Background())

	mux := http.NewServeMux()
	mux.Handle("/auth/", api.New(auth))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/auth/session", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 200 {"session":null,"user":null}
}

// A login that answers 204 with the address of the user.
func ExampleAPI() {
	auth, err := cloakroom.New(cloakroom.Config{Store: memory.New()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer auth.Close(context.Background())

	a := &api.API{
		Auth:         auth,
		Prefix:       "/account",
		UserLocation: func(u *cloakroom.User) string { return "/users/" + u.ID },
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("GET", "/account/nowhere", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 404 application/problem+json
}

package cloakroom_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/password"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// The first administrator of a service makes an account by a link that the program prints once.
func ExampleAuth_Setup() {
	auth, err := cloakroom.New(cloakroom.Config{Store: memory.New(), Methods: []cloakroom.Method{password.Method{}}})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = auth.Close(context.Background()) }()

	token, err := auth.SetupToken(context.Background())
	if err != nil {
		log.Fatal(err) // ErrForbidden: there is an administrator
	}

	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/auth/setup", nil)
	grant, err := auth.Setup(w, r, cloakroom.Setup{
		Token: token.Reveal(), Email: "boss@example.com", Name: "Boss", Secret: "correct horse battery staple",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(grant.Session.User.Name, grant.Session.User.Roles)
	// Output: Boss [admin]
}

// A program calls by an API key, which opens what asks for one of its scopes.
func ExampleAPIKeys_Create() {
	ctx := context.Background()
	auth, err := cloakroom.New(cloakroom.Config{Store: memory.New()})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = auth.Close(ctx) }()

	key, token, err := auth.APIKeys().Create(ctx, cloakroom.NewAPIKey{
		Name: "stock robot", Roles: []string{"clerk"}, Scopes: []string{"stock:read"},
	})
	if err != nil {
		log.Fatal(err)
	}
	stock := auth.Protect(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		fmt.Println("hello,", s.User.Name)
	}, cloakroom.Role("clerk"), cloakroom.KeyScope("stock:read")) // people who are clerks, and keys of clerks with this scope

	call := func() {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/stock", nil)
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
		stock.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	call()
	if err := auth.APIKeys().Revoke(ctx, key.ID); err != nil {
		log.Fatal(err)
	}
	call()
	// Output:
	// hello, stock robot
	// 200
	// 401
}

// An administrator sees what a user sees, and goes back.
func ExampleAuth_Impersonate() {
	auth, err := cloakroom.New(cloakroom.Config{Store: memory.New()})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = auth.Close(context.Background()) }()

	begin := auth.Protect(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		_, err := auth.Impersonate(w, r, s, cloakroom.Impersonation{UserID: r.FormValue("user"), Reason: r.FormValue("reason")})
		if err != nil {
			auth.Fail(w, r, err)
		}
	}, cloakroom.Role(cloakroom.RoleAdmin), cloakroom.MFA)
	end := auth.Protect(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		if _, err := auth.StopImpersonating(w, r, s); err != nil {
			auth.Fail(w, r, err)
		}
	})
	mux := http.NewServeMux()
	mux.Handle("POST /impersonate", begin)
	mux.Handle("POST /impersonate/end", end)
	for _, path := range []string{"/impersonate", "/impersonate/end"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		fmt.Println(path, w.Code) // of somebody who is not signed in
	}
	// Output:
	// /impersonate 401
	// /impersonate/end 401
}

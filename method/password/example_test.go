package password_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

func ExampleMethod() {
	ctx := context.Background()
	method := password.Method{MinLength: 15, Words: []string{"Acme"}}
	ana := cloakroom.User{ID: "usr_1", Email: "ana@example.com"}

	_, err := method.Enroll(ctx, cloakroom.Enrolment{User: ana, Secret: "acme-Acme-acme-2026"})
	fmt.Println(err)

	data, err := method.Enroll(ctx, cloakroom.Enrolment{User: ana, Secret: "violet tram to the sea"})
	fmt.Println(err, string(data[:31]))

	onFile := []cloakroom.Credential{{UserID: ana.ID, Method: method.Name(), Data: data, Revision: 1}}
	_, err = method.Prove(ctx, cloakroom.Claim{User: &ana, Credentials: onFile, Secret: "violet tram to the sea"})
	fmt.Println(err)
	_, err = method.Prove(ctx, cloakroom.Claim{User: &ana, Credentials: onFile, Secret: "violet tram to the see"})
	fmt.Println(errors.Is(err, cloakroom.ErrInvalidCredentials))
	// Output:
	// password must not be made of your e-mail address, your name or the name of this service
	// <nil> $argon2id$v=19$m=19456,t=2,p=1$
	// <nil>
	// true
}

func ExampleNewPool() {
	// A machine with much memory can make guessing dearer, two at a time and not more.
	pool, err := password.NewPool(password.PoolConfig{
		Params:  password.Params{Memory: 64 * 1024, Time: 3, Threads: 1},
		Workers: 2,
	})
	fmt.Println(err, pool.Stats().Workers)

	_, err = password.NewPool(password.PoolConfig{Params: password.Params{Memory: 1024, Time: 1, Threads: 1}})
	fmt.Println(err)
	// Output:
	// <nil> 2
	// password.PoolConfig.Params: are too cheap for an attacker: m=1024,t=1,p=1; leave them zero, or set at least m=19456,t=2,p=1 or m=47104,t=1,p=1
}

func ExampleMethod_Adopt() {
	ctx := context.Background()
	method := password.Method{}
	ana := cloakroom.User{ID: "usr_1", Email: "ana@example.com"}

	slow, err := method.Adopt(ctx, "pbkdf2_sha256$1200$Xk3vQ8sP0aLm$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w=")
	fmt.Println(err, string(slow[:32]))
	fast, err := method.Adopt(ctx, "{SSHA}wUVpS/oOrIkrg5kLXMpoEicY+NgBc2FsdP8Aeg==")
	fmt.Println(err, string(fast[:76]))

	onFile := []cloakroom.Credential{{UserID: ana.ID, Method: method.Name(), Data: fast, Revision: 1}}
	proof, err := method.Prove(ctx, cloakroom.Claim{User: &ana, Credentials: onFile, Secret: "motör-head 1"})
	fmt.Println(err, string(proof.Credential.Data[:31]))
	// Output:
	// <nil> pbkdf2_sha256$1200$Xk3vQ8sP0aLm$
	// <nil> $cloakroom-wrapped$sha1,salt-last$AXNhbHT/AHo$argon2id$v=19$m=19456,t=2,p=1$
	// <nil> $argon2id$v=19$m=19456,t=2,p=1$
}

func ExampleRange() {
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.URL.Path) // all that leaves of the password
		fmt.Fprint(w, "5B370EF7514BF0A24F46C0103601A462E57:12\r\n")
	}))
	defer mirror.Close()

	method := password.Method{Breached: password.Range{URL: mirror.URL, FailClosed: true}}
	_, err := method.Enroll(context.Background(), cloakroom.Enrolment{Secret: "violet tram to the sea"})
	fmt.Println(err)
	// Output:
	// /range/93C76
	// password is known from a breach of another service, so it will be tried
}

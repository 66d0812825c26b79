package totp_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/totp"
)

func ExampleMethod() {
	ctx := context.Background()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	method := totp.Method{Issuer: "Acme", Now: func() time.Time { return now }}
	ana := cloakroom.User{ID: "usr_1", Email: "ana@example.com"}

	// The page shows the QR code, the app reads it and shows a code, the user types it.
	offer, _ := method.Offer(ctx, cloakroom.Binding{User: ana})
	setup := offer.Show.(totp.Setup)
	first, _ := totp.Code(setup.Secret, now)
	cred, err := method.Bind(ctx, cloakroom.Binding{User: ana, Kept: offer.Keep, Answer: first})
	fmt.Println("bound:", err)

	// That code is used up; the next one signs in.
	claim := cloakroom.Claim{User: &ana, Credentials: []cloakroom.Credential{cred}, Second: true}
	claim.Secret = first
	_, err = method.Prove(ctx, claim)
	fmt.Println("again:", err == cloakroom.ErrInvalidCredentials)

	now = now.Add(30 * time.Second)
	claim.Secret, _ = totp.Code(setup.Secret, now)
	proof, err := method.Prove(ctx, claim)
	fmt.Println("next:", err, proof.Once)
	// Output:
	// bound: <nil>
	// again: true
	// next: <nil> true
}

func ExampleCode() {
	// The secret of RFC 6238, appendix B.
	code, err := totp.Code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", time.Unix(59, 0))
	fmt.Println(code, err)
	// Output: 287082 <nil>
}

package recovery_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/recovery"
)

func ExampleMethod() {
	ctx := context.Background()
	ana := cloakroom.User{ID: "usr_1", Email: "ana@example.com"}
	var method recovery.Method

	codes, data, err := method.Generate(ctx, ana) // shown once, to be written down
	fmt.Println(len(codes), len(codes[0]), err)

	onFile := cloakroom.Credential{UserID: ana.ID, Method: method.Name(), Data: data}
	typed := strings.ToLower(strings.ReplaceAll(codes[0], "-", " "))
	proof, err := method.Prove(ctx, cloakroom.Claim{User: &ana, Credentials: []cloakroom.Credential{onFile}, Secret: typed})
	fmt.Println(err, proof.Once)

	fmt.Printf("%+v\n", method.Describe(*proof.Credential))
	// Output:
	// 10 29 <nil>
	// <nil> true
	// {Remaining:9 Total:10}
}

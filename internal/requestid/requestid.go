// Package requestid carries the name of a request through its context, so that an answer and the log lines about it
// can be put together.
package requestid

import (
	"context"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/id"
)

type key struct{}

// New makes a fresh id.
func New() string { return id.New("req_", time.Now()) }

// With returns a context that carries the id.
func With(ctx context.Context, requestID string) context.Context {
	return context.WithValue(ctx, key{}, requestID)
}

// From returns the id of the context, or "" if it carries none.
func From(ctx context.Context) string {
	s, _ := ctx.Value(key{}).(string)
	return s
}

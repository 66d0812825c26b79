package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/graph-gophers/graphql-go"
	gqlerrors "github.com/graph-gophers/graphql-go/errors"
	"github.com/graph-gophers/graphql-go/log"
)

// Bounds of a request. The schema is at most four fields deep; the query by which tools ask for it is deeper.
const (
	maxBody       = 64 << 10
	maxQuery      = 16 << 10
	maxDepth      = 16
	maxSelections = 500
)

func parseSchema(root *shop) (*graphql.Schema, error) {
	return graphql.ParseSchema(schemaText, root,
		graphql.UseFieldResolvers(), graphql.MaxQueryLength(maxQuery), graphql.MaxDepth(maxDepth), graphql.MaxSelections(maxSelections),
		graphql.Logger(log.LoggerFunc(logPanic)), graphql.PanicHandler(panicHandler{}))
}

// execute runs the document of a request. All of it runs before anything is written, because a session may begin in any
// resolver, and its token travels in the headers.
func (s *shop) execute(w http.ResponseWriter, r *http.Request, session *cloakroom.Session) {
	var document struct {
		Query         string         `json:"query"`
		Variables     map[string]any `json:"variables"`
		OperationName string         `json:"operationName"`
	}
	if status, err := decode(w, r, &document); err != nil {
		answer(w, status, map[string]any{"errors": []any{map[string]any{"message": err.Error(), "extensions": map[string]any{"code": "BAD_REQUEST"}}}})
		return
	}
	x := &exchange{w: w, r: r, session: session}
	ctx := context.WithValue(r.Context(), exchangeKey{}, x)
	answer(w, http.StatusOK, s.schema.Exec(ctx, document.Query, document.OperationName, document.Variables))
}

// decode reads a JSON body, or says with which status to refuse it. That no HTML form can send this media type is
// part of the defence against cross-site requests.
func decode(w http.ResponseWriter, r *http.Request, into any) (status int, err error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return http.StatusUnsupportedMediaType, errors.New("send Content-Type: application/json")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return http.StatusRequestEntityTooLarge, errors.New("send at most 64 KiB")
	}
	if err != nil || json.Unmarshal(text, into) != nil {
		return http.StatusBadRequest, errors.New(`send one JSON object with "query" and, if need be, "variables" and "operationName"`)
	}
	return 0, nil
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		slog.Error("answer", "err", err)
		status, text = http.StatusInternalServerError, []byte(`{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// exchange is what a resolver needs of HTTP.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	session *cloakroom.Session // that the request came with; nil if none

	// Of mutations, which run one after the other:
	acted bool // there was one in this document
	alone bool // it was one that must have the document for itself
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

// user returns who is signed in, if they hold one of the roles, or just anybody who is when no role is named.
func (x *exchange) user(roles ...string) (*cloakroom.User, error) {
	switch {
	case x.session == nil || x.session.Anonymous():
		return nil, cloakroom.ErrUnauthenticated
	case len(roles) > 0 && !x.session.User.Is(roles...):
		return nil, cloakroom.ErrForbidden
	}
	return x.session.User, nil
}

// act marks the start of a mutation. One that changes who is signed in must be alone in its document: what would
// "add, sign in, add" mean?
func (x *exchange) act(alone bool) error {
	if x.alone || alone && x.acted {
		return badInput("register, login and logout each need a document of their own")
	}
	x.acted, x.alone = true, alone
	return nil
}

func logPanic(_ context.Context, value any) { slog.Error("resolver panicked", "value", value) }

// panicHandler tells the client nothing.
type panicHandler struct{}

func (panicHandler) MakePanicError(context.Context, any) *gqlerrors.QueryError {
	return &gqlerrors.QueryError{Message: "internal error", Extensions: map[string]any{"code": "INTERNAL"}}
}

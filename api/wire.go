package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

// What goes over the wire, in this file and those that begin with its name. From these structs comes the OpenAPI document
// too: omitempty marks what may be absent, a pointer what may be null, enum and doc say what they say. The name of a schema
// is that of the type without JSON.

// doneJSON says that something was done, and nothing else.
type doneJSON struct {
	Status string `json:"status" enum:"mail_sent,approved,pending,password_reset,disowned,deleted,kept"`
}

// objectText is a JSON object whose text is handed on as it came.
type objectText string

var errNoObject = errors.New("no object")

func (o *objectText) UnmarshalJSON(text []byte) error {
	if text[0] != '{' {
		return errNoObject
	}
	*o = objectText(text)
	return nil
}

// problemJSON is problem.Document with the type of its errors.
type problemJSON struct {
	Type      string                 `json:"type"`
	Title     string                 `json:"title"`
	Status    int                    `json:"status"`
	Code      string                 `json:"code"`
	Detail    string                 `json:"detail,omitempty"`
	RequestID string                 `json:"request_id,omitempty"`
	Error     string                 `json:"error,omitempty" enum:"invalid_client,invalid_request" doc:"only where the caller is a client: the code of RFC 6749 §5.2, if it has one for this"`
	Errors    []cloakroom.FieldError `json:"errors,omitempty"`
}

// list is s, never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// send answers with a body in JSON.
func send(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	sendText(w, status, append(text, '\n'))
	return nil
}

// sendText answers with JSON text. An error of writing is nobody's: the client is gone.
func sendText(w http.ResponseWriter, status int, text []byte) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

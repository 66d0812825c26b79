package server

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

// The line of a mail that failed says which one it was.
func TestMailFailureIsLoggedWithItsLetter(t *testing.T) {
	var lines bytes.Buffer
	logEvent(t.Context(), slog.New(slog.NewTextHandler(&lines, nil)), cloakroom.Event{
		Type: cloakroom.RequestFailed, UserID: "usr_1", Reason: "mail", Err: errors.New("451 later"),
		Details: map[string]string{"letter": "reset_password", "parcel": "prc_1", "to": "ana@example.com"},
	})
	for _, want := range []string{"level=ERROR", "user=usr_1", "reason=mail", "letter=reset_password", "parcel=prc_1", "451 later"} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("no %s in %s", want, lines.String())
		}
	}
	if strings.Contains(lines.String(), "@") {
		t.Errorf("an address in %s", lines.String())
	}
}

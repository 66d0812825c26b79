package postgres

import (
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

// TestActorRefuses: an actor that cannot be read is an error, never a session in which the user acts.
func TestActorRefuses(t *testing.T) {
	s := openAny(t, Config{})
	r := record()
	r.Actor = &cloakroom.Actor{UserID: "usr_admin", SessionID: "ses_1", Token: record().Token}
	if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
		t.Fatal(err)
	}
	for _, spoilt := range []string{``, `{}`, `null`, `{"user_id":"usr_admin","token":"AA=="}`, `[`, ` `} {
		if _, err := s.pool.Exec(t.Context(), `UPDATE sessions SET actor = $1`, spoilt); err != nil {
			t.Fatal(err)
		}
		_, err := s.Session(t.Context(), r.Token, epoch)
		wantUnknown(t, err, "a session with the actor "+spoilt)
		_, _, err = s.Find(t.Context(), r.Token, epoch)
		wantUnknown(t, err, "Find with the actor "+spoilt)
	}
}

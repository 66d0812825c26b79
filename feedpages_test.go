package cloakroom_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// Pages of the feed that tell nothing to a verifier, after a change of many users, do not stop it.
func TestVerifierPassesOverWhatIsNotForIt(t *testing.T) {
	w, v := served(t)
	h := w.app()
	h.signIn(w.User("ana@example.com").Email)
	var changed []cloakroom.Revocation
	for i := range 1001 { // an import that sets a role, say
		changed = append(changed, cloakroom.Revocation{
			Subject: sha256.Sum256([]byte(fmt.Sprint("usr_", i))), Epoch: cloakroom.UserChanged, Until: time.Now().Add(cloakroom.RevokedFor),
		})
	}
	done(t, w.Store().Append(t.Context(), changed, nil))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		_, err := v.Verify(ctx, h.access)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("a good token is not accepted, 10 s after the verifier began: %v; %+v", err, v.Stats())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

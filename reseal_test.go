package cloakroom_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// An authenticator app that nobody used meanwhile outlives any number of rotations.
func TestS203SecretsRotateUnderUnusedApps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := guarded(t, cloakroom.Config{Store: memory.New(), Now: time.Now, Secrets: []cloakroom.Secret{secret(1)}})
		ana := p.User("ana@example.com")
		d := p.browser()
		d.signIn(ana.Email)
		app, _ := d.addTOTP()
		for n := byte(2); n < 6; n++ {
			done(t, p.SetSecrets([]cloakroom.Secret{secret(n), secret(n - 1)}))
			synctest.Wait()
		}
		done(t, p.SetSecrets([]cloakroom.Secret{secret(5)}))
		time.Sleep(time.Minute)
		p.browser().signInBoth(ana.Email, app)
		d.answers(http.StatusUnauthorized, "a session under a secret that is gone")
	})
}

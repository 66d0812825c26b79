package cloakroom_test

import (
	"context"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// A change of password that the end of the account overtakes is told that the session is over, not that the password is wrong.
func TestChangeOvertakenByDeletion(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		for what, leave := range map[string]func(context.Context, *world, *device) error{
			"its owner, with time to come back": func(_ context.Context, _ *world, d *device) error { return second(d.deleteAccount()) },
			"an operator, at once":              func(ctx context.Context, w *world, d *device) error { return w.Users().Delete(ctx, d.live().User.ID) },
		} {
			t.Run("by "+what, func(t *testing.T) {
				w, _ := mailed(t, onRealm(store, cloakroom.Config{}))
				ana := w.User("ana@example.com")
				d := w.browser()
				d.signIn(ana.Email)
				s, late := d.live(), d.holding(d.token)
				done(t, leave(t.Context(), w, d))
				for name, current := range map[string]string{"right": authtest.Secret, "wrong": "wrong"} {
					fails(t, second(late.changeIn(s, current, nextSecret)), cloakroom.ErrInvalidToken, "with the "+name+" password")
				}
			})
		}
		t.Run("and a wrong password is wrong as long as the account stays", func(t *testing.T) {
			w, _ := mailed(t, onRealm(store, cloakroom.Config{}))
			d := w.browser()
			d.signIn(w.User("ana@example.com").Email)
			fails(t, second(d.change("wrong", nextSecret)), cloakroom.ErrInvalidCredentials, "a wrong one")
		})
	})
}

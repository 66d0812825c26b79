package cloakroom_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// changer is somebody in the middle of a change of password, on a store that tells of each step.
func changer(t *testing.T) (w *world, store *wrapped, user *cloakroom.User, h *holder) {
	t.Helper()
	store = wrap(memory.New())
	w = newWorld(t, signing(store))
	user = w.User("ana@example.com")
	h = w.app()
	h.signIn(user.Email)
	return w, store, user, h
}

// changes lets the holder's user change the password; its tokens stay as they are.
func (h *holder) changes(ctx context.Context) error {
	s := h.current()
	_, err := h.ChangeSecret(httptest.NewRecorder(), h.request("/").WithContext(ctx), s, cloakroom.Change{Current: authtest.Secret, Next: nextSecret})
	return err
}

func TestChangeSurvivesHangUp(t *testing.T) {
	w, store, ana, h := changer(t)
	there := w.app()
	there.signIn(ana.Email)
	ctx, hangUp := context.WithCancel(t.Context())
	store.hook(onVerb("UpdateUser", hangUp))
	done(t, h.changes(ctx))
	store.hook(nil)
	there.answers(http.StatusUnauthorized, "another session, after a change whose client hung up")
	fresh := w.program()
	if _, err := fresh.trySignIn(ana.Email, nextSecret); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

// onVerb calls f when a verb is called first.
func onVerb(verb string, f func()) func(string) error {
	var once sync.Once
	return func(v string) error {
		if v == verb {
			once.Do(f)
		}
		return nil
	}
}

// A session must not stay ahead of its user when the change did not happen: it would outlive the next end of all sessions.
func TestChangeThatBreaksOffFallsBack(t *testing.T) {
	breaksOff := func(t *testing.T) (*world, *wrapped, *cloakroom.User, *holder) {
		w, store, ana, h := changer(t)
		store.down("UpdateUser")
		unknowable(t, h.changes(t.Context()), "the change")
		store.down()
		h.answers(http.StatusOK, "the client's token")
		h.exchanged()
		return w, store, ana, h
	}
	t.Run("a ban ends it, also for who follows the feed", func(t *testing.T) {
		w, _, ana, h := breaksOff(t)
		_, claims := parts(t, h.access)
		done(t, w.Users().Ban(t.Context(), ana.ID))
		entry := w.told(cloakroom.FeedQuery{}).Entries[0]
		if entry["sub"] != hashOf(ana.ID) || entry["epoch"].(float64) <= claims["epoch"].(float64) {
			t.Errorf("the feed tells %v, the token says epoch %v", entry, claims["epoch"])
		}
	})
	t.Run("the end of all sessions ends it, though its row cannot be dropped", func(t *testing.T) {
		w, store, ana, h := breaksOff(t)
		store.down("CloseUser")
		done(t, w.Sessions().RevokeAll(t.Context(), ana.ID))
		store.down()
		h.refuses(cloakroom.ErrInvalidRefresh, "its refresh token")
		h.answers(http.StatusUnauthorized, "its access token")
	})
}

func TestChangeSparesItsOwnRequests(t *testing.T) {
	t.Run("a token of the session is good while the change is on its way", func(t *testing.T) {
		_, store, _, h := changer(t)
		other, status := h.copied(), 0
		store.hook(onVerb("UpdateUser", func() { status = other.status() }))
		done(t, h.changes(t.Context()))
		if status != http.StatusOK {
			t.Errorf("answer %d", status)
		}
	})
	t.Run("a refresh on its way is not undone when the change breaks off", func(t *testing.T) {
		_, store, _, h := changer(t)
		other := h.copied()
		refresh := onVerb("Renew", func() { other.exchanged() })
		store.hook(func(verb string) error {
			if verb == "UpdateUser" {
				return errDown
			}
			return refresh(verb)
		})
		unknowable(t, h.changes(t.Context()), "the change")
		store.hook(nil)
		w := other.world
		w.Clock.Advance(refreshGrace)
		other.exchanged()
	})
}

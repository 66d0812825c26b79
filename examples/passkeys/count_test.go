package main

import (
	"slices"
	"testing"

	"github.com/chromedp/cdproto/webauthn"

	"github.com/cloakroom-auth/cloakroom"
)

func TestSignCount(t *testing.T) {
	h := start(t)
	b := browser(t)
	user := account(b, h)
	last := h.count(t, user)
	for range 2 {
		signOut(b)
		signIn(b)
		n := h.count(t, user)
		if device := int(b.keys()[0].SignCount); n <= last || n != device {
			t.Errorf("the store has %d after %d, the device %d", n, last, device)
		}
		last = n
	}
	if got := h.told(t, user, cloakroom.CredentialSuspect); len(got) != 0 {
		t.Errorf("suspected of %q", got)
	}
	t.Run("S-93 one that goes back is told, and locks nobody out", func(t *testing.T) {
		b := b.in(t)
		signOut(b)
		back := 0.0
		tell(b, webauthn.SetCredentialProperties, webauthn.SetCredentialPropertiesParams{
			AuthenticatorID: b.device, CredentialID: b.keys()[0].CredentialID, SignCount: &back,
		})
		signIn(b)
		if got := h.told(t, user, cloakroom.CredentialSuspect); !slices.Equal(got, []string{"sign_count_regression"}) {
			t.Errorf("told %q", got)
		}
	})
}

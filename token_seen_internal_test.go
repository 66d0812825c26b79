package cloakroom

import (
	"bytes"
	"testing"
)

// That a good token was seen makes no other good: not one with another byte, not one of another kind, and not the same one
// when its secret has gone.
func TestSeenTokens(t *testing.T) {
	secret := func(n byte) Secret { return Secret(bytes.Repeat([]byte{n}, 32)) }
	ring, err := newKeyring("", []Secret{secret(1), secret(2)})
	if err != nil {
		t.Fatal(err)
	}
	token, id := ring.mint(kindSession, 7)
	ticket, _ := ring.mint(kindTicket, 7)
	for range 3 {
		if got, fresh, ok := ring.parse(kindSession, token.text); !ok || got != id || fresh != token {
			t.Fatalf("a good token: %v %v", got, ok)
		}
		if _, _, ok := ring.parse(kindTicket, ticket.text); !ok {
			t.Fatal("a good ticket is refused")
		}
	}
	for i := range token.text {
		for _, c := range []byte("A9_-z") {
			other := []byte(token.text)
			if other[i] == c {
				continue
			}
			other[i] = c
			if _, _, ok := ring.parse(kindSession, string(other)); ok {
				t.Errorf("taken with %q at %d", c, i)
			}
		}
	}
	if _, _, ok := ring.parse(kindSession, kindSession+ticket.text[len(kindTicket):]); ok {
		t.Error("a ticket is taken for a session")
	}
	if _, _, ok := ring.parse(kindTicket, kindTicket+token.text[len(kindSession):]); ok {
		t.Error("a session is taken for a ticket")
	}
	old, err := newKeyring("", []Secret{secret(2)})
	if err != nil {
		t.Fatal(err)
	}
	aged, _ := old.mint(kindSession, 7)
	for range 3 {
		if _, fresh, ok := ring.parse(kindSession, aged.text); !ok || fresh == aged {
			t.Errorf("a token of the older secret: taken %v, with a fresh tag %v", ok, fresh != aged)
		}
		if _, _, ok := old.parse(kindSession, token.text); ok {
			t.Error("taken by a keyring without its secret")
		}
	}
}

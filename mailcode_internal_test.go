package cloakroom

import (
	"bytes"
	"testing"
)

// S187: two people who were sent the same digits: each sign-in takes those that were sent for it, and the store cannot tell that they
// are the same.
func TestS187SameDigits(t *testing.T) {
	ring, err := newKeyring("", []Secret{bytes.Repeat([]byte("0123456789abcdef"), 2)})
	if err != nil {
		t.Fatal(err)
	}
	a := &Auth{}
	a.keys.Store(ring)
	sent := func(id byte, code string) *attempt {
		at := &attempt{ticket: Ticket{ID: TokenID{Hash: [32]byte{id}}}}
		at.Mail = &mailProof{Code: ring.codeMACs(at.ticket.ID, code)[0]}
		return at
	}
	ana, bob, eve := sent(1, "12345678"), sent(2, "12345678"), sent(3, "87654321")
	if bytes.Equal(ana.Mail.Code, bob.Mail.Code) {
		t.Error("the store shows that both have the same code")
	}
	if !a.rightCode(ana, "12345678") || !a.rightCode(bob, "1234 5678") || a.rightCode(eve, "12345678") {
		t.Error("a code is not good where it belongs, or is elsewhere")
	}
	bob.Mail.Code = ana.Mail.Code // somebody who can write into the store
	if a.rightCode(bob, "12345678") {
		t.Error("what is kept of one is good for the other")
	}
	unsent := &attempt{Mail: &mailProof{}}
	if a.rightCode(unsent, "12345678") || a.rightCode(unsent, "") || a.rightCode(ana, "") || a.rightCode(ana, "12345678 0") {
		t.Error("what was not sent is right")
	}
}

// S189: without the secrets, a code cannot be found from what is kept of it by trying them all.
func TestS189CodesAreKeyed(t *testing.T) {
	at := TokenID{Hash: [32]byte{1}}
	one, err := newKeyring("", []Secret{bytes.Repeat([]byte("0123456789abcdef"), 2)})
	if err != nil {
		t.Fatal(err)
	}
	two, err := newKeyring("", []Secret{bytes.Repeat([]byte("fedcba9876543210"), 2)})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := newKeyring("staff", []Secret{bytes.Repeat([]byte("0123456789abcdef"), 2)})
	if err != nil {
		t.Fatal(err)
	}
	mac := one.codeMACs(at, "12345678")[0]
	for what, other := range map[string][]byte{
		"another secret": two.codeMACs(at, "12345678")[0], "another realm": elsewhere.codeMACs(at, "12345678")[0],
		"another code": one.codeMACs(at, "12345679")[0], "another attempt": one.codeMACs(TokenID{Hash: [32]byte{2}}, "12345678")[0],
	} {
		if bytes.Equal(mac, other) {
			t.Errorf("%s makes the same", what)
		}
	}
}

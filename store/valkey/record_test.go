package valkey

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloakroom-auth/cloakroom"
)

var now = time.Date(2031, 5, 17, 10, 20, 30, 0, time.UTC)

func full() cloakroom.SessionRecord {
	past := make([]cloakroom.Rotated, maxPast)
	for i := range past {
		past[i] = cloakroom.Rotated{Token: [32]byte{byte(i)}, Sealed: bytes.Repeat([]byte{byte(i)}, i*maxSealed/maxPast), At: now}
	}
	return cloakroom.SessionRecord{
		ID: "ses_1", Realm: "main", Token: cloakroom.TokenID{Bucket: 7, Hash: [32]byte{1}}, UserID: "usr_ana", Epoch: 1<<53 - 1,
		CreatedAt: now, AuthenticatedAt: now.Add(time.Microsecond), LastSeenAt: now.Add(2 * time.Microsecond),
		IssuedAt: now.Add(-time.Hour), ExpiresAt: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		Methods: []string{"password", "", "totp"}, Level: -3, Scopes: []string{strings.Repeat("x", 1000)}, Remember: true,
		IP: "2001:db8::1", Agent: strings.Repeat("ünï\x00", 100),
		Refresh: []cloakroom.RefreshChain{{Current: [32]byte{2}, Past: past}, {Current: [32]byte{3}}},
		EndsAt:  now.Add(30 * time.Minute),
		Actor:   &cloakroom.Actor{UserID: "usr_admin", SessionID: "ses_2", Token: cloakroom.TokenID{Bucket: 1<<12 - 1, Hash: [32]byte{4}}},
	}
}

func TestRecordComesBack(t *testing.T) {
	for name, want := range map[string]cloakroom.SessionRecord{
		"every field is set": full(), "none is": {}, "a guest": {ID: "ses_1", CreatedAt: now, ExpiresAt: now, Refresh: []cloakroom.RefreshChain{{}}},
		"it ends": {ID: "ses_1", EndsAt: now}, "an actor alone": {ID: "ses_1", Actor: &cloakroom.Actor{}},
	} {
		stored, err := pack(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpack(stored, want.Token, now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, c := range got.Refresh { // nothing sealed comes back as nothing
			for i := range c.Past {
				c.Past[i].Sealed = append([]byte{}, c.Past[i].Sealed...)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// fixed is the part of a stored session that never changes, and where it begins.
func fixed(stored string) (part string, from int) {
	n := int(binary.BigEndian.Uint32([]byte(stored[25:])))
	return stored[29 : 29+n], 29
}

// TestRecordAcrossVersions: a session of which there is nothing new to say is stored as older programs do, so they read it and
// this one reads theirs; what is new stands behind all that they know, where they look no further, and so does this one.
func TestRecordAcrossVersions(t *testing.T) {
	plain := full()
	plain.EndsAt, plain.Actor = time.Time{}, nil
	older, err := pack(plain)
	if err != nil {
		t.Fatal(err)
	}
	newer, err := pack(full())
	if err != nil {
		t.Fatal(err)
	}
	olderPart, from := fixed(older)
	newerPart, _ := fixed(newer)
	if olderPart[len(olderPart)-1] != 1 || !strings.HasSuffix(olderPart[:len(olderPart)-1], plain.Agent) {
		t.Error("what says nothing new does not end with the agent and whether it is remembered")
	}
	if !strings.HasPrefix(newerPart, olderPart) || newer[from+len(newerPart):] != older[from+len(olderPart):] {
		t.Error("what is new does not stand behind what never changes")
	}

	part := newerPart + "of a program to come"
	future := newer[:25] + string(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) + part + newer[from+len(newerPart):]
	got, err := unpack(future, full().Token, now)
	if err != nil || got.EndsAt != full().EndsAt || !cmp.Equal(got.Actor, full().Actor) || got.Epoch != full().Epoch {
		t.Errorf("of a program to come: %+v, %v", got, err)
	}
}

func TestRecordRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*cloakroom.SessionRecord){
		"three chains":     func(r *cloakroom.SessionRecord) { r.Refresh = make([]cloakroom.RefreshChain, 3) },
		"33 past tokens":   func(r *cloakroom.SessionRecord) { r.Refresh[0].Past = make([]cloakroom.Rotated, 33) },
		"257 sealed bytes": func(r *cloakroom.SessionRecord) { r.Refresh[0].Past[0].Sealed = make([]byte, 257) },
		"an endless id":    func(r *cloakroom.SessionRecord) { r.ID = strings.Repeat("x", 1<<16) },
	} {
		r := full()
		spoil(&r)
		if _, err := pack(r); err == nil {
			t.Errorf("%s: packed", name)
		}
	}
	stored, err := pack(full())
	if err != nil {
		t.Fatal(err)
	}
	for n := range stored {
		if _, err := unpack(stored[:n], cloakroom.TokenID{}, now); err == nil || errors.Is(err, cloakroom.ErrNotFound) {
			t.Fatalf("cut at %d: got %v, want an error that does not say what is there", n, err)
		}
	}
	if _, err := unpack(stored+"x", cloakroom.TokenID{}, now); err == nil {
		t.Error("with something behind it: unpacked")
	}
	if _, err := unpack("\x03"+stored[1:], cloakroom.TokenID{}, now); err == nil || errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("of a form from the future: got %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	stored, err := pack(full())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", stored, stored[:100], "\x02\x00\x00\x00\x00\x00\x00\x00\x00", "\x01\xff\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		r, err := unpack(stored, cloakroom.TokenID{}, now)
		if err != nil {
			return
		}
		again, err := pack(r)
		if err != nil {
			t.Fatalf("what was unpacked cannot be packed: %v", err)
		}
		if r2, err := unpack(again, cloakroom.TokenID{}, now); err != nil || !cmp.Equal(r, r2) {
			t.Fatalf("%+v came back as %+v, %v", r, r2, err)
		}
	})
}

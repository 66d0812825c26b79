package cloakroom_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/jose"
	"github.com/cloakroom-auth/cloakroom/internal/seal"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// parts decodes the header and the payload of a signed token.
func parts(tb testing.TB, token string) (header, payload map[string]any) {
	tb.Helper()
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		tb.Fatalf("%q is no signed token", token)
	}
	for i, into := range []*map[string]any{&header, &payload} {
		b, err := base64.RawURLEncoding.DecodeString(segments[i])
		done(tb, err)
		done(tb, json.Unmarshal(b, into))
	}
	return header, payload
}

// said is the payload of a signed token, as bytes.
func said(tb testing.TB, token string) string {
	tb.Helper()
	text, err := payload(token)
	done(tb, err)
	return text
}

func payload(token string) (string, error) {
	_, rest, _ := strings.Cut(token, ".")
	middle, _, _ := strings.Cut(rest, ".")
	b, err := base64.RawURLEncoding.DecodeString(middle)
	return string(b), err
}

// published are the public keys that verifiers would fetch.
func (w *world) published() *verify.Keys {
	w.t.Helper()
	document, _, err := w.JWKS(w.t.Context())
	done(w.t, err)
	keys, err := verify.ParseKeys(document)
	done(w.t, err)
	return keys
}

// listed keys of the realm, by state.
func (w *world) keyIDs(state cloakroom.KeyState) (ids []string) {
	w.t.Helper()
	keys, err := w.Keys().List(w.t.Context())
	done(w.t, err)
	for _, k := range keys {
		if k.State(w.Clock.Now()) == state {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// thief signs with the realm's active key, as whoever has the database and secret(1) could.
func (w *world) thief() *jose.Signer {
	w.t.Helper()
	set, err := w.Store().KeySet(w.t.Context(), "")
	done(w.t, err)
	for _, k := range set.Keys {
		if k.State(w.Clock.Now()) == cloakroom.KeyActive {
			signer, err := jose.NewSigner(jose.Algorithm(k.Algorithm), k.ID, w.private(k, secret(1)))
			done(w.t, err)
			return signer
		}
	}
	w.t.Fatal("no key is active")
	return nil
}

// private opens the private half of a key.
func (w *world) private(k cloakroom.SigningKey, s cloakroom.Secret) []byte {
	w.t.Helper()
	ring, err := seal.New([][]byte{s})
	done(w.t, err)
	plain, _, err := ring.Open(seal.Place{Table: "signing_keys", Column: "private", Row: "/" + k.ID}, k.Sealed)
	done(w.t, err)
	return plain
}

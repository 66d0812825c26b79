package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

func challengeOf(t *testing.T, shown string) string {
	t.Helper()
	var o struct {
		PublicKey struct{ Challenge string }
	}
	if err := json.Unmarshal([]byte(shown), &o); err != nil || o.PublicKey.Challenge == "" {
		t.Fatalf("%s: %v", shown, err)
	}
	return o.PublicKey.Challenge
}

// edited changes the response of an answer.
func edited(t *testing.T, answer string, edit func(response map[string]any)) string {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal([]byte(answer), &whole); err != nil {
		t.Fatal(err)
	}
	edit(whole["response"].(map[string]any))
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func decoded(t *testing.T, part any) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part.(string))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// altered changes one member of the response by a bit, and client data to a text that says the same.
func altered(t *testing.T, answer, part string) string {
	t.Helper()
	return edited(t, answer, func(response map[string]any) {
		raw := decoded(t, response[part])
		if part == "clientDataJSON" {
			raw = append(raw[:len(raw)-1], " }"...)
		} else {
			raw[len(raw)-1] ^= 1
		}
		response[part] = base64.RawURLEncoding.EncodeToString(raw)
	})
}

// withKey puts another key into a registration, which is not signed.
func withKey(t *testing.T, answer string, key cose) string {
	t.Helper()
	return edited(t, answer, func(response map[string]any) {
		var object struct {
			Format    string   `cbor:"fmt"`
			Statement struct{} `cbor:"attStmt"`
			Data      []byte   `cbor:"authData"`
		}
		if err := cbor.Unmarshal(decoded(t, response["attestationObject"]), &object); err != nil {
			t.Fatal(err)
		}
		object.Data = append(object.Data[:37+16+2+32], encoded(t, key)...) // the id has 32 bytes
		response["attestationObject"] = base64.RawURLEncoding.EncodeToString(encoded(t, object))
	})
}

// cose is a COSE_Key.
type cose map[int]any

// modulus is a number of RSA's size, not of its kind.
func modulus(size int) []byte {
	n := make([]byte, size)
	n[0], n[size-1] = 0x80, 1
	return n
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	text, err := mode.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

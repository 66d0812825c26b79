package cloakroom_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// contents is every string and byte that can be reached from a value.
func contents(v reflect.Value, seen map[uintptr]bool) (all []byte) {
	switch v.Kind() {
	case reflect.String:
		return append([]byte(v.String()), 0)
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return nil
		}
		seen[v.Pointer()] = true
		return contents(v.Elem(), seen)
	case reflect.Interface:
		return contents(v.Elem(), seen)
	case reflect.Struct:
		for _, f := range v.Fields() {
			all = append(all, contents(f, seen)...)
		}
	case reflect.Map:
		for k, e := range v.Seq2() {
			all = append(append(all, contents(k, seen)...), contents(e, seen)...)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.Uint8 {
				all = append(all, byte(e.Uint()))
			} else {
				all = append(all, contents(e, seen)...)
			}
		}
	}
	return all
}

// found looks for a secret in a dump as it is, in hex and in base64.
func found(dump, secret []byte) bool {
	return bytes.Contains(dump, secret) || bytes.Contains(dump, []byte(hex.EncodeToString(secret))) ||
		bytes.Contains(dump, []byte(inBase64(base64.StdEncoding, secret))) || bytes.Contains(dump, []byte(inBase64(base64.RawURLEncoding, secret)))
}

// inBase64 is the part of an encoding that does not depend on what comes behind, at most 40 characters.
func inBase64(e *base64.Encoding, secret []byte) string {
	return e.EncodeToString(secret)[:min(40, len(secret)*8/6)]
}

// dumped opens a store of each kind, with all that a thief of it would have.
var dumped = map[string]func(t *testing.T) (cloakroom.Store, func() []byte){
	"memory": func(*testing.T) (cloakroom.Store, func() []byte) {
		store := memory.New()
		return store, func() []byte { return contents(reflect.ValueOf(store), map[uintptr]bool{}) }
	},
	"sqlite": func(t *testing.T) (cloakroom.Store, func() []byte) {
		dir := t.TempDir()
		store, err := sqlite.Open(filepath.Join(dir, "app.db"))
		done(t, err)
		t.Cleanup(func() { _ = store.Shutdown() })
		return store, func() (all []byte) {
			files, err := filepath.Glob(filepath.Join(dir, "app.db*"))
			done(t, err)
			for _, f := range files {
				b, err := os.ReadFile(f)
				done(t, err)
				all = append(all, b...)
			}
			return all
		}
	},
}

func TestS172DumpHasNoPrivateKey(t *testing.T) {
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		for name, open := range dumped {
			t.Run("S172 "+name+" "+alg, func(t *testing.T) {
				store, dump := open(t)
				c := signing(store)
				c.Token.Algorithm = alg
				w := newWorld(t, c)
				h := w.app()
				h.signIn(w.User("ana@example.com").Email)
				refresh, err := base64.RawURLEncoding.DecodeString(h.refresh[4:])
				done(t, err)
				h.exchanged()
				all := dump()
				set, err := store.KeySet(t.Context(), "")
				done(t, err)
				for _, k := range set.Keys {
					if !found(all, k.Public) && !found(all, k.Sealed) {
						t.Fatal("the key is not in the dump: the test looks in the wrong place")
					}
					private := w.private(k, secret(1))
					if found(all, private) || found(all, private[len(private)-40:]) {
						t.Error("the dump has the private key")
					}
				}
				for what, b := range map[string][]byte{"the exchanged refresh token": refresh[:34], "its secret": refresh[18:34], "an access token": []byte(h.access)} {
					if bytes.Contains(all, b) {
						t.Errorf("the dump has %s", what)
					}
				}
			})
		}
	}
}

// A thief of the store has neither codes to show nor a device to pass for.
func TestDumpHasNoFactor(t *testing.T) {
	for name, open := range dumped {
		t.Run(name, func(t *testing.T) {
			store, dump := open(t)
			w := guarded(t, cloakroom.Config{Store: store, Secrets: []cloakroom.Secret{secret(1)}})
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			pending, err := d.offered("totp")
			done(t, err)
			app, codes := d.addTOTP()
			d.trusting(ana.Email, app)
			c := w.browser()
			c.trust = ""
			challenge := c.challenge(ana.Email)
			all := dump()

			creds, err := store.Credentials(t.Context(), ana.ID)
			done(t, err)
			for _, c := range creds {
				if !found(all, c.Data) {
					t.Fatalf("%s is not in the dump: the test looks in the wrong place", c.Method)
				}
			}
			raw := func(text string) []byte {
				b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
				done(t, err)
				return b
			}
			token := func(text string) []byte {
				b, err := base64.RawURLEncoding.DecodeString(text[4:])
				done(t, err)
				return b
			}
			secrets := map[string][]byte{
				"the secret of the app": raw(app.secret), "its text": []byte(app.secret),
				"the secret of an offer": raw(w.appOf(pending).secret), "the text of that": []byte(w.appOf(pending).secret),
				"the token of a device": []byte(d.trust), "its secret": token(d.trust)[2:34],
				"the token of an offer": []byte(pending.Token.Reveal()), "the secret of that": token(pending.Token.Reveal())[2:34],
				"the token of an attempt": []byte(challenge.Token.Reveal()), "the secret of it": token(challenge.Token.Reveal())[2:34],
			}
			for _, code := range codes {
				bare := strings.ReplaceAll(code, "-", "")
				letters := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
				b, err := letters.DecodeString(bare)
				done(t, err)
				secrets["the recovery code "+code], secrets["its bytes "+code], secrets["its letters "+code] = []byte(code), b, []byte(bare)
			}
			for what, s := range secrets {
				if found(all, s) {
					t.Errorf("the dump has %s", what)
				}
			}
			for _, c := range creds {
				if c.Method == "totp" && (bytes.Contains(c.Data, raw(app.secret)) || len(c.Data) < 29+28) {
					t.Error("the secret of the app is not sealed")
				}
			}
		})
	}
}

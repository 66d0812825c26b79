package cloakroom_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
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

func TestS172DumpHasNoPrivateKey(t *testing.T) {
	// found looks for a secret in a dump as it is, in hex and in base64.
	found := func(dump, secret []byte) bool {
		return bytes.Contains(dump, secret) || bytes.Contains(dump, []byte(hex.EncodeToString(secret))) ||
			bytes.Contains(dump, []byte(base64.StdEncoding.EncodeToString(secret)[:40])) || bytes.Contains(dump, []byte(base64.RawURLEncoding.EncodeToString(secret)[:40]))
	}
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		for name, open := range map[string]func(t *testing.T) (cloakroom.Store, func() []byte){
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
		} {
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

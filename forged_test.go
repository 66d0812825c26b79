package cloakroom_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// A forged token costs no access to the store.
func TestForgedTokensAskNobody(t *testing.T) {
	room, store := watched(t, cloakroom.Config{})
	good := signedIn(t, room, secure, "delivery=bearer").bearer
	forged := map[string][]string{
		"S4 one character changed":                {},
		"S5 an arbitrary value":                   {"s:abc", "42", "null", "true", "ses_01", strings.Repeat("A", len(good)), "crs_" + strings.Repeat("A", len(good)-4)},
		"V31 the tag is missing or of somebody":   {good[:len(good)-22], good[:len(good)-22] + strings.Repeat("A", 22), tokenUnder(t, secret(99))},
		"V42 longer than any token, or not ASCII": {good + "A", good + strings.Repeat("A", 4096), strings.Repeat("crs_", 1000), "crs_" + strings.Repeat("\xff", 67), good[:70] + "é"},
		"a token of another kind":                 {"crt_" + good[4:], "crr_" + good[4:], "crk_" + good[4:], "CRS_" + good[4:]},
		"re-cased":                                {strings.ToUpper(good), strings.ToLower(good)},
	}
	for i := range good {
		for _, c := range []string{"A", "B", "-"} {
			if altered := good[:i] + c + good[i+1:]; altered != good {
				forged["S4 one character changed"] = append(forged["S4 one character changed"], altered)
			}
		}
	}
	h := front(room)
	for name, list := range forged {
		t.Run(name, func(t *testing.T) {
			before := store.count(everyVerb...)
			for _, text := range list {
				byBearer := visiting(t, h, secure).get("/me", with("Authorization", "Bearer "+text))
				byCookie := visiting(t, h, secure).get("/me", with("Cookie", secureName+"="+text))
				page := visiting(t, h, secure).get("/page", with("Cookie", secureName+"="+text))
				if byBearer.StatusCode != 401 || byCookie.StatusCode != 401 || page.StatusCode != 200 || page.text != "nobody" {
					t.Errorf("%.80q: bearer %d, cookie %d, page %d %s", text, byBearer.StatusCode, byCookie.StatusCode, page.StatusCode, page.text)
				}
			}
			if n := store.count(everyVerb...) - before; n != 0 {
				t.Errorf("the store was asked %d times", n)
			}
		})
	}
	before := store.count(everyVerb...)
	if a := visiting(t, h, secure).get("/me", with("Authorization", "Bearer "+good)); a.StatusCode != 200 || store.count(everyVerb...)-before != 2 {
		t.Errorf("a good token: %d, after asking %d times, want 2", a.StatusCode, store.count(everyVerb...)-before)
	}
}

// What a store is given of a token cannot be turned back into one.
func TestStoreHoldsNoToken(t *testing.T) {
	store := &listening{Store: memory.New()}
	room := authtest.New(t, cloakroom.Config{Store: store, Secrets: []cloakroom.Secret{secret(1)}})
	v := signedIn(t, room, secure, "delivery=bearer")
	if len(store.heard) != 1 {
		t.Fatalf("%d sessions were opened", len(store.heard))
	}
	id := store.heard[0].Session.Token
	raw, err := base64.RawURLEncoding.DecodeString(v.bearer[4:])
	if err != nil {
		t.Fatal(err)
	}
	t.Run("S41 the store gets a hash, neither the token nor its random part", func(t *testing.T) {
		dump := fmt.Sprintf("%+v %x %s", store.heard[0], id.Hash, store.heard[0].Session.ID)
		for _, part := range []string{v.bearer, v.bearer[4:], fmt.Sprintf("%x", raw[2:34]), string(raw[2:34]), fmt.Sprint(raw[2:34])} {
			if strings.Contains(dump, part) {
				t.Errorf("%.20q is in what the store was given", part)
			}
		}
		if id.Hash != sha256.Sum256(raw[:34]) {
			t.Error("the hash is not that of the token, so this test has looked at something else")
		}
	})
	t.Run("V68 what is stored does not sign in", func(t *testing.T) {
		bucket := binary.BigEndian.AppendUint16(nil, id.Bucket)
		for _, stolen := range [][]byte{id.Hash[:], slices.Concat(bucket, id.Hash[:]), slices.Concat(bucket, id.Hash[:], raw[34:]), slices.Concat(bucket, id.Hash[:], make([]byte, 16))} {
			thief := visiting(t, v.handler, secure)
			for _, thief.bearer = range []string{"crs_" + base64.RawURLEncoding.EncodeToString(stolen), hex.EncodeToString(stolen), store.heard[0].Session.ID} {
				thief.wants("/me", 401, "")
			}
		}
		v.wants("/me", 200, "ana@example.com")
	})
}

// listening keeps what it is told to open.
type listening struct {
	cloakroom.Store
	heard []cloakroom.Opening
}

func (l *listening) Open(ctx context.Context, o cloakroom.Opening) (cloakroom.Opened, error) {
	l.heard = append(l.heard, o)
	return l.Store.Open(ctx, o)
}

// tokenUnder is a session token in good form, tagged by a secret that is not the room's.
func tokenUnder(tb testing.TB, s cloakroom.Secret) string {
	tb.Helper()
	return signedIn(tb, authtest.New(tb, cloakroom.Config{Secrets: []cloakroom.Secret{s}}), secure, "delivery=bearer").bearer
}

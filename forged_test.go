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

func TestBadCookies(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	ana := signedIn(t, room, secure, "")
	good := ana.cookies[secureName]
	app := front(room)
	try := func(path string, values ...string) answer {
		return visiting(t, app, secure).get(path, with("Cookie", secureName+"="+strings.Join(values, "; "+secureName+"=")))
	}
	junk := func(n int) []string { return slices.Repeat([]string{"junk"}, n) }

	t.Run("S30 V32 planted junk locks nobody out", func(t *testing.T) {
		for _, values := range [][]string{{"junk", good}, {good, "junk"}, {"junk", good, "", "junk"}, append(junk(15), good), {good, good}} {
			if a := try("/me", values...); a.StatusCode != 200 || a.text != "ana@example.com" {
				t.Errorf("%d values: %d %s", len(values), a.StatusCode, a.text)
			} else {
				a.silent(t)
			}
		}
		if n := len(room.Events(cloakroom.DuplicateCookie)); n > 0 {
			t.Errorf("%d events duplicate_cookie for junk", n)
		}
		lines := visiting(t, app, secure).get("/me", with("Cookie", secureName+"=junk", secureName+"="+good))
		if lines.StatusCode != 200 {
			t.Errorf("in two header lines: %d", lines.StatusCode)
		}
	})
	t.Run("S30 V32 nor does much of it", func(t *testing.T) {
		for _, n := range []int{16, 17, 500} {
			a := try("/me", append(junk(n), good)...)
			if a.silent(t); a.StatusCode != 200 || a.text != "ana@example.com" {
				t.Errorf("%d junk cookies before the good one: %d", n, a.StatusCode)
			}
		}
	})
	t.Run("of what looks like a token 200 are checked, and nothing breaks", func(t *testing.T) {
		alike := func(n int) []string { return slices.Repeat([]string{"crs_" + strings.Repeat("A", len(good)-4)}, n) }
		for n, want := range map[int]int{199: 200, 200: 401, 5000: 401} {
			if a := try("/me", append(alike(n), good)...); a.StatusCode != want {
				t.Errorf("%d before the good one: %d, want %d", n, a.StatusCode, want)
			}
		}
		other := signedIn(t, room, secure, "").cookies[secureName]
		if a := try("/me", append(slices.Repeat([]string{good}, 200), other)...); a.StatusCode != 200 {
			t.Errorf("good ones count, too: %d", a.StatusCode)
		}
	})
	t.Run("a name behind what only Unicode calls white space is not ours: no browser guards its prefix", func(t *testing.T) {
		room.Forget()
		for _, space := range []string{"\u2000", "\u00a0", "\u0085", "\u3000", "\v", "\f"} {
			for _, value := range []string{good, "junk"} {
				planted := with("Cookie", "a=b; "+space+secureName+"="+value)
				me, page := visiting(t, app, secure).get("/me", planted), visiting(t, app, secure).get("/page", planted)
				me.silent(t)
				page.silent(t)
				if me.StatusCode != 401 || me.Header.Get("WWW-Authenticate") != "Bearer" || page.text != "nobody" {
					t.Errorf("behind %+q: Protect %d %q, Optional %s", space, me.StatusCode, me.Header.Get("WWW-Authenticate"), page.text)
				}
			}
			other := signedIn(t, room, secure, "").cookies[secureName]
			beside := with("Cookie", space+secureName+"="+other+"; "+secureName+"="+good)
			if a := visiting(t, app, secure).get("/me", beside); a.text != "ana@example.com" {
				t.Errorf("behind %+q, beside a good one: %d", space, a.StatusCode)
			}
		}
		if n := len(room.Events(cloakroom.DuplicateCookie)); n > 0 {
			t.Errorf("%d events duplicate_cookie", n)
		}
	})
	t.Run("two different good cookies mean signed out, and are told", func(t *testing.T) {
		room.Forget()
		other := signedIn(t, room, secure, "").cookies[secureName]
		for _, values := range [][]string{{good, other}, {other, good}, {"junk", good, "junk", other}} {
			if a := try("/me", values...); a.StatusCode != 401 {
				t.Errorf("Protect: %d", a.StatusCode)
			}
			if a := try("/page", values...); a.text != "nobody" {
				t.Errorf("Optional: %s", a.text)
			}
		}
		if n := len(room.Events(cloakroom.DuplicateCookie)); n != 6 {
			t.Errorf("%d events duplicate_cookie, want 6", n)
		}
		if a := try("/me", good); a.StatusCode != 200 {
			t.Errorf("one of them alone: %d", a.StatusCode)
		}
		if a := try("/me", other); a.StatusCode != 200 {
			t.Errorf("the other alone: %d", a.StatusCode)
		}
	})
	garbage := []string{
		"", "x", strings.Repeat("x", 5000), good + strings.Repeat("x", 5000), "\x00", "crs_\x01\x02\x1f", "crs_" + strings.Repeat("\x7f", 67),
		"\"" + good + "\"", "crs_", "=", "a=b", "<script>alert(1)</script>", "%00", strings.Repeat("é", 40), good[:70],
	}
	t.Run("S31 V33 garbage, overlong or with control characters, is absent and never reflected", func(t *testing.T) {
		for _, value := range garbage {
			me, page := try("/me", value), try("/page", value)
			if me.StatusCode != 401 || page.StatusCode != 200 || page.text != "nobody" {
				t.Errorf("%.40q: Protect %d, Optional %d %s", value, me.StatusCode, page.StatusCode, page.text)
			}
			for _, a := range []answer{me, page} {
				if len(value) > 3 && (strings.Contains(a.text, value) || strings.Contains(fmt.Sprint(a.Header), value)) {
					t.Errorf("%.40q came back", value)
				}
			}
		}
	})
	t.Run("V29 an altered value is absent, and public pages still work", func(t *testing.T) {
		altered := []byte(good)
		altered[20] ^= 1
		if a := try("/me", string(altered)); a.StatusCode != 401 {
			t.Errorf("Protect: %d", a.StatusCode)
		}
		if a := try("/page", string(altered)); a.StatusCode != 200 || a.text != "nobody" {
			t.Errorf("Optional: %d %s", a.StatusCode, a.text)
		}
	})
	t.Run("S38 a value that was presented is never adopted", func(t *testing.T) {
		stranger := tokenUnder(t, secret(7)) // in perfect form, but of somebody else's making
		for _, value := range append(garbage, stranger) {
			for _, path := range []string{"/cart", "/login?email=ana@example.com"} {
				v := visiting(t, app, secure)
				a := v.post(path, with("Cookie", secureName+"="+value))
				if got := a.cookie(t).Value; a.StatusCode != 200 || got == value || !strings.HasPrefix(got, "crs_") {
					t.Errorf("%s with %.40q: %d, cookie %.40q", path, value, a.StatusCode, got)
				}
				if a := try("/page", value); a.text != "nobody" {
					t.Errorf("%.40q opens %s", value, a.text)
				}
			}
		}
	})
	ana.wants("/me", 200, "ana@example.com")
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

package cloakroom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func secretOf(b byte) Secret {
	s := make(Secret, 32)
	for i := range s {
		s[i] = b + byte(i)
	}
	return s
}

func ring(t testing.TB, realm string, secrets ...Secret) *keyring {
	t.Helper()
	k, err := newKeyring(realm, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTokenForm(t *testing.T) {
	k := ring(t, "", secretOf(1))
	token, id := k.mint(kindSession, 0x0abc)
	text := token.Reveal()
	if !strings.HasPrefix(text, "crs_") || len(text) != 4+67 {
		t.Errorf("token has %d characters and begins %q, want crs_ and 67 more", len(text), text[:4])
	}
	body, err := tokenEncoding.DecodeString(text[4:])
	if err != nil || len(body) != 50 {
		t.Fatalf("token decodes to %d bytes, %v; want 2+32+16", len(body), err)
	}
	if id.Bucket != 0x0abc || body[0] != 0x0a || body[1] != 0xbc {
		t.Errorf("bucket %#x, in the token %x, want 0xabc", id.Bucket, body[:2])
	}
	got, same, ok := k.parse(kindSession, text)
	if !ok || got != id || same != token {
		t.Error("a token of ours is not recognised as it is")
	}
}

// V69: 10⁵ tokens, all different and of 256 random bits.
func TestV69TokensAreUnique(t *testing.T) {
	k := ring(t, "", secretOf(1))
	seen := make(map[TokenID]bool, 100_000)
	for range 100_000 {
		_, id := k.mint(kindSession, 0)
		if seen[id] {
			t.Fatal("the same token was made twice")
		}
		seen[id] = true
	}
}

func TestForgedTokens(t *testing.T) {
	k := ring(t, "", secretOf(1))
	token, _ := k.mint(kindSession, 7)
	ticket, _ := k.mint(kindTicket, 7)
	foreign, _ := ring(t, "", secretOf(99)).mint(kindSession, 7)
	realm, _ := ring(t, "staff", secretOf(1)).mint(kindSession, 7)
	good := token.Reveal()
	for name, forged := range map[string]string{
		"empty":                    "",
		"prefix only":              "crs_",
		"one byte removed":         good[:len(good)-1],
		"one byte added":           good + "A",
		"padding added":            good + "=",
		"upper case":               strings.ToUpper(good),
		"lower case":               "crs_" + strings.ToLower(good[4:]),
		"other prefix, same body":  "crt_" + good[4:],
		"without prefix":           good[4:],
		"a ticket as a session":    ticket.Reveal(),
		"ticket with our prefix":   "crs_" + ticket.Reveal()[4:],
		"of another secret":        foreign.Reveal(),
		"of another realm":         realm.Reveal(),
		"standard base64 alphabet": "crs_" + strings.NewReplacer("-", "+", "_", "/").Replace(good[4:]) + " ",
		"line break inside":        good[:20] + "\n" + good[21:],
		"not ASCII":                good[:20] + "é" + good[22:],
		"huge":                     strings.Repeat("A", 1<<20),
	} {
		if _, _, ok := k.parse(kindSession, forged); ok {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, _, ok := k.parse(kindTicket, good); ok {
		t.Error("a session token was accepted as a ticket")
	}
}

// Every single character counts, the last one's unused bits too.
func TestEveryCharacterCounts(t *testing.T) {
	k := ring(t, "", secretOf(1))
	token, _ := k.mint(kindSession, 7)
	good := token.Reveal()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range good {
		for _, c := range alphabet {
			if byte(c) == good[i] {
				continue
			}
			if _, _, ok := k.parse(kindSession, good[:i]+string(c)+good[i+1:]); ok {
				t.Fatalf("character %d may be %q in place of %q", i, c, good[i])
			}
		}
	}
}

func TestSecretRotation(t *testing.T) {
	old, now := ring(t, "", secretOf(1)), ring(t, "", secretOf(2), secretOf(1))
	token, id := old.mint(kindSession, 7)

	got, fresh, ok := now.parse(kindSession, token.Reveal())
	if !ok || got != id {
		t.Fatal("a token of the old secret is refused, or has become another")
	}
	if fresh == token {
		t.Error("it did not get a fresh tag")
	}
	if again, same, ok := now.parse(kindSession, fresh.Reveal()); !ok || again != id || same != fresh {
		t.Error("the fresh tag is not good, or not for the same row")
	}
	if _, _, ok := ring(t, "", secretOf(2)).parse(kindSession, token.Reveal()); ok {
		t.Error("a token of a removed secret is accepted")
	}
	if _, _, ok := ring(t, "", secretOf(2)).parse(kindSession, fresh.Reveal()); !ok {
		t.Error("the re-tagged token does not survive the removal of the old secret")
	}
}

// What a log, a dump or a panic may print of secrets and tokens.
func TestRedacted(t *testing.T) {
	token, _ := ring(t, "", secretOf(1)).mint(kindSession, 7)
	secret := Secret("this-is-the-secret-this-is-the-secret")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", token, "secret", secret)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", token, "secret", secret)
	inJSON, _ := json.Marshal(map[string]any{"token": token, "secret": secret})
	grant := Grant{Tokens: &Tokens{Access: token}, Challenge: &Challenge{Token: token}}
	asJSON, _ := json.Marshal(grant)
	printed := log.String() + string(inJSON) + string(asJSON)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		printed += fmt.Sprintf(verb, token) + fmt.Sprintf(verb, secret) + fmt.Sprintf(verb, *grant.Tokens) + fmt.Sprintf(verb, Config{Secrets: []Secret{secret}})
	}
	for _, leak := range []string{token.Reveal()[8:20], "this-is", fmt.Sprintf("%x", "this-is"), fmt.Sprintf("%X", "this-is"), "[116 104"} {
		if strings.Contains(printed, leak) {
			t.Errorf("%q was printed", leak)
		}
	}
	if strings.Count(printed, redacted) < 12 {
		t.Error("nothing says [redacted]")
	}
}

func FuzzParseToken(f *testing.F) {
	k := ring(f, "", secretOf(1))
	token := k.sign(kindSession, &[tokenSize]byte{0, 7, 42}) // the same in every process that fuzzes
	f.Add(token.Reveal())
	f.Add("crs_" + strings.Repeat("A", 67))
	f.Add("crt_")
	f.Fuzz(func(t *testing.T, text string) {
		_, same, ok := k.parse(kindSession, text)
		if ok && (text != token.Reveal() || same.text != text) {
			t.Errorf("accepted %q, which was never made", text)
		}
	})
}

func TestParseSecret(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	for _, good := range []string{hex, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="} {
		if s, err := ParseSecret(good); err != nil || len(s) < 32 {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "keyboard cat", hex[:62], strings.Repeat("00", 32), strings.Repeat("A", 43), "!" + hex} {
		if _, err := ParseSecret(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: error %v, want one that does not repeat it", bad, err)
		}
	}
}

package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

var (
	older = bytes.Repeat([]byte("older secret "), 3)
	newer = bytes.Repeat([]byte("newer secret "), 3)
	place = Place{Table: "keys", Column: "private", Row: "kid-1"}
)

// golden was made by Seal of "a private key" for place under older. It must open for ever.
const golden = "0107f40301f98bd55adb1f2752bcf7178250d034e47372d81964a795c171950cde7eaec4cd9148107dead9194902"

func ring(t testing.TB, secrets ...[]byte) *Keyring {
	t.Helper()
	k, err := New(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func refused(t *testing.T, k *Keyring, p Place, sealed []byte) {
	t.Helper()
	plain, stale, err := k.Open(p, sealed)
	if err != ErrOpen || plain != nil || stale {
		t.Errorf("Open(%v, %x) = %q, %v, %v; want ErrOpen and nothing else", p, sealed, plain, stale, err)
	}
}

func TestRoundTrip(t *testing.T) {
	k := ring(t, newer)
	for _, plain := range [][]byte{nil, {0}, []byte("a private key"), bytes.Repeat([]byte{0xff}, 1<<20)} {
		sealed := k.Seal(place, plain)
		if len(sealed) != len(plain)+33 {
			t.Errorf("%d bytes became %d, want 33 more", len(plain), len(sealed))
		}
		if len(plain) > 8 && bytes.Contains(sealed, plain[:8]) {
			t.Error("the envelope shows the plain text")
		}
		got, stale, err := k.Open(place, sealed)
		if err != nil || stale || !bytes.Equal(got, plain) {
			t.Errorf("Open = %d bytes, stale %v, %v; want the %d sealed", len(got), stale, err, len(plain))
		}
	}
}

func TestSealIsNeverTheSame(t *testing.T) {
	k, seen := ring(t, newer), map[string]bool{}
	for range 1000 {
		nonce := string(k.Seal(place, []byte("x"))[header : header+12])
		if seen[nonce] {
			t.Fatal("a nonce came twice")
		}
		seen[nonce] = true
	}
}

func TestOtherPlace(t *testing.T) {
	k := ring(t, newer)
	sealed := k.Seal(Place{"ab", "cd", "ef"}, []byte("plain"))
	for _, other := range []Place{
		{"x", "cd", "ef"}, {"ab", "x", "ef"}, {"ab", "cd", "x"}, {"", "", ""}, {"cd", "ab", "ef"},
		{"abc", "d", "ef"}, {"a", "bcd", "ef"}, {"ab", "cde", "f"}, {"abcdef", "", ""}, {"", "", "abcdef"},
		{"ab", "cd", "ef\x00"}, {"ab\x00", "cd", "ef"}, {"AB", "cd", "ef"},
	} {
		refused(t, k, other, sealed)
	}
}

func TestDamage(t *testing.T) {
	k := ring(t, newer, older)
	for _, plain := range []string{"", "a private key"} {
		sealed := k.Seal(place, []byte(plain))
		for i := range len(sealed) * 8 {
			flipped := bytes.Clone(sealed)
			flipped[i/8] ^= 1 << (i % 8)
			refused(t, k, place, flipped)
		}
		for n := range sealed {
			refused(t, k, place, sealed[:n])
			refused(t, k, place, sealed[n+1:])
		}
		refused(t, k, place, append(bytes.Clone(sealed), 0))
	}
	refused(t, k, place, nil)
}

func TestOtherSecret(t *testing.T) {
	sealed := ring(t, older).Seal(place, []byte("plain"))
	refused(t, ring(t, newer), place, sealed)
}

func TestRotation(t *testing.T) {
	sealed := ring(t, older).Seal(place, []byte("plain"))
	both := ring(t, newer, older)
	plain, stale, err := both.Open(place, sealed)
	if err != nil || !stale || string(plain) != "plain" {
		t.Fatalf("Open = %q, stale %v, %v; want the plain text, stale", plain, stale, err)
	}
	again := both.Seal(place, plain)
	if plain, stale, err := ring(t, newer).Open(place, again); err != nil || stale || string(plain) != "plain" {
		t.Errorf("sealed again: %q, stale %v, %v; want it under the first secret alone", plain, stale, err)
	}
	refused(t, ring(t, newer), place, sealed)
}

// Two secrets have the same hint once in 2^32 pairs: then each must be tried.
func TestEqualHints(t *testing.T) {
	k := ring(t, newer, older)
	sealed := ring(t, older).Seal(place, []byte("plain"))
	k.keys[0].hint = k.keys[1].hint
	if plain, stale, err := k.Open(place, sealed); err != nil || !stale || string(plain) != "plain" {
		t.Errorf("Open = %q, stale %v, %v; want the plain text, stale", plain, stale, err)
	}
}

func TestNewRefuses(t *testing.T) {
	short := []byte("only thirty-one bytes of secret")
	for name, c := range map[string]struct {
		secrets [][]byte
		says    string
	}{
		"none":         {nil, "no secret"},
		"short":        {[][]byte{short}, "secret 1 has 31 bytes, needs at least 32"},
		"short second": {[][]byte{newer, short}, "secret 2 has 31 bytes"},
		"empty":        {[][]byte{{}}, "secret 1 has 0 bytes"},
	} {
		k, err := New(c.secrets)
		if err == nil || k != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: New = %v, %v; want an error that says %q", name, k, err, c.says)
		} else if strings.Contains(err.Error(), string(short)) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
}

// The envelope by the words of the package comment, made with the standard library alone, opens here, and the other
// way round: what is on disk stays readable whatever happens to this code.
func TestFormat(t *testing.T) {
	derived := func(label string, size int) []byte {
		b, err := hkdf.Key(sha256.New, older, nil, label, size)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	block, err := aes.NewCipher(derived("cloakroom seal", 32))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	aad := []byte("\x00\x00\x00\x00\x00\x00\x00\x04keys\x00\x00\x00\x00\x00\x00\x00\x07private\x00\x00\x00\x00\x00\x00\x00\x05kid-1")
	prefix := append([]byte{1}, derived("cloakroom seal hint", 4)...)

	nonce := []byte("twelve bytes")
	made := gcm.Seal(append(bytes.Clone(prefix), nonce...), nonce, []byte("a private key"), aad)
	if plain, _, err := ring(t, older).Open(place, made); err != nil || string(plain) != "a private key" {
		t.Errorf("an envelope made by the description opens as %q, %v", plain, err)
	}
	sealed := ring(t, older).Seal(place, []byte("a private key"))
	if !bytes.HasPrefix(sealed, prefix) {
		t.Fatalf("envelope %x begins otherwise than %x", sealed, prefix)
	}
	if plain, err := gcm.Open(nil, sealed[5:17], sealed[17:], aad); err != nil || string(plain) != "a private key" {
		t.Errorf("an envelope read by the description opens as %q, %v", plain, err)
	}
}

func TestGolden(t *testing.T) {
	plain, stale, err := ring(t, newer, older).Open(place, unhex(t, golden))
	if err != nil || !stale || string(plain) != "a private key" {
		t.Errorf("Open = %q, stale %v, %v: envelopes that people have on disk no longer open", plain, stale, err)
	}
}

func TestConcurrentUse(t *testing.T) {
	k := ring(t, newer, older)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			p := Place{"t", "c", fmt.Sprint(i)}
			for range 50 {
				plain, _, err := k.Open(p, k.Seal(p, []byte(p.Row)))
				if err != nil || string(plain) != p.Row {
					t.Errorf("row %s opened as %q, %v", p.Row, plain, err)
				}
			}
		})
	}
	all.Wait()
}

// Nothing but the golden envelope opens, whatever is thrown at it.
func FuzzOpen(f *testing.F) {
	k, known := ring(f, newer, older), unhex(f, golden)
	f.Add(known)
	f.Add([]byte{})
	f.Add([]byte{version, 0, 0, 0, 0})
	f.Add(known[:header])
	f.Add(known[:header+12])
	f.Fuzz(func(t *testing.T, sealed []byte) {
		plain, stale, err := k.Open(place, sealed)
		if bytes.Equal(sealed, known) {
			return
		}
		if !errors.Is(err, ErrOpen) || plain != nil || stale {
			t.Errorf("Open(%x) = %q, %v, %v; want ErrOpen", sealed, plain, stale, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k, plain := ring(b, newer), make([]byte, 138)
	b.ReportAllocs()
	for b.Loop() {
		k.Seal(place, plain)
	}
}

func BenchmarkOpen(b *testing.B) {
	k := ring(b, newer)
	sealed := k.Seal(place, make([]byte, 138))
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = k.Open(place, sealed)
	}
}

package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"testing"
)

var presented = [32]byte([]byte("the 32 random bytes of one token"))

// goldenUnder was made by SealUnder(presented, "refresh", "ses_1", "the successor"). It must open for ever.
const goldenUnder = "0156da1b27fe8ba6d5db67c0770ada0a08e7617a83818a9f3438190ef496bd775033153d1175aa106707"

func TestUnder(t *testing.T) {
	sealed := SealUnder(presented, "refresh", "ses_1", []byte("the successor"))
	if len(sealed) != len("the successor")+29 {
		t.Errorf("13 bytes became %d, want 29 more", len(sealed))
	}
	plain, err := OpenUnder(presented, "refresh", "ses_1", sealed)
	if err != nil || string(plain) != "the successor" {
		t.Errorf("OpenUnder = %q, %v; want what was sealed", plain, err)
	}
}

func TestUnderRefuses(t *testing.T) {
	sealed := SealUnder(presented, "refresh", "ses_1", []byte("the successor"))
	check := func(name string, secret [32]byte, label, id string, sealed []byte) {
		t.Helper()
		if plain, err := OpenUnder(secret, label, id, sealed); err != ErrOpen || plain != nil {
			t.Errorf("%s: OpenUnder = %q, %v; want ErrOpen", name, plain, err)
		}
	}
	other := presented
	other[31] ^= 1
	check("another secret", other, "refresh", "ses_1", sealed)
	check("another label", presented, "ticket", "ses_1", sealed)
	check("another session", presented, "refresh", "ses_2", sealed)
	check("a letter moved from id to label", presented, "refreshs", "es_1", sealed)
	check("nothing", presented, "refresh", "ses_1", nil)
	check("longer", presented, "refresh", "ses_1", append(bytes.Clone(sealed), 0))
	for i := range len(sealed) * 8 {
		flipped := bytes.Clone(sealed)
		flipped[i/8] ^= 1 << (i % 8)
		check("a bit flipped", presented, "refresh", "ses_1", flipped)
	}
	for n := range sealed {
		check("cut", presented, "refresh", "ses_1", sealed[:n])
	}
}

// Racing callers seal different successors under one presented token: their nonces must differ.
func TestUnderDrawsNonces(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		nonce := string(SealUnder(presented, "refresh", "ses_1", []byte("x"))[1:13])
		if seen[nonce] {
			t.Fatal("a nonce came twice under one key")
		}
		seen[nonce] = true
	}
}

// The same as TestFormat of the keyring: read with the standard library alone.
func TestUnderFormat(t *testing.T) {
	key, err := hkdf.Key(sha256.New, presented[:], nil, "cloakroom seal under refresh", 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	aad := []byte("\x00\x00\x00\x00\x00\x00\x00\x07refresh\x00\x00\x00\x00\x00\x00\x00\x05ses_1")
	sealed := SealUnder(presented, "refresh", "ses_1", []byte("the successor"))
	if plain, err := gcm.Open(nil, sealed[1:13], sealed[13:], aad); sealed[0] != 1 || err != nil || string(plain) != "the successor" {
		t.Errorf("version %d opens by the description as %q, %v", sealed[0], plain, err)
	}
}

func TestUnderGolden(t *testing.T) {
	plain, err := OpenUnder(presented, "refresh", "ses_1", unhex(t, goldenUnder))
	if err != nil || string(plain) != "the successor" {
		t.Errorf("OpenUnder = %q, %v: what people have stored no longer opens", plain, err)
	}
}

func FuzzOpenUnder(f *testing.F) {
	known := unhex(f, goldenUnder)
	f.Add(known)
	f.Add([]byte{})
	f.Add([]byte{version})
	f.Add(known[:13])
	f.Fuzz(func(t *testing.T, sealed []byte) {
		plain, err := OpenUnder(presented, "refresh", "ses_1", sealed)
		if bytes.Equal(sealed, known) {
			return
		}
		if !errors.Is(err, ErrOpen) || plain != nil {
			t.Errorf("OpenUnder(%x) = %q, %v; want ErrOpen", sealed, plain, err)
		}
	})
}

func BenchmarkSealUnder(b *testing.B) {
	plain := make([]byte, 71)
	b.ReportAllocs()
	for b.Loop() {
		SealUnder(presented, "refresh", "ses_1", plain)
	}
}

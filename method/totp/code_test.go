package totp_test

import (
	"encoding/base32"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/method/totp"
)

// rfcSecret is that of RFC 4226 appendix D and RFC 6238 appendix B.
var rfcSecret = base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))

func TestVectorsTOTP(t *testing.T) {
	// RFC 6238 appendix B, SHA-1. It has eight digits; six are the number modulo a million (RFC 4226 §5.3), its tail.
	for at, want := range map[int64]string{
		59:          "94287082",
		1111111109:  "07081804",
		1111111111:  "14050471",
		1234567890:  "89005924",
		2000000000:  "69279037",
		20000000000: "65353130",
	} {
		if got, err := totp.Code(rfcSecret, time.Unix(at, 0)); err != nil || got != want[2:] {
			t.Errorf("at %d: %q, %v, want %q", at, got, err, want[2:])
		}
	}
}

func TestVectorsHOTP(t *testing.T) {
	// RFC 4226 appendix D: counters 0 to 9.
	for counter, want := range []string{
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	} {
		for _, second := range []int{0, 29} {
			if got, err := totp.Code(rfcSecret, time.Unix(int64(counter*30+second), 0)); err != nil || got != want {
				t.Errorf("counter %d, second %d: %q, %v, want %q", counter, second, got, err, want)
			}
		}
	}
}

func TestCodeOfNoSecret(t *testing.T) {
	for _, secret := range []string{"not base32!", "JBSWY3D1", "ABC="} {
		if got, err := totp.Code(secret, time.Unix(0, 0)); err == nil {
			t.Errorf("%q: %q", secret, got)
		}
	}
}

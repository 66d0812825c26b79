package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// lies are what an authenticator may say, with a right signature, and must not be believed.
var lies = map[string]func(*authtest.Ceremony){
	"S-93 another challenge":                    func(c *authtest.Ceremony) { c.Challenge = base64.RawURLEncoding.EncodeToString(make([]byte, 32)) },
	"S-93 no challenge":                         func(c *authtest.Ceremony) { c.Challenge = "" },
	"S-93 a challenge in padded base64":         func(c *authtest.Ceremony) { c.Challenge += "=" },
	"S-93 another origin":                       func(c *authtest.Ceremony) { c.Origin = "https://app.example.com.evil.example" },
	"S-93 an origin below ours":                 func(c *authtest.Ceremony) { c.Origin = "https://x.app.example.com" },
	"S-93 an origin of another port":            func(c *authtest.Ceremony) { c.Origin = site + ":8443" },
	"S-93 an origin over http":                  func(c *authtest.Ceremony) { c.Origin = "http://app.example.com" },
	"S-93 an origin with a path":                func(c *authtest.Ceremony) { c.Origin = site + "/" },
	"S-93 an origin with a user":                func(c *authtest.Ceremony) { c.Origin = "https://evil@app.example.com" },
	"S-93 an origin in capitals":                func(c *authtest.Ceremony) { c.Origin = "https://APP.example.com" },
	"S-93 no origin":                            func(c *authtest.Ceremony) { c.Origin = "" },
	"S-93 a frame of another origin":            func(c *authtest.Ceremony) { c.CrossOrigin = true },
	"S-93 a frame in a page of ours":            func(c *authtest.Ceremony) { c.CrossOrigin, c.TopOrigin = true, site },
	"S-93 a top origin without a frame":         func(c *authtest.Ceremony) { c.TopOrigin = site },
	"S-93 another RP":                           func(c *authtest.Ceremony) { c.RPID = "example.com" },
	"S-93 nobody was present":                   func(c *authtest.Ceremony) { c.Present = false },
	"S-93 nobody was verified":                  func(c *authtest.Ceremony) { c.Verified = false },
	"S-93 backed up and yet it cannot be":       func(c *authtest.Ceremony) { c.BackupEligible, c.BackedUp = false, true },
	"S-93 a ceremony that does not exist":       func(c *authtest.Ceremony) { c.Type = "webauthn.steal" },
	"S-93 the other ceremony":                   func(c *authtest.Ceremony) { c.Type = other(c.Type) },
	"S-93 the ceremony of payments, in its way": func(c *authtest.Ceremony) { c.Type = "payment.get" },
}

func other(ceremony string) string {
	return map[string]string{"webauthn.create": "webauthn.get", "webauthn.get": "webauthn.create"}[ceremony]
}

func TestRegistrationRefused(t *testing.T) {
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.device.Alter = lie
			shown, kept := d.offer()
			_, err := d.bind(kept, d.device.Create(shown))
			d.refused(name, cloakroom.Proof{}, err)
			if err == cloakroom.ErrInvalidCredentials {
				t.Error("the cause is not told")
			}
			d.device = authtest.NewPasskey(t, site) // the same without the lie
			if _, err := d.bind(kept, d.device.Create(shown)); err != nil {
				t.Errorf("the truth: %v", err)
			}
		})
	}
	t.Run("S-93 an algorithm that is not listed", func(t *testing.T) {
		for _, algorithm := range []int{-35, -36, -37, -47, -65535, 1, 1 << 20} {
			d := newDesk(t)
			d.device.Algorithm = algorithm
			shown, kept := d.offer()
			_, err := d.bind(kept, d.device.Create(shown))
			d.refused("", cloakroom.Proof{}, err)
		}
	})
	t.Run("S-93 another question's answer", func(t *testing.T) {
		d := newDesk(t)
		shown, kept := d.offer()
		answer := d.device.Create(shown)
		_, later := d.offer()
		_, asked := d.ask(first)
		_, bobs := d.offered(d.method.Offer(t.Context(), cloakroom.Binding{User: bob}))
		for name, kept := range map[string][]byte{
			"of a later one": later, "of a sign-in": asked, "of Bob": bobs, "of none": nil, "of an empty one": []byte("{}"), "of garbage": []byte("!"),
		} {
			_, err := d.bind(kept, answer)
			d.refused(name, cloakroom.Proof{}, err)
		}
		if _, err := d.bind(kept, answer); err != nil {
			t.Errorf("its own: %v", err)
		}
	})
	t.Run("S-93 what somebody else was asked", func(t *testing.T) {
		d := newDesk(t)
		shown, kept := d.offered(d.method.Offer(t.Context(), cloakroom.Binding{User: bob}))
		_, err := d.bind(kept, d.device.Create(shown))
		d.refused("", cloakroom.Proof{}, err)
	})
	t.Run("S-93 the question of a sign-in", func(t *testing.T) {
		d := newDesk(t)
		shown, kept := d.ask(stepUp)
		challenge := challengeOf(t, shown)
		d.device.Alter = func(c *authtest.Ceremony) { c.Challenge = challenge }
		shown, _ = d.offer()
		_, err := d.bind(kept, d.device.Create(shown))
		d.refused("", cloakroom.Proof{}, err)
	})
	t.Run("challenges are not told", func(t *testing.T) {
		d := newDesk(t)
		shown, kept := d.offer()
		d.device.Alter = lies["S-93 another challenge"]
		if _, err := d.bind(kept, d.device.Create(shown)); strings.Contains(err.Error(), challengeOf(t, shown)) {
			t.Error(err)
		}
	})
	t.Run("S-93 keys that are not what they say, or weak", func(t *testing.T) {
		exponent := []byte{1, 0, 1}
		for name, key := range map[string]cose{
			"RSA of 2,040 bits":       {1: 3, 3: authtest.RS256, -1: modulus(255), -2: exponent},
			"RSA of 4,104 bits":       {1: 3, 3: authtest.RS256, -1: modulus(513), -2: exponent},
			"RSA that claims ES256":   {1: 3, 3: authtest.ES256, -1: modulus(256), -2: exponent},
			"a point off the curve":   {1: 2, 3: authtest.ES256, -1: 1, -2: make([]byte, 32), -3: make([]byte, 32)},
			"ES256 without a point":   {1: 2, 3: authtest.ES256, -1: 1},
			"EdDSA of another length": {1: 1, 3: authtest.EdDSA, -1: 6, -2: make([]byte, 31)},
			"EdDSA of another curve":  {1: 1, 3: authtest.EdDSA, -1: 4, -2: make([]byte, 32)},
			"a symmetric key":         {1: 4, 3: authtest.ES256, -1: make([]byte, 32)},
		} {
			d := newDesk(t)
			shown, kept := d.offer()
			_, err := d.bind(kept, withKey(t, d.device.Create(shown), key))
			d.refused(name, cloakroom.Proof{}, err)
		}
		d := newDesk(t)
		shown, kept := d.offer()
		if _, err := d.bind(kept, withKey(t, d.device.Create(shown), cose{1: 3, 3: authtest.RS256, -1: modulus(256), -2: exponent})); err != nil {
			t.Errorf("RSA of 2,048 bits: %v", err)
		}
	})
	t.Run("one that is on file", func(t *testing.T) {
		d := newDesk(t)
		shown, kept := d.offer()
		answer := d.device.Create(shown)
		c, err := d.bind(kept, answer)
		if err != nil {
			t.Fatal(err)
		}
		d.onFile = append(d.onFile, c)
		_, err = d.bind(kept, answer)
		d.refused("", cloakroom.Proof{}, err)
	})
	t.Run("S-93 credential ids of 16 to 1,023 bytes", func(t *testing.T) {
		for size, taken := range map[int]bool{0: false, 1: false, 15: false, 16: true, 1023: true, 1024: false} {
			d := newDesk(t)
			d.device.Alter = func(c *authtest.Ceremony) { c.CredentialID = make([]byte, size) }
			shown, kept := d.offer()
			if _, err := d.bind(kept, d.device.Create(shown)); (err == nil) != taken {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	})
	t.Run("too long", func(t *testing.T) {
		d := newDesk(t)
		shown, kept := d.offer()
		_, err := d.bind(kept, d.device.Create(shown)+strings.Repeat(" ", 32<<10))
		d.refused("", cloakroom.Proof{}, err)
	})
}

func TestSignInRefused(t *testing.T) {
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.register()
			d.device.Alter = lie
			proof, err := d.signIn(first)
			d.refused(name, proof, err)
			d.device.Alter = nil
			if _, err := d.signIn(first); err != nil {
				t.Errorf("the truth: %v", err)
			}
		})
	}
	for name, lie := range map[string]func(*authtest.Ceremony){
		"S-93 another user's handle":         func(c *authtest.Ceremony) { c.UserHandle = []byte("0123456789abcdef") },
		"S-93 no user handle":                func(c *authtest.Ceremony) { c.UserHandle = nil },
		"S-93 a passkey that nobody has":     func(c *authtest.Ceremony) { c.CredentialID = make([]byte, 32) },
		"S-93 what can be backed up changes": func(c *authtest.Ceremony) { c.BackupEligible = true },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.register()
			d.device.Alter = lie
			proof, err := d.signIn(first)
			d.refused(name, proof, err)
		})
	}
	t.Run("S-93 another question's answer", func(t *testing.T) {
		d := newDesk(t)
		d.register()
		shown, kept := d.ask(first)
		answer := d.device.Get(shown)
		_, later := d.ask(first)
		_, offered := d.offer()
		_, bobs := d.offered(d.method.Ask(t.Context(), cloakroom.Claim{User: &bob}))
		for name, kept := range map[string][]byte{
			"of a later one": later, "of a registration": offered, "of Bob": bobs, "of none": nil, "of an empty one": []byte("{}"),
		} {
			proof, err := d.prove(first, kept, answer)
			d.refused(name, proof, err)
		}
		if _, err := d.prove(first, kept, answer); err != nil {
			t.Errorf("its own: %v", err)
		}
	})
	t.Run("S-93 what somebody else was asked", func(t *testing.T) {
		d := newDesk(t)
		d.register()
		shown, kept := d.offered(d.method.Ask(t.Context(), cloakroom.Claim{User: &bob}))
		proof, err := d.prove(stepUp, kept, d.device.Get(shown))
		d.refused("", proof, err)
	})
	t.Run("S-93 the question of a registration", func(t *testing.T) {
		d := newDesk(t)
		d.register()
		shown, kept := d.offer()
		challenge := challengeOf(t, shown)
		d.device.Alter = func(c *authtest.Ceremony) { c.Challenge = challenge }
		shown, _ = d.ask(stepUp)
		proof, err := d.prove(stepUp, kept, d.device.Get(shown))
		d.refused("", proof, err)
	})
	t.Run("S-93 another user's handle, though we know whom we asked", func(t *testing.T) {
		d := newDesk(t)
		d.register()
		d.device.Alter = func(c *authtest.Ceremony) { c.UserHandle = []byte("0123456789abcdef") }
		proof, err := d.signIn(stepUp)
		d.refused("", proof, err)
		d.device.Alter = func(c *authtest.Ceremony) { c.UserHandle = nil }
		if _, err := d.signIn(stepUp); err != nil {
			t.Errorf("none, as old keys do: %v", err)
		}
	})
	t.Run("S-93 a question for a second factor, answered as the first", func(t *testing.T) {
		d := newDesk(t)
		d.register()
		d.device.Unverified = true
		shown, kept := d.ask(second)
		answer := d.device.Get(shown)
		proof, err := d.prove(stepUp, kept, answer)
		d.refused("", proof, err)
		if _, err := d.prove(second, kept, answer); err != nil {
			t.Errorf("as what was asked: %v", err)
		}
	})
	t.Run("S-93 another passkey's signature", func(t *testing.T) {
		d := newDesk(t)
		d.register()
		stolen := d.onFile[0].ID
		d.registerElsewhere()
		raw, _ := base64.RawURLEncoding.DecodeString(stolen)
		d.device.Alter = func(c *authtest.Ceremony) { c.CredentialID = raw }
		proof, err := d.signIn(first)
		d.refused("", proof, err)
	})
	t.Run("S-93 anything altered after it was signed", func(t *testing.T) {
		d := newDesk(t)
		d.register()
		shown, kept := d.ask(first)
		answer := d.device.Get(shown)
		for _, part := range []string{"clientDataJSON", "authenticatorData", "signature", "userHandle"} {
			proof, err := d.prove(first, kept, altered(t, answer, part))
			d.refused(part, proof, err)
		}
		if _, err := d.prove(first, kept, answer); err != nil {
			t.Errorf("as it came: %v", err)
		}
	})
	t.Run("what is cut off", func(t *testing.T) {
		d := newDesk(t)
		d.register()
		shown, kept := d.ask(first)
		answer := d.device.Get(shown)
		for n := range len(answer) {
			proof, err := d.prove(first, kept, answer[:n])
			d.refused(answer[:n], proof, err)
		}
		for _, more := range []string{"{}", "x", strings.Repeat(" ", 32<<10)} {
			proof, err := d.prove(first, kept, answer+more)
			d.refused("with more behind it", proof, err)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		d := newDesk(t)
		d.register()
		shown, kept := d.ask(first)
		proof, err := d.method.Prove(t.Context(), cloakroom.Claim{Kept: kept, Secret: d.device.Get(shown)})
		d.refused("", proof, err)
	})
}

// A passkey on file that is no good is refused, and the log learns of it; a wrong answer is no news for the log.
func TestCauses(t *testing.T) {
	corrupt := func(data string) func(*desk) {
		return func(d *desk) { d.onFile[0].Data = []byte(data) }
	}
	for name, test := range map[string]struct {
		spoil func(*desk)
		told  bool
	}{
		"no JSON":         {corrupt("garbage"), true},
		"no key":          {corrupt("{}"), true},
		"no COSE key":     {corrupt(`{"key":"AAAA"}`), true},
		"backup changed":  {func(d *desk) { d.device.Synced = true }, true},
		"a wrong answer":  {func(d *desk) { d.device.Alter = lies["S-93 another origin"] }, false},
		"nobody verified": {func(d *desk) { d.device.Unverified = true }, false},
	} {
		d := newDesk(t)
		d.register()
		test.spoil(d)
		proof, err := d.signIn(first)
		d.refused(name, proof, err)
		if told := err != cloakroom.ErrInvalidCredentials; told != test.told {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWeakKeys(t *testing.T) {
	d := newDesk(t)
	d.device.Algorithm = authtest.RS256
	d.register()
	var onFile map[string]any
	if err := json.Unmarshal(d.onFile[0].Data, &onFile); err != nil {
		t.Fatal(err)
	}
	if _, err := d.signIn(first); err != nil {
		t.Fatalf("RSA of 2,048 bits: %v", err)
	}
	for _, bytes := range []int{128, 255, 513, 2048} {
		onFile["key"] = encoded(t, cose{1: 3, 3: authtest.RS256, -1: modulus(bytes), -2: []byte{1, 0, 1}})
		d.onFile[0].Data, _ = json.Marshal(onFile)
		_, err := d.signIn(first)
		if !errors.Is(err, cloakroom.ErrInvalidCredentials) || !strings.Contains(err.Error(), "size") {
			t.Errorf("RSA of %d bits: %v", bytes*8, err)
		}
	}
}

package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// Ask names the passkeys of a user to that user alone, so a stranger who has an e-mail learns nothing.
func TestQuestions(t *testing.T) {
	d := newDesk(t)
	d.register()
	for _, test := range []struct {
		name         string
		how          cloakroom.Claim
		verification string
		named        int
	}{
		{"S-93 no passkeys are named to strangers", first, "required", 0},
		{"with a session", stepUp, "required", 1},
		{"after a password", second, "discouraged", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var o struct {
				PublicKey struct {
					Challenge, RPID, UserVerification string
					Timeout                           int
					AllowCredentials                  []struct {
						ID, Type   string
						Transports []string
					}
				}
			}
			shown, _ := d.ask(test.how)
			if err := json.Unmarshal([]byte(shown), &o); err != nil {
				t.Fatal(err)
			}
			k := o.PublicKey
			if k.RPID != "app.example.com" || k.Timeout != 300_000 || k.UserVerification != test.verification || len(k.AllowCredentials) != test.named {
				t.Errorf("%s", shown)
			}
			for _, c := range k.AllowCredentials {
				if c.ID != d.onFile[0].ID || c.Type != "public-key" || !slices.Equal(c.Transports, []string{"hybrid", "internal"}) {
					t.Errorf("%+v", c)
				}
			}
		})
	}
	t.Run("S-93 challenges are 32 random bytes", func(t *testing.T) {
		seen := map[string]bool{}
		for range 100 {
			for _, ask := range []func() (string, []byte){d.offer, func() (string, []byte) { return d.ask(first) }} {
				var o struct {
					PublicKey struct{ Challenge string }
				}
				shown, _ := ask()
				_ = json.Unmarshal([]byte(shown), &o)
				raw, err := base64.RawURLEncoding.DecodeString(o.PublicKey.Challenge)
				if err != nil || len(raw) != 32 || seen[string(raw)] {
					t.Fatalf("%q, %v", o.PublicKey.Challenge, err)
				}
				seen[string(raw)] = true
			}
		}
	})
}

func TestCreationOptions(t *testing.T) {
	d := newDesk(t)
	d.method.Site = "Acme"
	d.register()
	shown, _ := d.offer()
	var o struct {
		PublicKey struct {
			RP   struct{ ID, Name string }
			User struct {
				ID, Name, DisplayName string
			}
			PubKeyCredParams []struct {
				Type string
				Alg  int
			}
			Timeout                int
			Attestation            string
			ExcludeCredentials     []struct{ ID, Type string }
			AuthenticatorSelection struct {
				ResidentKey, UserVerification string
				RequireResidentKey            bool
			}
		}
	}
	if err := json.Unmarshal([]byte(shown), &o); err != nil {
		t.Fatal(err)
	}
	k := o.PublicKey
	if k.RP.ID != "app.example.com" || k.RP.Name != "Acme" || k.Timeout != 300_000 || k.Attestation != "none" {
		t.Errorf("%s", shown)
	}
	if k.User.Name != ana.Email || k.User.DisplayName != ana.Name {
		t.Errorf("the user is %+v", k.User)
	}
	t.Run("S-93 the user handle is 16 bytes and no PII", func(t *testing.T) {
		raw, err := base64.RawURLEncoding.DecodeString(k.User.ID)
		if err != nil || len(raw) != 16 || strings.Contains(string(raw), "ana") {
			t.Errorf("%q, %v", k.User.ID, err)
		}
	})
	t.Run("S-93 algorithms are listed", func(t *testing.T) {
		var offered []int
		for _, p := range k.PubKeyCredParams {
			offered = append(offered, p.Alg)
		}
		if !slices.Equal(offered, []int{authtest.ES256, authtest.EdDSA, authtest.RS256}) {
			t.Errorf("%v", offered)
		}
	})
	if len(k.ExcludeCredentials) != 1 || k.ExcludeCredentials[0].ID != d.onFile[0].ID {
		t.Errorf("excluded: %+v", k.ExcludeCredentials)
	}
	if s := k.AuthenticatorSelection; s.ResidentKey != "required" || !s.RequireResidentKey || s.UserVerification != "required" {
		t.Errorf("%+v", s)
	}
}

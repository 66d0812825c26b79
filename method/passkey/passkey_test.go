package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
)

const site = "https://app.example.com"

var (
	ana = cloakroom.User{ID: "usr_0198c0de0000700080000000000000aa", Email: "ana@example.com", Name: "Ana"}
	bob = cloakroom.User{ID: "usr_0198c0de0000700080000000000000bb", Email: "bob@example.com"}
)

// desk is a site with one user, Ana, and the device in front of her.
type desk struct {
	*testing.T
	method passkey.Method
	device *authtest.Passkey
	onFile []cloakroom.Credential
}

func newDesk(t *testing.T) *desk {
	return &desk{T: t, method: passkey.For(site), device: authtest.NewPasskey(t, site)}
}

// offered is an offer as it goes over the wire and through the store.
func (d *desk) offered(o cloakroom.Offer, err error) (shown string, kept []byte) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
	text, err := json.Marshal(o.Show)
	if err != nil {
		d.Fatal(err)
	}
	if len(o.Keep) > 4<<10 {
		d.Errorf("%d bytes are kept", len(o.Keep))
	}
	return string(text), o.Keep
}

// offer begins a registration of Ana's.
func (d *desk) offer() (shown string, kept []byte) {
	d.Helper()
	return d.offered(d.method.Offer(d.Context(), cloakroom.Binding{User: ana, Credentials: d.onFile}))
}

func (d *desk) bind(kept []byte, answer string) (cloakroom.Credential, error) {
	return d.method.Bind(d.Context(), cloakroom.Binding{User: ana, Credentials: d.onFile, Kept: kept, Answer: answer})
}

// register puts a new passkey of Ana's on file.
func (d *desk) register() {
	d.Helper()
	shown, kept := d.offer()
	c, err := d.bind(kept, d.device.Create(shown))
	if err != nil {
		d.Fatal(err)
	}
	c.Revision = 1
	d.onFile = append(d.onFile, c)
}

// registerElsewhere does so on another device, which is in front of her from now on.
func (d *desk) registerElsewhere() {
	d.Helper()
	d.device = authtest.NewPasskey(d.T, site)
	d.register()
}

// How somebody signs in: not known yet, known by a session, or after a first factor.
var (
	first  = cloakroom.Claim{}
	stepUp = cloakroom.Claim{User: &ana}
	second = cloakroom.Claim{User: &ana, Second: true}
)

// ask makes the question for somebody who signs in like this.
func (d *desk) ask(how cloakroom.Claim) (shown string, kept []byte) {
	d.Helper()
	if how.User != nil {
		how.Credentials = d.onFile
	}
	return d.offered(d.method.Ask(d.Context(), how))
}

// prove answers it as Ana.
func (d *desk) prove(how cloakroom.Claim, kept []byte, answer string) (cloakroom.Proof, error) {
	how.User, how.Credentials, how.Kept, how.Secret = &ana, slices.Clone(d.onFile), kept, answer
	return d.method.Prove(d.Context(), how)
}

// signIn asks, answers, and stores what the proof says.
func (d *desk) signIn(how cloakroom.Claim) (cloakroom.Proof, error) {
	d.Helper()
	shown, kept := d.ask(how)
	proof, err := d.prove(how, kept, d.device.Get(shown))
	if proof.Credential != nil {
		for i, c := range d.onFile {
			if c.ID == proof.Credential.ID {
				d.onFile[i] = *proof.Credential
			}
		}
	}
	return proof, err
}

func (d *desk) description() passkey.Description {
	return d.method.Describe(d.onFile[len(d.onFile)-1]).(passkey.Description)
}

// refused fails the test unless an answer was wrong and nothing came of it.
func (d *desk) refused(what string, proof cloakroom.Proof, err error) {
	d.Helper()
	if !errors.Is(err, cloakroom.ErrInvalidCredentials) || proof != (cloakroom.Proof{}) {
		d.Errorf("%s: %+v, %v", what, proof, err)
	}
}

func TestSignIn(t *testing.T) {
	for name, algorithm := range map[string]int{"ES256": authtest.ES256, "EdDSA": authtest.EdDSA, "RS256": authtest.RS256} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.device.Algorithm = algorithm
			d.register()
			shown, kept := d.ask(first)
			answer := d.device.Get(shown)
			if whose := d.method.Whose(answer); whose != ana.ID {
				t.Errorf("it is said to be of %q", whose)
			}
			proof, err := d.prove(first, kept, answer)
			if err != nil || proof.Factors != 2 || proof.Suspicion != "" || proof.Once {
				t.Fatalf("%+v, %v", proof, err)
			}
			if c := proof.Credential; c == nil || c.ID != d.onFile[0].ID || c.Revision != 1 || string(c.Data) == string(d.onFile[0].Data) {
				t.Errorf("its use is not on file: %+v", c)
			}
		})
	}
}

func TestFactors(t *testing.T) {
	for _, test := range []struct {
		name       string
		how        cloakroom.Claim
		unverified bool
		factors    int // 0: one
	}{
		{"as the first factor", first, false, 2},
		{"with a session", stepUp, false, 2},
		{"after a password", second, true, 0},
		{"after a password, verified all the same", second, false, 2},
	} {
		d := newDesk(t)
		d.register()
		d.device.Unverified = test.unverified
		if proof, err := d.signIn(test.how); err != nil || proof.Factors != test.factors {
			t.Errorf("%s: %+v, %v", test.name, proof, err)
		}
	}
}

func TestSecondOnly(t *testing.T) {
	d := newDesk(t)
	d.method.SecondOnly, d.device.Unverified = true, true
	if shown, _ := d.offer(); strings.Contains(shown, `"required"`) {
		t.Errorf("a plain key is kept out: %s", shown)
	}
	d.register()
	if d.description().UserVerified {
		t.Error("a plain key is on file as verified")
	}
	if proof, err := d.signIn(second); err != nil || proof.Factors != 0 {
		t.Errorf("after a password: %+v, %v", proof, err)
	}
	d.device.Unverified = false // somebody has set a PIN
	proof, err := d.signIn(first)
	d.refused("S-93 alone, with a verification that began later", proof, err)
	if proof, err := d.signIn(second); err != nil || proof.Factors != 0 {
		t.Errorf("verified for the first time, after a password: %+v, %v", proof, err)
	}
	if proof, err := d.signIn(first); err != nil || proof.Factors != 2 {
		t.Errorf("alone, after it was verified beside a password: %+v, %v", proof, err)
	}
}

func TestMany(t *testing.T) {
	d := newDesk(t)
	d.register()
	d.registerElsewhere()
	d.registerElsewhere()
	if proof, err := d.signIn(second); err != nil || proof.Credential.ID != d.onFile[2].ID {
		t.Errorf("the third of three: %+v, %v", proof, err)
	}
	full := cloakroom.Binding{User: ana, Credentials: make([]cloakroom.Credential, 32)}
	if _, err := d.method.Offer(t.Context(), full); err != cloakroom.ErrFactorExists {
		t.Errorf("the 33rd: %v", err)
	}
	full.Credentials = full.Credentials[:31]
	if _, err := d.method.Offer(t.Context(), full); err != nil {
		t.Errorf("the 32nd: %v", err)
	}
}

func TestDescribe(t *testing.T) {
	d := newDesk(t)
	d.device.Synced = true
	d.register()
	text, err := json.Marshal(d.method.Describe(d.onFile[0]))
	if want := `{"transports":["hybrid","internal"],"backup_eligible":true,"backed_up":true,"user_verified":true}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	text, err = json.Marshal(d.method.Describe(cloakroom.Credential{Data: []byte("garbage")}))
	if want := `{"transports":[],"backup_eligible":false,"backed_up":false,"user_verified":false}`; err != nil || string(text) != want {
		t.Errorf("of garbage: %s, %v", text, err)
	}
}

// Browsers may know more ways to reach an authenticator than we do, and are not to be believed.
func TestTransports(t *testing.T) {
	d := newDesk(t)
	shown, kept := d.offer()
	answer := edited(t, d.device.Create(shown), func(response map[string]any) {
		response["transports"] = []string{"usb", "<script>", "nfc", "usb", "cable"}
	})
	c, err := d.bind(kept, answer)
	if err != nil {
		t.Fatal(err)
	}
	d.onFile = append(d.onFile, c)
	if got := d.description().Transports; !slices.Equal(got, []string{"hybrid", "nfc", "usb"}) {
		t.Errorf("%q", got)
	}
}

func TestWhose(t *testing.T) {
	handle := func(h string) string {
		return `{"response":{"userHandle":"` + base64.RawURLEncoding.EncodeToString([]byte(h)) + `"}}`
	}
	for answer, want := range map[string]string{
		handle("0123456789abcdef"):                    "usr_30313233343536373839616263646566",
		handle("customer-4711"):                       "customer-4711",
		handle(strings.Repeat("x", 65)):               "",
		handle("\xff\x00"):                            "",
		handle("a b"):                                 "",
		handle("usr_1") + strings.Repeat(" ", 32<<10): "",
		handle("usr_1")[1:]:                           "",
		`{"response":{"userHandle":"?"}}`:             "",
		`{"response":{"userHandle":""}}`:              "",
		`{"response":{"userHandle":null}}`:            "",
		`{"response":{}}`:                             "",
		`{"response":[]}`:                             "",
		`null`:                                        "",
		``:                                            "",
	} {
		if got := passkey.For(site).Whose(answer); got != want {
			t.Errorf("%.80q is of %q", answer, got)
		}
	}
}

func TestOtherUserIDs(t *testing.T) {
	d := newDesk(t)
	for _, test := range []struct {
		name, id string
		taken    bool
	}{
		{"plain", "customer-4711", true},
		{"64 bytes", strings.Repeat("x", 64), true},
		{"upper case hex", "usr_0198C0DE0000700080000000000000AA", true},
		{"too long", strings.Repeat("x", 65), false},
		{"16 bytes, like a UUID", strings.Repeat("x", 16), false},
		{"no plain text", "usr_\x00", false},
		{"none", "", false},
	} {
		user := cloakroom.User{ID: test.id, Email: "eve@example.com"}
		offer, err := d.method.Offer(t.Context(), cloakroom.Binding{User: user})
		if (err == nil) != test.taken {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil {
			continue
		}
		d.device = authtest.NewPasskey(t, site)
		d.device.Create(offer.Show)
		shown, _ := d.ask(first)
		if whose := d.method.Whose(d.device.Get(shown)); whose != test.id {
			t.Errorf("%s: comes back as %q", test.name, whose)
		}
	}
}

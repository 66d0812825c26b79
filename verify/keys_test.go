package verify_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify"
)

var noon = time.Unix(1_900_000_000, 0).UTC()

func parseKeys(t testing.TB, signers ...*signer) *verify.Keys {
	t.Helper()
	keys, err := verify.ParseKeys(jwks(signers...))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestVerifyTakesWhatIsGood(t *testing.T) {
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		t.Run("S160 "+alg, func(t *testing.T) {
			s := newSigner("k1", alg)
			raw := s.token(noon, object{"aud": []string{"https://else.example.com", service}, "tenant": "acme", "Sub": "mallory"})
			c, err := parseKeys(t, newSigner("k0", "ES256"), s).Verify(raw, rules(), noon)
			if err != nil {
				t.Fatal(err)
			}
			want := verify.Claims{
				Issuer: issuerName, Subject: "usr_ana", Audience: []string{"https://else.example.com", service},
				ExpiresAt: noon.Add(10 * time.Minute), IssuedAt: noon, ID: "tok_1", SessionID: "ses_1", ClientID: "cloakroom",
				AuthenticatedAt: noon.Add(-time.Minute), Level: "1", Methods: []string{"pwd"}, Roles: []string{"clerk"}, Scopes: []string{"read", "write"},
				Epoch: 3, Ticket: "opaque",
			}
			for i := range reflect.TypeFor[verify.Claims]().NumField() {
				field := reflect.TypeFor[verify.Claims]().Field(i)
				if !field.IsExported() {
					continue
				}
				if got, want := reflect.ValueOf(*c).Field(i).Interface(), reflect.ValueOf(want).Field(i).Interface(); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %v, not %v", field.Name, got, want)
				}
			}
			var tenant string
			if there, err := c.Decode("tenant", &tenant); !there || err != nil || tenant != "acme" {
				t.Errorf("tenant: %v %v %q", there, err, tenant)
			}
			if there, err := c.Decode("Tenant", &tenant); there || err != nil {
				t.Errorf("a claim of another name: %v %v", there, err)
			}
			if there, err := c.Decode("tenant", new(int)); !there || err == nil {
				t.Errorf("a claim of another kind: %v %v", there, err)
			}
		})
	}
}

func TestClaims(t *testing.T) {
	keys := newSigner("k1", "EdDSA")
	read := func(change object) *verify.Claims {
		c, err := parseKeys(t, keys).Verify(keys.token(noon, change), rules(), noon)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	guest := read(object{"sub": "ses_1", "auth_time": nil, "amr": nil, "roles": nil, "scope": nil})
	user := read(object{"roles": []string{"clerk", "boss"}})
	for what, ok := range map[string]bool{
		"a guest":                     guest.Guest() && !user.Guest(),
		"a guest has proved nothing":  !guest.Fresh(noon, time.Hour) && guest.AuthenticatedAt.IsZero() && !guest.HasRole("clerk") && !guest.HasScope("read"),
		"any of the roles":            user.HasRole("else", "boss") && !user.HasRole("else") && !user.HasRole() && !user.HasRole("Clerk"),
		"all of the scopes":           user.HasScope("read", "write") && !user.HasScope("read", "else") && !user.HasScope(),
		"fresh for less than a while": user.Fresh(noon, time.Minute+1) && !user.Fresh(noon, time.Minute),
	} {
		if !ok {
			t.Error(what)
		}
	}
}

// TestVerifyRefusesClaims: each token is signed with the right key, and wrong in one claim.
func TestVerifyRefusesClaims(t *testing.T) {
	far := noon.Add(31 * time.Second).Unix()
	for name, c := range map[string]struct {
		change object
		want   error
	}{
		"S162 wrong iss":          {object{"iss": issuerName + "/"}, verify.ErrIssuer},
		"S162 wrong aud":          {object{"aud": "https://else.example.com"}, verify.ErrAudience},
		"aud in another case":     {object{"aud": []string{strings.ToUpper(service)}}, verify.ErrAudience},
		"aud a prefix":            {object{"aud": []string{service + "/v1", service[:len(service)-1]}}, verify.ErrAudience},
		"aud empty":               {object{"aud": []string{}}, verify.ErrMalformed},
		"aud missing":             {object{"aud": nil}, verify.ErrMalformed},
		"aud a number":            {object{"aud": 1}, verify.ErrMalformed},
		"aud null":                {object{"aud": json.RawMessage("null")}, verify.ErrMalformed},
		"iss missing":             {object{"iss": nil}, verify.ErrMalformed},
		"iss an array":            {object{"iss": []string{issuerName}}, verify.ErrMalformed},
		"sub missing":             {object{"sub": nil}, verify.ErrMalformed},
		"sub empty":               {object{"sub": ""}, verify.ErrMalformed},
		"sub a number":            {object{"sub": 7}, verify.ErrMalformed},
		"S162 missing exp":        {object{"exp": nil}, verify.ErrMalformed},
		"exp null":                {object{"exp": json.RawMessage("null")}, verify.ErrMalformed},
		"exp text":                {object{"exp": "1900000600"}, verify.ErrMalformed},
		"exp a fraction":          {object{"exp": json.RawMessage("1900000600.5")}, verify.ErrMalformed},
		"exp with exponent":       {object{"exp": json.RawMessage("19e9")}, verify.ErrMalformed},
		"exp huge":                {object{"exp": json.RawMessage("99999999999999999999")}, verify.ErrMalformed},
		"exp negative":            {object{"exp": -1}, verify.ErrMalformed},
		"exp zero":                {object{"exp": 0}, verify.ErrExpired},
		"iat missing":             {object{"iat": nil}, verify.ErrMalformed},
		"iat a fraction":          {object{"iat": 1.5}, verify.ErrMalformed},
		"S162 iat far future":     {object{"iat": far}, verify.ErrEarly},
		"S162 nbf future":         {object{"nbf": far}, verify.ErrEarly},
		"nbf text":                {object{"nbf": "soon"}, verify.ErrMalformed},
		"sid a number":            {object{"sid": 1}, verify.ErrMalformed},
		"jti null":                {object{"jti": json.RawMessage("null")}, verify.ErrMalformed},
		"roles text":              {object{"roles": "admin"}, verify.ErrMalformed},
		"roles of numbers":        {object{"roles": []int{1}}, verify.ErrMalformed},
		"scope a list":            {object{"scope": []string{"read"}}, verify.ErrMalformed},
		"epoch negative":          {object{"epoch": -1}, verify.ErrMalformed},
		"epoch text":              {object{"epoch": "3"}, verify.ErrMalformed},
		"auth_time a fraction":    {object{"auth_time": 1.5}, verify.ErrMalformed},
		"acr number":              {object{"acr": 2}, verify.ErrMalformed},
		"amr text":                {object{"amr": "pwd"}, verify.ErrMalformed},
		"half a surrogate in sub": {object{"sub": json.RawMessage(`"usr_\ud800"`)}, verify.ErrMalformed},
		"nested too deep":         {object{"x": json.RawMessage(strings.Repeat("[", 20) + strings.Repeat("]", 20))}, verify.ErrMalformed},
		"in a claim named ISS":    {object{"iss": nil, "ISS": issuerName}, verify.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSigner("k1", "EdDSA")
			got, err := parseKeys(t, s).Verify(s.token(noon, c.change), rules(), noon)
			if got != nil || !errors.Is(err, c.want) || !errors.Is(err, verify.ErrInvalid) || errors.Is(err, verify.ErrUnavailable) {
				t.Errorf("%v, %v; not %v", got, err, c.want)
			}
		})
	}
}

func TestExpiryBoundary(t *testing.T) {
	s := newSigner("k1", "EdDSA")
	keys, raw := parseKeys(t, s), s.token(noon.Add(-time.Minute), object{"exp": noon.Unix()})
	for _, c := range []struct{ given, leeway time.Duration }{{0, verify.DefaultLeeway}, {5 * time.Second, 5 * time.Second}, {-1, 0}, {time.Minute, time.Minute}} {
		t.Run(fmt.Sprintf("S164 leeway %v", c.leeway), func(t *testing.T) {
			r := rules()
			r.Leeway = c.given
			if _, err := keys.Verify(raw, r, noon.Add(c.leeway-time.Nanosecond)); err != nil {
				t.Errorf("just before exp + leeway: %v", err)
			}
			if _, err := keys.Verify(raw, r, noon.Add(c.leeway)); !errors.Is(err, verify.ErrExpired) {
				t.Errorf("at exp + leeway: %v", err)
			}
			r.InsecureSkipExpiry = true
			if _, err := keys.Verify(raw, r, noon.Add(time.Hour)); err != nil {
				t.Errorf("expiry skipped: %v", err)
			}
		})
	}
}

func TestRulesFailClosed(t *testing.T) {
	s := newSigner("k1", "EdDSA")
	keys, raw := parseKeys(t, s), s.token(noon, nil)
	for name, change := range map[string]func(*verify.Rules){
		"no Type":     func(r *verify.Rules) { r.Type = "" },
		"no Issuer":   func(r *verify.Rules) { r.Issuer = "" },
		"no Audience": func(r *verify.Rules) { r.Audience = "" },
		"leeway":      func(r *verify.Rules) { r.Leeway = verify.MaxLeeway + 1 },
		"zero":        func(r *verify.Rules) { *r = verify.Rules{} },
	} {
		r := rules()
		change(&r)
		if _, err := keys.Verify(raw, r, noon); !errors.Is(err, verify.ErrConfig) || errors.Is(err, verify.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := rules()
	r.Audience, r.InsecureAnyAudience = "", true
	if _, err := keys.Verify(raw, r, noon); err != nil {
		t.Errorf("any audience: %v", err)
	}
	if _, err := (*verify.Keys)(nil).Verify(raw, rules(), noon); !errors.Is(err, verify.ErrUnknownKey) {
		t.Errorf("no keys at all: %v", err)
	}
}

func TestOpen(t *testing.T) {
	s := newSigner("k1", "EdDSA")
	keys := parseKeys(t, s)
	long := `{"x":"` + strings.Repeat("x", 100_000) + `"}`
	payload, err := keys.Open(s.sign(s.header("revocations+jwt"), long), "revocations+jwt")
	if err != nil || string(payload) != long {
		t.Errorf("%.20q, %v", payload, err)
	}
	for name, c := range map[string]struct {
		raw, typ string
		want     error
	}{
		"another type":  {s.sign(s.header("at+jwt"), long), "revocations+jwt", verify.ErrType},
		"no type asked": {s.sign(`{"alg":"EdDSA","kid":"k1"}`, long), "", verify.ErrType},
		"too long":      {s.sign(s.header("x"), strings.Repeat(long, 10)), "x", verify.ErrMalformed},
		"another key":   {newSigner("k1", "EdDSA").sign(s.header("x"), long), "x", verify.ErrSignature},
		"unknown key":   {newSigner("k2", "EdDSA").sign(`{"alg":"EdDSA","kid":"k2","typ":"x"}`, long), "x", verify.ErrUnknownKey},
	} {
		if payload, err := keys.Open(c.raw, c.typ); payload != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %.20q, %v", name, payload, err)
		}
	}
}

func TestParseKeys(t *testing.T) {
	ec, ed, rs := newSigner("ec", "ES256"), newSigner("ed", "EdDSA"), newSigner("rs", "RS256")
	altered := func(s *signer, change object) object {
		jwk := s.jwk()
		maps.Copy(jwk, change)
		maps.DeleteFunc(jwk, func(_ string, v any) bool { return v == nil })
		return jwk
	}
	other := newSigner("other", "ES256")
	t.Run("passed over", func(t *testing.T) {
		for name, jwk := range map[string]any{
			"for encryption":        altered(other, object{"use": "enc"}),
			"operations of another": altered(other, object{"key_ops": []string{"sign"}}),
			"another curve":         object{"kty": "EC", "crv": "P-521", "alg": "ES512", "kid": "x", "x": "AA", "y": "AA"},
			"a shared secret":       object{"kty": "oct", "alg": "HS256", "kid": "x", "k": "AAAA"},
			"no alg":                altered(other, object{"alg": nil}),
			"PS256":                 altered(rs, object{"alg": "PS256"}),
			"a kind of tomorrow":    object{"kty": "AKP", "alg": "ML-DSA-44", "kid": "x", "pub": "AA"},
		} {
			keys, err := verify.ParseKeys(encode(object{"keys": []any{jwk, ec.jwk()}}))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if _, err := keys.Verify(ec.token(noon, nil), rules(), noon); err != nil {
				t.Errorf("%s: the good key beside it: %v", name, err)
			}
			if _, err := keys.Verify(other.token(noon, nil), rules(), noon); !errors.Is(err, verify.ErrUnknownKey) {
				t.Errorf("%s: its own token: %v", name, err)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		x, _ := ec.jwk()["x"].(string)
		y, _ := ec.jwk()["y"].(string)
		for name, jwk := range map[string]any{
			"no kid":                altered(ec, object{"kid": nil}),
			"kid empty":             altered(ec, object{"kid": ""}),
			"kid a number":          altered(ec, object{"kid": 1}),
			"kid of another":        altered(other, object{"kid": "rs"}),
			"no kty":                altered(ec, object{"kty": nil}),
			"kty of another":        altered(ec, object{"kty": "RSA"}),
			"ES256 with RSA":        altered(rs, object{"alg": "ES256", "kid": "x"}),
			"RS256 with EC":         altered(ec, object{"alg": "RS256"}),
			"ES256 on P-384":        altered(ec, object{"crv": "P-384"}),
			"EdDSA on Ed448":        altered(ed, object{"crv": "Ed448"}),
			"off the curve":         altered(ec, object{"y": x}),
			"the point at infinity": altered(ec, object{"x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))}),
			"a short coordinate":    altered(ec, object{"x": b64(make([]byte, 31))}),
			"a shifted border":      altered(ec, shifted(ec)),
			"padded":                altered(ec, object{"x": x + "="}),
			"not canonical":         altered(ec, object{"y": noncanonical(y)}),
			"with a line end":       altered(ec, object{"x": x[:4] + "\n" + x[4:]}),
			"a short Ed25519":       altered(ed, object{"x": "AAAA"}),
			"its secret half":       altered(ed, object{"d": "AAAA"}),
			"RSA, 1024 bits":        altered(rs, object{"kid": "x", "n": b64(slices.Concat([]byte{255}, make([]byte, 126), []byte{1}))}),
			"RSA, exponent 1":       altered(rs, object{"kid": "x", "e": "AQ"}),
			"RSA, exponent 3":       altered(rs, object{"kid": "x", "e": "Aw"}),
			"RSA, even exponent":    altered(rs, object{"kid": "x", "e": "AQAC"}),
			"RSA, huge exponent":    altered(rs, object{"kid": "x", "e": "AQAAAAAB"}),
			"RSA, zeros before":     altered(rs, object{"kid": "x", "e": "AAEAAQ"}),
			"RSA, even modulus":     altered(rs, object{"kid": "x", "n": b64(append([]byte{255}, make([]byte, 255)...))}),
			"RSA, no modulus":       altered(rs, object{"kid": "x", "n": nil}),
			"not an object":         1,
		} {
			if _, err := verify.ParseKeys(encode(object{"keys": []any{rs.jwk(), jwk}})); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
	})
	t.Run("documents", func(t *testing.T) {
		good := string(jwks(ec))
		for name, doc := range map[string]string{
			"empty": ``, "null": `null`, "a list": `[]`, "no keys": `{}`, "keys an object": `{"keys":{}}`, "keys null": `{"keys":null}`,
			"no usable key": `{"keys":[]}`, "another name": strings.Replace(good, "keys", "Keys", 1),
			"keys twice": strings.Replace(good, "{", `{"keys":[],`, 1), "two documents": good + good,
			"one member twice": strings.Replace(good, `"alg"`, `"alg":"RS256","alg"`, 1),
			"too long":         good + strings.Repeat(" ", 256<<10),
			"too many":         `{"keys":[` + strings.Repeat(`{},`, 100) + `{}]}`,
			"one key twice":    `{"keys":[` + string(encode(ec.jwk())) + `,` + string(encode(ec.jwk())) + `]}`,
		} {
			if _, err := verify.ParseKeys([]byte(doc)); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
		if !slices.Equal([]byte(good), jwks(ec)) {
			t.Error("the issuer of the test is not steady")
		}
	})
}

// shifted moves a byte of the point from x to y, so that both together are what they were.
func shifted(s *signer) object {
	point, _ := s.private.Public().(*ecdsa.PublicKey).Bytes()
	return object{"x": b64(point[1:32]), "y": b64(point[32:])}
}

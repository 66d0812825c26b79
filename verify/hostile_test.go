package verify_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/verify"
)

// hostile are tokens that are wrong in their form, header or signature. The map is by name, with what is said of them.
func hostile(s *signer) map[string]struct {
	raw  string
	want error
} {
	type wrong = struct {
		raw  string
		want error
	}
	payload := string(encode(claims(noon, nil)))
	good := s.sign(s.header("at+jwt"), payload)
	parts := strings.Split(good, ".")
	header := func(members string) wrong {
		return wrong{s.sign(`{"alg":"ES256","kid":"k1","typ":"at+jwt"`+members+`}`, payload), verify.ErrMalformed}
	}
	plain := func(header string, want error) wrong { return wrong{s.sign(header, payload), want} }
	jwk := string(encode(s.jwk()))
	hs := hmac.New(sha256.New, jwks(s))
	hsSigned := b64([]byte(`{"alg":"HS256","kid":"k1","typ":"at+jwt"}`)) + "." + parts[1]
	hs.Write([]byte(hsSigned))
	return map[string]wrong{
		"empty":                              {"", verify.ErrMalformed},
		"one part":                           {parts[0], verify.ErrMalformed},
		"two parts":                          {parts[0] + "." + parts[1], verify.ErrMalformed},
		"no signature":                       {parts[0] + "." + parts[1] + ".", verify.ErrMalformed},
		"no header":                          {"." + parts[1] + "." + parts[2], verify.ErrMalformed},
		"no payload":                         {parts[0] + ".." + parts[2], verify.ErrMalformed},
		"four parts":                         {good + ".", verify.ErrMalformed},
		"JWE, five parts":                    {good + ".AA.AA", verify.ErrMalformed},
		"dots":                               {strings.Repeat(".", 8000), verify.ErrMalformed},
		"huge":                               {strings.Repeat("A", 1<<20), verify.ErrMalformed},
		"a good one made too long":           {s.token(noon, object{"x": strings.Repeat("x", 8<<10)}), verify.ErrMalformed},
		"JSON serialisation, flattened":      {fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]), verify.ErrMalformed},
		"JSON serialisation, general":        {fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, parts[1], parts[0], parts[2]), verify.ErrMalformed},
		"padding":                            {good + "==", verify.ErrMalformed},
		"a line end at the end":              {good + "\n", verify.ErrMalformed},
		"a line end inside":                  {parts[0] + "." + parts[1][:9] + "\r\n" + parts[1][9:] + "." + parts[2], verify.ErrMalformed},
		"a space before":                     {" " + good, verify.ErrMalformed},
		"standard base64":                    {parts[0] + "." + parts[1] + ".+/" + parts[2][2:], verify.ErrMalformed},
		"a set bit that base64 does not use": {parts[0] + "." + parts[1] + "." + noncanonical(parts[2]), verify.ErrMalformed},
		"not ASCII":                          {good + "é", verify.ErrMalformed},
		"NUL":                                {good + "\x00", verify.ErrMalformed},
		"S161 alg none":                      {b64([]byte(`{"alg":"none","kid":"k1","typ":"at+jwt"}`)) + "." + parts[1] + ".", verify.ErrMalformed},
		"S161 alg none with a signature":     plain(`{"alg":"none","kid":"k1","typ":"at+jwt"}`, verify.ErrSignature),
		"S161 alg nOnE":                      plain(`{"alg":"nOnE","kid":"k1","typ":"at+jwt"}`, verify.ErrSignature),
		"S161 HS256 signed with public key":  {hsSigned + "." + b64(hs.Sum(nil)), verify.ErrSignature},
		"S161 unknown kid":                   plain(`{"alg":"ES256","kid":"k2","typ":"at+jwt"}`, verify.ErrUnknownKey),
		"S161 kid with path":                 plain(`{"alg":"ES256","kid":"../../../dev/null","typ":"at+jwt"}`, verify.ErrUnknownKey),
		"S161 kid with SQL":                  plain(`{"alg":"ES256","kid":"' OR 1=1 --","typ":"at+jwt"}`, verify.ErrUnknownKey),
		"kid in another case":                plain(`{"alg":"ES256","kid":"K1","typ":"at+jwt"}`, verify.ErrUnknownKey),
		"kid empty":                          plain(`{"alg":"ES256","kid":"","typ":"at+jwt"}`, verify.ErrMalformed),
		"kid a number":                       plain(`{"alg":"ES256","kid":1,"typ":"at+jwt"}`, verify.ErrMalformed),
		"kid missing":                        plain(`{"alg":"ES256","typ":"at+jwt"}`, verify.ErrMalformed),
		"another algorithm of the same kind": plain(`{"alg":"ES384","kid":"k1","typ":"at+jwt"}`, verify.ErrSignature),
		"an algorithm of another kind":       plain(`{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}`, verify.ErrSignature),
		"alg in another case":                plain(`{"alg":"es256","kid":"k1","typ":"at+jwt"}`, verify.ErrSignature),
		"alg a list":                         plain(`{"alg":["ES256"],"kid":"k1","typ":"at+jwt"}`, verify.ErrMalformed),
		"alg missing":                        plain(`{"kid":"k1","typ":"at+jwt"}`, verify.ErrMalformed),
		"S163 no typ":                        plain(`{"alg":"ES256","kid":"k1"}`, verify.ErrType),
		"S163 JWT":                           plain(s.header("JWT"), verify.ErrType),
		"S163 ID token":                      plain(s.header("id_token+jwt"), verify.ErrType),
		"S163 log-out token":                 plain(s.header("logout+jwt"), verify.ErrType),
		"S163 revocations":                   plain(s.header("revocations+jwt"), verify.ErrType),
		"S163 sign-in attempt":               plain(s.header("attempt+jwt"), verify.ErrType),
		"S163 OAuth state":                   plain(s.header("state+jwt"), verify.ErrType),
		"S163 reset":                         plain(s.header("reset+jwt"), verify.ErrType),
		"S163 an opaque token":               {"crs_" + strings.Repeat("A", 67), verify.ErrMalformed},
		"typ in another case":                plain(s.header("AT+JWT"), verify.ErrType),
		"typ as a media type":                plain(s.header("application/at+jwt"), verify.ErrType),
		"jku":                                header(`,"jku":"https://evil.example.com/keys"`),
		"x5u":                                header(`,"x5u":"https://evil.example.com/key"`),
		"x5c":                                header(`,"x5c":["AAAA"]`),
		"x5t":                                header(`,"x5t":"AAAA"`),
		"jwk":                                header(`,"jwk":` + jwk),
		"crit":                               header(`,"crit":["exp"],"exp":1`),
		"crit empty":                         header(`,"crit":[]`),
		"b64":                                header(`,"b64":false`),
		"b64 true":                           header(`,"b64":true`),
		"zip":                                header(`,"zip":"DEF"`),
		"cty":                                header(`,"cty":"JWT"`),
		"enc":                                header(`,"enc":"A256GCM"`),
		"another member":                     header(`,"x":""`),
		"alg twice":                          header(`,"alg":"none"`),
		"alg twice, once escaped":            header(`,"\u0061lg":"none"`),
		"alg and ALG":                        header(`,"ALG":"none"`),
		"kid and Kid":                        header(`,"Kid":"k2"`),
		"only ALG":                           plain(`{"ALG":"ES256","kid":"k1","typ":"at+jwt"}`, verify.ErrMalformed),
		"kid with the long s":                plain(`{"alg":"ES256","\u212aid":"k1","typ":"at+jwt"}`, verify.ErrMalformed), // K, which folds to k
		"header after the header":            {s.sign(s.header("at+jwt")+"{}", payload), verify.ErrMalformed},
		"header a list":                      {s.sign(`["ES256"]`, payload), verify.ErrMalformed},
		"header null":                        {s.sign(`null`, payload), verify.ErrMalformed},
		"header not UTF-8":                   {s.sign("{\"alg\":\"ES256\",\"kid\":\"k1\xff\",\"typ\":\"at+jwt\"}", payload), verify.ErrMalformed},
		"header deep":                        {s.sign(strings.Repeat(`{"a":`, 500), payload), verify.ErrMalformed},
		"header long":                        {s.sign(`{"alg":"ES256","kid":"`+strings.Repeat("k", 2000)+`","typ":"at+jwt"}`, payload), verify.ErrMalformed},
		"payload twice the same claim":       {s.sign(s.header("at+jwt"), strings.Replace(payload, "{", `{"sub":"usr_boss",`, 1)), verify.ErrMalformed},
		"payload after the payload":          {s.sign(s.header("at+jwt"), payload+payload), verify.ErrMalformed},
		"payload a string":                   {s.sign(s.header("at+jwt"), `"`+issuerName+`"`), verify.ErrMalformed},
		"payload empty":                      {s.sign(s.header("at+jwt"), ``), verify.ErrMalformed},
		"payload not UTF-8":                  {s.sign(s.header("at+jwt"), strings.Replace(payload, "usr_ana", "usr_\xff", 1)), verify.ErrMalformed},
		"payload deep":                       {s.sign(s.header("at+jwt"), strings.Repeat(`[`, 5000)), verify.ErrMalformed},
		"payload of many claims":             {s.sign(s.header("at+jwt"), manyMembers(700)), verify.ErrMalformed},
		"another payload":                    {parts[0] + "." + b64(encode(claims(noon, object{"roles": []string{"admin"}}))) + "." + parts[2], verify.ErrSignature},
		"signature with another last bit":    {flip(good), verify.ErrSignature},
		"signature of zeros":                 {parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)), verify.ErrSignature},
		"signature one byte long":            {parts[0] + "." + parts[1] + "." + b64(append(s.signature(parts[0]+"."+parts[1]), 0)), verify.ErrSignature},
		"signature one byte short":           {parts[0] + "." + parts[1] + "." + b64(make([]byte, 63)), verify.ErrSignature},
		"signature in ASN.1":                 {parts[0] + "." + parts[1] + "." + b64(asn1Signature(s, parts[0]+"."+parts[1])), verify.ErrSignature},
		"signature by somebody else":         {newSigner("k1", "ES256").sign(s.header("at+jwt"), payload), verify.ErrSignature},
	}
}

func noncanonical(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last|1]) // 64 bytes leave four bits unused
}

// flip changes a bit in the middle of the signature.
func flip(raw string) string {
	b := []byte(raw)
	if i := len(b) - 40; b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

func manyMembers(n int) string {
	b := []byte("{")
	for i := range n {
		b = fmt.Appendf(b, `"%d":0,`, i)
	}
	return string(append(b, `"x":0}`...))
}

func asn1Signature(s *signer, signed string) []byte {
	sum := sha256.Sum256([]byte(signed))
	der, _ := s.private.Sign(rand.Reader, sum[:], crypto.SHA256)
	return der
}

func TestVerifyRefusesForms(t *testing.T) {
	s := newSigner("k1", "ES256")
	keys := parseKeys(t, s)
	if _, err := keys.Verify(s.token(noon, nil), rules(), noon); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, c := range hostile(s) {
		t.Run(name, func(t *testing.T) {
			got, err := keys.Verify(c.raw, rules(), noon)
			if got != nil || !errors.Is(err, c.want) || !errors.Is(err, verify.ErrInvalid) {
				t.Errorf("%v, %v; not %v", got, err, c.want)
			}
		})
	}
}

// TestRefusalIsCheap: what can be refused without a key costs little memory, whatever its size.
func TestRefusalIsCheap(t *testing.T) {
	const ceiling = 64 << 10 // bytes for a token of 8 KiB, and for one of any size
	s := newSigner("k1", "ES256")
	keys := parseKeys(t, s)
	for name, c := range hostile(s) {
		if !errors.Is(c.want, verify.ErrMalformed) {
			continue
		}
		const rounds = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range rounds {
			_, _ = keys.Verify(c.raw, rules(), noon)
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) / rounds; n > ceiling {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
}

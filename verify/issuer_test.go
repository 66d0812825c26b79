package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify"
)

const (
	issuerName = "https://auth.example.com"
	service    = "https://orders.example.com"
	clientID   = "orders:1"
	secret     = "a secret/with+signs &%"
)

// signer is a key pair of the issuer.
type signer struct {
	kid, alg string
	private  crypto.Signer
}

func newSigner(kid, alg string) *signer {
	s := &signer{kid: kid, alg: alg}
	switch alg {
	case "ES256":
		s.private, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, s.private, _ = ed25519.GenerateKey(rand.Reader)
	case "RS256":
		s.private = rsaKey()
	}
	return s
}

// rsaKey is made once: it takes long.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

type object = map[string]any

func (s *signer) jwk() object {
	jwk := object{"kid": s.kid, "alg": s.alg, "use": "sig"}
	switch public := s.private.Public().(type) {
	case *ecdsa.PublicKey:
		point, _ := public.Bytes()
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", b64(public)
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", b64(public.N.Bytes()), "AQAB"
	}
	return jwk
}

func jwks(signers ...*signer) []byte {
	list := []any{}
	for _, s := range signers {
		list = append(list, s.jwk())
	}
	return encode(object{"keys": list})
}

func encode(v any) []byte {
	doc, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return doc
}

// sign makes a compact JWS of header and payload as they are.
func (s *signer) sign(header, payload string) string {
	signed := b64([]byte(header)) + "." + b64([]byte(payload))
	return signed + "." + b64(s.signature(signed))
}

func (s *signer) signature(signed string) []byte {
	sum := sha256.Sum256([]byte(signed))
	switch private := s.private.(type) {
	case *ecdsa.PrivateKey:
		r, ss, _ := ecdsa.Sign(rand.Reader, private, sum[:])
		return append(r.FillBytes(make([]byte, 32)), ss.FillBytes(make([]byte, 32))...)
	case ed25519.PrivateKey:
		return ed25519.Sign(private, []byte(signed))
	case *rsa.PrivateKey:
		b, _ := rsa.SignPKCS1v15(nil, private, crypto.SHA256, sum[:])
		return b
	}
	panic("no key")
}

func (s *signer) header(typ string) string {
	return fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":%q}`, s.alg, s.kid, typ)
}

// token makes an access token of ana; change replaces claims, and drops those that are nil.
func (s *signer) token(now time.Time, change object) string {
	return s.sign(s.header("at+jwt"), string(encode(claims(now, change))))
}

func claims(now time.Time, change object) object {
	c := object{
		"iss": issuerName, "sub": "usr_ana", "aud": service, "exp": now.Add(10 * time.Minute).Unix(), "iat": now.Unix(),
		"jti": "tok_1", "sid": "ses_1", "client_id": "cloakroom", "auth_time": now.Add(-time.Minute).Unix(),
		"acr": "1", "amr": []string{"pwd"}, "roles": []string{"clerk"}, "scope": "read write", "epoch": 3, "tkt": "opaque",
	}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func rules() verify.Rules {
	return verify.Rules{Type: verify.AccessToken, Issuer: issuerName, Audience: service}
}

// issuer is the server's side of the wire: keys and revocations, with faults on request.
type issuer struct {
	*signer // the current key

	mu       sync.Mutex
	listed   []*signer
	lines    []object // of the feed
	news     chan struct{}
	silent   bool // never answers
	broken   bool // answers 500
	keysGone bool // answers 500 for keys only
	tamper   func(header, payload object)
	keyAsks  int
	feedAsks int
}

func newIssuer() *issuer {
	s := newSigner("k1", "ES256")
	return &issuer{signer: s, listed: []*signer{s}, news: make(chan struct{})}
}

// change does something to the issuer while it serves.
func (i *issuer) change(do func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	do()
}

func (i *issuer) revoke(line object) {
	i.change(func() {
		i.lines = append(i.lines, line)
		close(i.news)
		i.news = make(chan struct{})
	})
}

func overSession(id string, until time.Time) object {
	sum := sha256.Sum256([]byte(id))
	return object{"sid": b64(sum[:]), "exp": until.Unix()}
}

func overUser(id string, epoch int64, until time.Time) object {
	sum := sha256.Sum256([]byte(id))
	return object{"sub": b64(sum[:]), "epoch": epoch, "exp": until.Unix()}
}

func (i *issuer) asks() (keys, feed int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keyAsks, i.feedAsks
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	silent, broken := i.silent, i.broken
	if r.URL.Path == "/auth/revocations" {
		i.feedAsks++
	} else {
		i.keyAsks++
		broken = broken || i.keysGone
	}
	i.mu.Unlock()
	switch {
	case silent:
		<-r.Context().Done()
	case broken:
		http.Error(w, "broken", 500)
	case r.URL.Path == "/auth/revocations":
		i.serveFeed(w, r)
	case r.URL.Path == "/.well-known/jwks.json":
		i.serveKeys(w)
	default:
		http.NotFound(w, r)
	}
}

func (i *issuer) serveKeys(w http.ResponseWriter) {
	i.mu.Lock()
	defer i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(jwks(i.listed...))
}

func (i *issuer) serveFeed(w http.ResponseWriter, r *http.Request) {
	id, password, _ := r.BasicAuth()
	if id != url.QueryEscape(clientID) || password != url.QueryEscape(secret) {
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	after, _ := strconv.Atoi(r.FormValue("after"))
	wait, err := strconv.Atoi(r.FormValue("wait"))
	if err != nil || r.FormValue("nonce") == "" {
		http.Error(w, "bad question", 400)
		return
	}
	lines, cursor, total := i.linesAfter(r, after, time.Duration(wait)*time.Millisecond)
	i.mu.Lock()
	defer i.mu.Unlock()
	header := object{"alg": i.alg, "kid": i.kid, "typ": "revocations+jwt"}
	payload := object{
		"iss": issuerName, "aud": clientID, "iat": time.Now().Unix(), "nonce": r.FormValue("nonce"), "after": r.FormValue("after"),
		"cursor": strconv.Itoa(cursor), "more": cursor < total, "entries": lines,
	}
	if i.tamper != nil {
		i.tamper(header, payload)
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, _ = io.WriteString(w, i.sign(string(encode(header)), string(encode(payload))))
}

// linesAfter waits for lines after a cursor and returns at most a thousand of them. A cursor it does not know is the
// beginning.
func (i *issuer) linesAfter(r *http.Request, after int, wait time.Duration) (lines []object, cursor, total int) {
	over := time.After(wait)
	for {
		i.mu.Lock()
		total, news := len(i.lines), i.news
		if after > total {
			after = 0
		}
		lines := slices.Clone(i.lines[after:min(after+1000, total)])
		i.mu.Unlock()
		if len(lines) > 0 {
			return lines, after + len(lines), total
		}
		select {
		case <-news:
		case <-over:
			return []object{}, after, total
		case <-r.Context().Done():
			return []object{}, after, total
		}
	}
}

// RoundTrip answers without a network, so that an issuer and its verifiers can live in a synctest bubble.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	i.mu.Lock()
	silent := i.silent
	i.mu.Unlock()
	if silent { // a cut network loses the answer that was under way, too
		<-r.Context().Done()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// verifier is one that asks this issuer; change may alter the literal.
func (i *issuer) verifier(t testing.TB, change func(*verify.Verifier)) *verify.Verifier {
	v := &verify.Verifier{
		Issuer: issuerName, Audience: service, ClientID: clientID, ClientSecret: secret,
		Client: &http.Client{Transport: i},
	}
	if change != nil {
		change(v)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

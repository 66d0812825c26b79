package api

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// tokensJSON is RFC 6749 §5.1 without what we do not have.
type tokensJSON struct {
	TokenType    string `json:"token_type" enum:"Bearer"`
	AccessToken  string `json:"access_token"`
	ExpiresIn    int64  `json:"expires_in" doc:"seconds that access_token lives; use extends an opaque one"`
	RefreshToken string `json:"refresh_token,omitempty" doc:"of the signed form; good once"`
}

func tokensOf(t *cloakroom.Tokens) *tokensJSON {
	if t == nil {
		return nil
	}
	return &tokensJSON{"Bearer", t.Access.Reveal(), int64(t.ExpiresIn / time.Second), t.Refresh.Reveal()}
}

// introspectJSON is RFC 7662 §2.1.
type introspectJSON struct {
	Token string `json:"token" doc:"an opaque, signed or refresh token"`
	Hint  string `json:"token_type_hint,omitempty" doc:"access_token or refresh_token; not needed, a token tells its kind"`
}

// jwtText is a body that is a compact JWT.
type jwtText string

// jwksJSON is RFC 7517 §5.
type jwksJSON struct {
	Keys []jwkJSON `json:"keys"`
}

// jwkJSON is a public key: EC (RFC 7518 §6.2.1), RSA (§6.3.1) or OKP (RFC 8037 §2).
type jwkJSON struct {
	Kty string `json:"kty" enum:"EC,OKP,RSA"`
	Kid string `json:"kid"`
	Alg string `json:"alg" enum:"ES256,EdDSA,RS256"`
	Use string `json:"use" enum:"sig"`
	Crv string `json:"crv,omitempty" enum:"P-256,Ed25519"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
}

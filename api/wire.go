package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// What goes over the wire. From these structs comes the OpenAPI document too: omitempty marks what may be absent, a
// pointer what may be null, enum and doc say what they say. The name of a schema is that of the type without JSON.

// termsJSON is how a new session is handed out.
type termsJSON struct {
	Delivery string `json:"delivery,omitempty" enum:"cookie,bearer,both" doc:"where the token goes; the configuration has the default, usually cookie"`
	Token    string `json:"token,omitempty" enum:"opaque,signed" doc:"opaque: one token, looked up at each use; signed: a short JWT and a refresh token; the configuration has the default, usually opaque"`
}

func (t termsJSON) terms() cloakroom.Terms {
	return cloakroom.Terms{Delivery: cloakroom.Delivery(t.Delivery), Token: cloakroom.TokenForm(t.Token)}
}

type signupJSON struct {
	Email    string `json:"email" doc:"at most 254 bytes"`
	Password string `json:"password" doc:"exactly as typed"`
	Name     string `json:"name,omitempty" doc:"at most 200 characters"`
	Remember bool   `json:"remember,omitempty" doc:"true: the cookie outlives the browser"`
	termsJSON
}

type loginJSON struct {
	Email    string `json:"email" doc:"in any spelling of case"`
	Password string `json:"password" doc:"exactly as typed"`
	Remember bool   `json:"remember,omitempty" doc:"true: the cookie outlives the browser"`
	termsJSON
}

type logoutJSON struct {
	Scope        string `json:"scope,omitempty" enum:"this,others,all" doc:"which sessions end; default this"`
	RefreshToken string `json:"refresh_token,omitempty" doc:"ends its session, where no other credential is at hand"`
}

type refreshJSON struct {
	RefreshToken string `json:"refresh_token,omitempty" doc:"wins over the refresh cookie; without either: 401"`
	Delivery     string `json:"delivery,omitempty" enum:"cookie,bearer" doc:"need not be said: the new pair goes out as the refresh token came, bearer being the body; anything else is refused"`
	Token        string `json:"token,omitempty" enum:"signed" doc:"need not be said: what is refreshed is signed; anything else is refused"`
}

// check refuses terms that are not those by which the session goes on anyway.
func (in refreshJSON) check() error {
	came := cloakroom.DeliverCookie
	if in.RefreshToken != "" {
		came = cloakroom.DeliverBearer
	}
	var bad cloakroom.FieldErrors
	switch cloakroom.Delivery(in.Delivery) {
	case "", came:
	case cloakroom.DeliverCookie, cloakroom.DeliverBearer, cloakroom.DeliverBoth:
		bad = append(bad, cloakroom.FieldError{Field: "delivery", Code: "not_allowed", Message: "a refresh token in the body is renewed by bearer, one in a cookie by cookie"})
	default:
		bad = append(bad, cloakroom.FieldError{Field: "delivery", Code: "unknown_value", Message: "must be cookie or bearer"})
	}
	switch cloakroom.TokenForm(in.Token) {
	case "", cloakroom.Signed:
	case cloakroom.Opaque:
		bad = append(bad, cloakroom.FieldError{Field: "token", Code: "not_allowed", Message: "what is refreshed stays signed"})
	default:
		bad = append(bad, cloakroom.FieldError{Field: "token", Code: "unknown_value", Message: "must be signed"})
	}
	if bad != nil {
		return bad
	}
	return nil
}

// refreshedJSON is a session that goes on with new tokens.
type refreshedJSON struct {
	Tokens  *tokensJSON  `json:"tokens,omitempty" doc:"absent when the refresh token came in a cookie: the new pair does, too"`
	Session *sessionJSON `json:"session" null:"never"`
}

type tokenJSON struct {
	Audience string `json:"audience,omitempty" doc:"the service that the token is for, 1 to 256 visible ASCII characters; the configuration has the default"`
}

// introspectJSON is RFC 7662 §2.1.
type introspectJSON struct {
	Token string `json:"token" doc:"an opaque, signed or refresh token"`
	Hint  string `json:"token_type_hint,omitempty" doc:"access_token or refresh_token; not needed, a token tells its kind"`
}

type userJSON struct {
	ID            string    `json:"id"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Name          string    `json:"name"`
	Roles         []string  `json:"roles"`
	CreatedAt     time.Time `json:"created_at"`
}

type sessionJSON struct {
	ID              string     `json:"id"`
	CreatedAt       time.Time  `json:"created_at"`
	LastSeenAt      time.Time  `json:"last_seen_at"`
	ExpiresAt       time.Time  `json:"expires_at"`
	AuthenticatedAt *time.Time `json:"authenticated_at" doc:"null for a guest"`
	Methods         []string   `json:"methods"`
	Anonymous       bool       `json:"anonymous" doc:"true for a guest, who has not signed in"`
	Current         bool       `json:"current" doc:"the session of this request"`
	IP              string     `json:"ip"`
	UserAgent       string     `json:"user_agent"`
	Device          string     `json:"device" doc:"the user agent in words, such as Firefox on Linux; may be empty"`
}

// stateJSON is the answer to "who is there?".
type stateJSON struct {
	Session *sessionJSON `json:"session"`
	User    *userJSON    `json:"user"`
}

// resultJSON is a session that was opened.
type resultJSON struct {
	Status  string       `json:"status" enum:"signed_in"`
	User    *userJSON    `json:"user" doc:"null for a guest"`
	Session *sessionJSON `json:"session" null:"never"`
	Tokens  *tokensJSON  `json:"tokens,omitempty" doc:"absent in cookie delivery"`
}

// tokensJSON is RFC 6749 §5.1 without what we do not have.
type tokensJSON struct {
	TokenType    string `json:"token_type" enum:"Bearer"`
	AccessToken  string `json:"access_token"`
	ExpiresIn    int64  `json:"expires_in" doc:"seconds that access_token lives; use extends an opaque one"`
	RefreshToken string `json:"refresh_token,omitempty" doc:"of the signed form; good once"`
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

// challengeJSON asks for one more proof.
type challengeJSON struct {
	Status    string         `json:"status" enum:"challenge"`
	Challenge challengedJSON `json:"challenge"`
}

type challengedJSON struct {
	ID        string    `json:"id"`
	Next      []string  `json:"next" doc:"methods, one of which will do"`
	ExpiresAt time.Time `json:"expires_at"`
}

// pageJSON is one page of a list.
type pageJSON struct {
	Items      []sessionJSON `json:"items"`
	NextCursor *string       `json:"next_cursor" doc:"for the next page; null on the last one"`
}

// problemJSON is problem.Document with the type of its errors.
type problemJSON struct {
	Type      string                 `json:"type"`
	Title     string                 `json:"title"`
	Status    int                    `json:"status"`
	Code      string                 `json:"code"`
	Detail    string                 `json:"detail,omitempty"`
	RequestID string                 `json:"request_id,omitempty"`
	Error     string                 `json:"error,omitempty" enum:"invalid_client,invalid_request" doc:"only where the caller is a client: the code of RFC 6749 §5.2, if it has one for this"`
	Errors    []cloakroom.FieldError `json:"errors,omitempty"`
}

func userOf(u *cloakroom.User) *userJSON {
	if u == nil {
		return nil
	}
	return &userJSON{u.ID, u.Email, u.EmailVerified, u.Name, list(u.Roles), u.CreatedAt.UTC()}
}

func sessionOf(s *cloakroom.Session) *sessionJSON {
	if s == nil {
		return nil
	}
	j := &sessionJSON{
		ID: s.ID, CreatedAt: s.CreatedAt.UTC(), LastSeenAt: s.LastSeenAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		Methods: list(s.Methods), Anonymous: s.Anonymous(), Current: s.Current,
		IP: s.IP, UserAgent: s.UserAgent, Device: s.Device(),
	}
	if !s.AuthenticatedAt.IsZero() {
		at := s.AuthenticatedAt.UTC()
		j.AuthenticatedAt = &at
	}
	return j
}

func resultOf(g *cloakroom.Grant) resultJSON {
	return resultJSON{"signed_in", userOf(g.Session.User), sessionOf(g.Session), tokensOf(g.Tokens)}
}

func tokensOf(t *cloakroom.Tokens) *tokensJSON {
	if t == nil {
		return nil
	}
	return &tokensJSON{"Bearer", t.Access.Reveal(), int64(t.ExpiresIn / time.Second), t.Refresh.Reveal()}
}

func challengeOf(c *cloakroom.Challenge) challengeJSON {
	return challengeJSON{"challenge", challengedJSON{c.Token.Reveal(), list(c.Next), c.ExpiresAt.UTC()}}
}

// list is s, never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// send answers with a body in JSON.
func send(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	sendText(w, status, append(text, '\n'))
	return nil
}

// sendText answers with JSON text. An error of writing is nobody's: the client is gone.
func sendText(w http.ResponseWriter, status int, text []byte) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

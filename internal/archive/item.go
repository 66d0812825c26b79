package archive

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// An Item is one of User, APIKey, KeySet, Session, Ticket, Counter, Moved, Revocation, Event and Parcel. Fields that came
// later are left out where they are zero, so that the sum of an item that has none of them is what it was before.
type Item interface {
	Kind() Kind
	// Name says which one it is, for messages. It has nothing that is secret or that says who somebody is.
	Name() string
}

// User is an account.
type User struct {
	ID            string       `json:"id"`
	Realm         string       `json:"realm"`
	Email         string       `json:"email"`
	EmailVerified bool         `json:"email_verified"`
	FullName      string       `json:"name"`
	Roles         []string     `json:"roles,omitempty"`
	CreatedAt     int64        `json:"created_at"`
	UpdatedAt     int64        `json:"updated_at"`
	BannedAt      int64        `json:"banned_at"`
	Locale        string       `json:"locale,omitempty"`
	Picture       string       `json:"picture,omitempty"`
	Phone         string       `json:"phone,omitempty"`
	MFA           bool         `json:"mfa,omitempty"`
	ResetRequired bool         `json:"reset_required,omitempty"`
	LeavesAt      *int64       `json:"leaves_at,omitempty"` // nil: it stays
	ExternalID    string       `json:"external_id,omitempty"`
	Epoch         int64        `json:"epoch"`
	Revision      int64        `json:"revision"`
	Credentials   []Credential `json:"credentials,omitempty"` // in order of method and id
}

// Credential is what a user proves itself by.
type Credential struct {
	Method    string `json:"method"`
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"`
	Data      []byte `json:"data,omitempty"`
	Revision  int64  `json:"revision"`
	CreatedAt int64  `json:"created_at"`
	UpdatedAt int64  `json:"updated_at"`
}

// APIKey is a key by which a program acts as a user; its token is as those of sessions.
type APIKey struct {
	ID         string   `json:"id"`
	Realm      string   `json:"realm"`
	Token      Token    `json:"token"`
	UserID     string   `json:"user_id"`
	Label      string   `json:"name"`
	Scopes     []string `json:"scopes,omitempty"`
	CreatedBy  string   `json:"created_by"`
	CreatedAt  int64    `json:"created_at"`
	ExpiresAt  int64    `json:"expires_at"`
	LastUsedAt int64    `json:"last_used_at"`
	Revision   int64    `json:"revision"`
}

// KeySet is the signing keys of a realm, the private parts sealed.
type KeySet struct {
	Realm    string       `json:"realm"`
	Revision int64        `json:"revision"`
	Keys     []SigningKey `json:"keys,omitempty"`
}

// SigningKey is one of a KeySet.
type SigningKey struct {
	ID          string `json:"id"`
	Algorithm   string `json:"alg"`
	Public      []byte `json:"public,omitempty"`
	Sealed      []byte `json:"sealed,omitempty"`
	CreatedAt   int64  `json:"created_at"`
	ActiveAt    int64  `json:"active_at"`
	RetiredAt   int64  `json:"retired_at"`
	WithdrawnAt int64  `json:"withdrawn_at"`
}

// Token is where a token lives, and its hash.
type Token struct {
	Bucket uint16 `json:"bucket"`
	Hash   Hash   `json:"hash"`
}

// Session is a session with its data.
type Session struct {
	Token           Token    `json:"token"`
	ID              string   `json:"id"`
	Realm           string   `json:"realm"`
	UserID          string   `json:"user_id"` // empty for a guest
	Epoch           int64    `json:"epoch"`
	CreatedAt       int64    `json:"created_at"`
	AuthenticatedAt int64    `json:"authenticated_at"`
	LastSeenAt      int64    `json:"last_seen_at"`
	IssuedAt        int64    `json:"issued_at"`
	ExpiresAt       int64    `json:"expires_at"`
	Methods         []string `json:"methods,omitempty"`
	Level           int64    `json:"level"`
	Scopes          []string `json:"scopes,omitempty"`
	Remember        bool     `json:"remember"`
	IP              string   `json:"ip"`
	Agent           []byte   `json:"agent,omitempty"` // whatever a client sent: it need not be text
	Refresh         []Chain  `json:"refresh,omitempty"`
	Data            []Datum  `json:"data,omitempty"`    // in order of key
	EndsAt          *int64   `json:"ends_at,omitempty"` // nil: as its lifetime has it
	Actor           *Actor   `json:"actor,omitempty"`
}

// Actor is who acts as the user of a session.
type Actor struct {
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
	Token     Token  `json:"token"`
}

// DataBytes is how large the keys and values of the session's data are together.
func (s Session) DataBytes() (n int64) {
	for _, d := range s.Data {
		n += int64(len(d.Key) + len(d.Value))
	}
	return n
}

// Chain is the refresh tokens that one carrier of a session has had.
type Chain struct {
	Current Hash      `json:"current"`
	Past    []Rotated `json:"past,omitempty"`
}

// Rotated is a refresh token that was exchanged, with its sealed successor.
type Rotated struct {
	Token  Hash   `json:"token"`
	Sealed []byte `json:"sealed,omitempty"`
	At     int64  `json:"at"`
}

// Datum is one value of a session's data.
type Datum struct {
	Key      string `json:"key"`
	Value    []byte `json:"value,omitempty"`
	Revision int64  `json:"revision"`
}

// Ticket is a one-time thing.
type Ticket struct {
	ID        Token  `json:"id"`
	Of        string `json:"kind"`
	Payload   []byte `json:"payload,omitempty"`
	ExpiresAt int64  `json:"expires_at"`
	Revision  int64  `json:"revision"`
	Used      bool   `json:"used"`
}

// Counter is what was counted in a window.
type Counter struct {
	Key     Hash  `json:"key"`
	N       int64 `json:"n"`
	ResetAt int64 `json:"reset_at"`
}

// Moved is a token that was exchanged for another.
type Moved struct {
	Token Token `json:"token"`
	Until int64 `json:"until"`
}

// Revocation is an entry of the feed. Seq is its place there.
type Revocation struct {
	Seq     int64 `json:"seq"`
	Subject Hash  `json:"subject"`
	Epoch   int64 `json:"epoch"`
	Until   int64 `json:"until"`
}

// Event is what happened. Who had it in hand to hand it on is not kept: a copy hands on again what waits.
type Event struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	At        int64  `json:"at"`
	Realm     string `json:"realm"`
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
	Data      []byte `json:"data,omitempty"`
	Queued    bool   `json:"queued"`
}

// Parcel is what waits to be sent. Who had it in hand is kept: it is due when that lease ends.
type Parcel struct {
	ID    string `json:"id"`
	Realm string `json:"realm"`
	Of    string `json:"kind"`
	DueAt int64  `json:"due_at"`
	Tries int64  `json:"tries"`
	Data  []byte `json:"data,omitempty"`
}

func (User) Kind() Kind       { return KindUser }
func (APIKey) Kind() Kind     { return KindAPIKey }
func (KeySet) Kind() Kind     { return KindKeySet }
func (Session) Kind() Kind    { return KindSession }
func (Ticket) Kind() Kind     { return KindTicket }
func (Counter) Kind() Kind    { return KindCounter }
func (Moved) Kind() Kind      { return KindMoved }
func (Revocation) Kind() Kind { return KindRevocation }
func (Event) Kind() Kind      { return KindEvent }
func (Parcel) Kind() Kind     { return KindParcel }

func (u User) Name() string       { return "user " + u.ID }
func (k APIKey) Name() string     { return "API key " + k.ID }
func (s KeySet) Name() string     { return "signing keys of realm " + s.Realm }
func (s Session) Name() string    { return "session " + s.ID }
func (t Ticket) Name() string     { return t.Of + " ticket" }
func (Counter) Name() string      { return "counter" }
func (Moved) Name() string        { return "moved token" }
func (r Revocation) Name() string { return fmt.Sprintf("entry %d of the feed", r.Seq) }
func (e Event) Name() string      { return "event " + e.ID }
func (p Parcel) Name() string     { return "parcel " + p.ID }

// Hash is 32 bytes; in JSON, 43 digits of base64url (RFC 4648 §5).
type Hash [32]byte

var errHash = errors.New("not 32 bytes in base64url")

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, h[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(raw) != len(h) {
		return errHash
	}
	*h = Hash(raw)
	return nil
}

// encode gives the one JSON of an item. A text that JSON cannot hold is an error, or the copy would not be one.
func encode(i Item) ([]byte, error) {
	text, err := json.Marshal(i)
	if err == nil && bytes.Contains(text, []byte(`\ufffd`)) { // what json makes of bytes that are no UTF-8
		err = comesBack(i.Kind(), text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.Name(), err)
	}
	return text, nil
}

// comesBack tells bytes that are no UTF-8, which come back as another text, from text that looks like what json makes of them.
func comesBack(k Kind, text []byte) error {
	item, err := decode(k, text)
	if err != nil {
		return err
	}
	again, err := json.Marshal(item)
	if err == nil && !bytes.Equal(again, text) {
		err = errors.New("it has text that is not UTF-8")
	}
	return err
}

// decode reads what encode wrote. It refuses what this version does not know, rather than lose it.
func decode(k Kind, text []byte) (Item, error) {
	switch k {
	case KindUser:
		return read[User](text)
	case KindAPIKey:
		return read[APIKey](text)
	case KindKeySet:
		return read[KeySet](text)
	case KindSession:
		return read[Session](text)
	case KindTicket:
		return read[Ticket](text)
	case KindCounter:
		return read[Counter](text)
	case KindMoved:
		return read[Moved](text)
	case KindRevocation:
		return read[Revocation](text)
	case KindEvent:
		return read[Event](text)
	case KindParcel:
		return read[Parcel](text)
	}
	return nil, fmt.Errorf("no kind has the number %d", k)
}

func read[T Item](text []byte) (Item, error) {
	var item T
	err := strict(text, &item)
	return item, err
}

func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

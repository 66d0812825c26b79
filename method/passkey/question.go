package passkey

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/cloakroom-auth/cloakroom"
)

const (
	challengeSize = 32 // bytes; WebAuthn §13.4.3 wants 16
	timeout       = 5 * time.Minute
	maxAnswer     = 32 << 10 // bytes; one with a chain of attestation certificates has a few thousand
)

// question is what was asked, as it is kept until the answer comes.
type question struct {
	Type      protocol.CeremonyType `json:"type"`
	Challenge string                `json:"challenge"`      // base64url
	User      string                `json:"user,omitempty"` // who may answer; empty: anybody
	Verified  bool                  `json:"verified"`       // the device must verify its user
}

func newQuestion(t protocol.CeremonyType, user string, verified bool) (q question, challenge protocol.URLEncodedBase64) {
	challenge = make([]byte, challengeSize)
	_, _ = rand.Read(challenge)
	return question{Type: t, Challenge: challenge.String(), User: user, Verified: verified}, challenge
}

// offer is what goes out: options for the browser, and the question for later.
func (q question) offer(show any) (cloakroom.Offer, error) {
	keep, err := json.Marshal(q)
	return cloakroom.Offer{Show: show, Keep: keep}, err
}

// recall reads the question that an answer of this user is for.
func recall(kept []byte, t protocol.CeremonyType, user string) (q question, err error) {
	if err := json.Unmarshal(kept, &q); err != nil {
		return q, errors.New("no question was asked")
	}
	switch {
	case q.Type != t || q.Challenge == "":
		return q, errors.New("another question was asked")
	case q.User != "" && q.User != user:
		return q, errors.New("somebody else was asked")
	}
	return q, nil
}

// fits holds what the browser says against the question and the list of origins, before the library does it again: it would
// quote both challenges, and compare no more of an origin than scheme and host. Frames of other origins are its business.
func (m Method) fits(said protocol.CollectedClientData, q question) error {
	switch {
	case subtle.ConstantTimeCompare([]byte(said.Challenge), []byte(q.Challenge)) != 1:
		return errors.New("it is for another challenge")
	case !slices.Contains(m.origins(), said.Origin):
		return fmt.Errorf("origin %q is not listed", said.Origin)
	}
	return nil
}

func (m Method) origins() []string { return slices.Concat(m.Origins, m.Related) }

// required is the one or the other word of WebAuthn for how much something is wanted.
func required[T ~string](yes bool) T {
	if yes {
		return "required"
	}
	return "discouraged"
}

package cloakroom

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Client is a service that may ask about other people's tokens. It authenticates with HTTP Basic (RFC 7617), id and
// secret each form-encoded as RFC 6749 §2.3.1 says.
type Client struct {
	// ID has 1 to 64 ASCII letters, digits and characters of "._-".
	ID string
	// SecretHash is SHA-256 of the secret. That is enough only because a secret is random: 128 bits or more, never a
	// word that somebody chose.
	SecretHash [sha256.Size]byte
}

// ParseClient reads "id:hex(SHA-256(secret))", the form of a configuration file.
func ParseClient(text string) (Client, error) {
	id, digits, _ := strings.Cut(text, ":")
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != sha256.Size || !validClientID(id) {
		return Client{}, errors.New("a client is written id:hex(SHA-256(secret)), with an id of letters, digits, ._-")
	}
	return Client{ID: id, SecretHash: [sha256.Size]byte(sum)}, nil
}

// String is the form that ParseClient reads. It tells no secret.
func (c Client) String() string { return c.ID + ":" + hex.EncodeToString(c.SecretHash[:]) }

func validClientID(id string) bool {
	return id != "" && len(id) <= 64 && !strings.Contains(id, ":") && validRole(id)
}

func (m *mistakes) clients(list []Client) {
	seen := map[string]bool{}
	for _, c := range list {
		if !validClientID(c.ID) || seen[c.ID] {
			m.add("Clients", fmt.Sprintf("has the id %q twice, or one that cannot be", c.ID), "give each an id of its own: letters, digits, ._-")
		}
		if c.SecretHash == ([sha256.Size]byte{}) || c.SecretHash == sha256.Sum256(nil) {
			m.add("Clients", c.ID+" has no secret", "make a random one of 128 bits or more and give its SHA-256")
		}
		seen[c.ID] = true
	}
}

// Client returns the id of the client that the request authenticates as. Errors: ErrNotFound when no client is configured,
// so that whoever needs none shows none; otherwise ErrInvalidClient, after the same work for every wrong answer.
func (a *Auth) Client(r *http.Request) (string, error) {
	if len(a.config.Clients) == 0 {
		return "", ErrNotFound
	}
	user, password, _ := r.BasicAuth()
	id, idErr := url.QueryUnescape(user)
	secret, secretErr := url.QueryUnescape(password)
	sum := sha256.Sum256([]byte(secret))
	found := ""
	for _, c := range a.config.Clients {
		if subtle.ConstantTimeCompare(c.SecretHash[:], sum[:]) == 1 && c.ID == id {
			found = id
		}
	}
	if found == "" || idErr != nil || secretErr != nil || len(r.Header["Authorization"]) != 1 {
		return "", ErrInvalidClient
	}
	return found, nil
}

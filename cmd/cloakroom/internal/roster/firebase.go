package roster

import (
	"encoding/json"

	"github.com/cloakroom-auth/cloakroom/internal/legacyhash"
)

// firebase reads users as "firebase auth:export" writes them.
type firebase struct{ project legacyhash.Firebase }

type firebaseUser struct {
	LocalID       string      `json:"localId"`
	Email         string      `json:"email"`
	EmailVerified bool        `json:"emailVerified"`
	DisplayName   string      `json:"displayName"`
	PhotoURL      string      `json:"photoUrl"`
	PhoneNumber   string      `json:"phoneNumber"`
	Disabled      bool        `json:"disabled"`
	CreatedAt     json.Number `json:"createdAt"` // milliseconds, in quotes
	PasswordHash  string      `json:"passwordHash"`
	Salt          string      `json:"salt"`
}

func (f firebase) account(a *Account, user []byte) error {
	var u firebaseUser
	if err := record(user, &u); err != nil {
		return err
	}
	a.ExternalID, a.Email, a.EmailVerified, a.Name = u.LocalID, u.Email, u.EmailVerified, u.DisplayName
	a.Picture, a.Phone, a.Banned = u.PhotoURL, u.PhoneNumber, u.Disabled
	if err := moment(&a.CreatedAt, u.CreatedAt); err != nil {
		return &Refusal{Field: "createdAt", Code: "invalid_value", Message: err.Error()}
	}
	if u.PasswordHash == "" {
		return nil
	}
	hash, err := f.project.Text(u.PasswordHash, u.Salt)
	if err != nil {
		return &Refusal{Field: "passwordHash", Code: "unknown_hash", Message: "or salt cannot be read, or the parameters of the project are wrong"}
	}
	a.PasswordHash = hash
	return nil
}

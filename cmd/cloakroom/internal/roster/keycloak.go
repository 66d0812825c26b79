package roster

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/legacyhash"
)

// keycloak reads the users of a realm's export.
type keycloak struct{ ignored func(string) }

type keycloakUser struct {
	ID               string               `json:"id"`
	Username         string               `json:"username"`
	Email            string               `json:"email"`
	EmailVerified    bool                 `json:"emailVerified"`
	Enabled          *bool                `json:"enabled"`
	FirstName        string               `json:"firstName"`
	LastName         string               `json:"lastName"`
	CreatedTimestamp int64                `json:"createdTimestamp"` // milliseconds
	RealmRoles       []string             `json:"realmRoles"`
	Attributes       map[string]attribute `json:"attributes"`
	Credentials      []keycloakCredential `json:"credentials"`
	ServiceAccount   string               `json:"serviceAccountClientId"`
}

type keycloakCredential struct {
	Type           string `json:"type"`
	SecretData     string `json:"secretData"`
	CredentialData string `json:"credentialData"`
}

func (k keycloak) account(a *Account, user []byte) error {
	var u keycloakUser
	if err := record(user, &u); err != nil {
		return err
	}
	a.ExternalID = u.ID
	if u.ServiceAccount != "" {
		return &Refusal{Field: "serviceAccountClientId", Code: "not_a_person", Message: "says that this is a program: give it an API key"}
	}
	a.Email, a.EmailVerified, a.Name = u.Email, u.EmailVerified, strings.TrimSpace(u.FirstName+" "+u.LastName)
	if a.Name == "" {
		a.Name = u.Username
	}
	a.Locale, a.Picture = u.attribute("locale"), u.attribute("picture")
	if a.Phone = u.attribute("phoneNumber"); a.Phone == "" {
		a.Phone = u.attribute("phone_number")
	}
	a.Banned = u.Enabled != nil && !*u.Enabled
	if u.CreatedTimestamp > 0 {
		a.CreatedAt = time.UnixMilli(u.CreatedTimestamp).UTC()
	}
	a.Roles = slices.DeleteFunc(u.RealmRoles, everybodys)
	return k.password(a, u.Credentials)
}

// attribute is a list of texts, or one. Whatever else it may be is nothing that is read here.
type attribute []string

func (a *attribute) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = attribute{one}
		return nil
	}
	var several []string
	if json.Unmarshal(b, &several) == nil {
		*a = several
	}
	return nil
}

func (u keycloakUser) attribute(name string) string {
	if values := u.Attributes[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// everybodys are the roles that Keycloak gives by itself.
func everybodys(role string) bool {
	return role == "offline_access" || role == "uma_authorization" || strings.HasPrefix(role, "default-roles-")
}

func (k keycloak) password(a *Account, all []keycloakCredential) error {
	for _, c := range all {
		if c.Type != "password" {
			k.ignored("credentials of type " + c.Type)
			continue
		}
		hash, err := legacyhash.Keycloak(c.CredentialData, c.SecretData)
		if err != nil {
			return &Refusal{Field: "credentials", Code: "unknown_hash", Message: "have a password hash of a kind that cannot be read, or that costs too much"}
		}
		a.PasswordHash = hash
	}
	return nil
}

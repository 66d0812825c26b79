package cloakroom

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/device"
	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// A device that its user trusts is not asked for a second factor again for a while. It holds a token in a cookie of its own;
// the store has its hash, as a credential of the user, so that it is listed and forgotten with the others. It opens nothing.

const (
	methodDevice = "device"
	maxDevices   = 20 // of a user; the oldest makes room
)

// trusted is the data of a device credential.
type trusted struct {
	Hash      []byte    `json:"hash"`
	ExpiresAt time.Time `json:"expires_at"`
	Agent     string    `json:"agent"`
}

// readTrusted reads the data of a device. What cannot be read is a device whose time is over.
func readTrusted(c Credential) (t trusted) {
	if json.Unmarshal(c.Data, &t) != nil {
		return trusted{}
	}
	return t
}

func describeDevice(c Credential) any {
	t := readTrusted(c)
	return struct {
		Device    string    `json:"device"`
		ExpiresAt time.Time `json:"expires_at"`
	}{device.Name(t.Agent), t.ExpiresAt}
}

// devicesOf are the devices among credentials, oldest first: their ids ascend with time.
func devicesOf(creds []Credential) []Credential {
	return slices.DeleteFunc(slices.Clone(creds), func(c Credential) bool { return c.Method != methodDevice })
}

// remembered returns the id of the device that a request comes from, if the user trusts it; otherwise it is empty. Beside a
// Bearer header cookies say nothing.
func (a *Auth) remembered(r *http.Request, creds []Credential) string {
	if a.config.MFA.RememberDevice < 0 || !a.carriers.cookies || bearing(r) {
		return ""
	}
	scan := scanCookies(r.Header, a.deviceName(r))
	for text, more := scan.next(); more && scan.checked < maxCookies; text, more = scan.next() {
		scan.checked++
		if id, _, ok := a.keys.Load().parse(kindDevice, text); ok {
			if c := a.trusts(creds, id); c != "" {
				return c
			}
		}
	}
	return ""
}

func (a *Auth) trusts(creds []Credential, id TokenID) string {
	for _, c := range devicesOf(creds) {
		t := readTrusted(c)
		if subtle.ConstantTimeCompare(t.Hash, id.Hash[:]) == 1 && a.now().Before(t.ExpiresAt) {
			return c.ID
		}
	}
	return ""
}

// deviceName is the name of the cookie. It follows that of the session's, where that was given one: so realms on one host keep
// apart.
func (a *Auth) deviceName(r *http.Request) string {
	switch {
	case a.config.Cookie.Name != "":
		return a.config.Cookie.Name + "-device"
	case a.carriers.secure(r):
		return "__Host-Http-device"
	}
	return "device"
}

// rememberDevice stores the device of a request that has shown two factors. That it cannot is told, and nothing else: the sign-in is
// done.
func (a *Auth) rememberDevice(w http.ResponseWriter, r *http.Request, user *User) {
	life := a.config.MFA.RememberDevice
	if life < 0 {
		return
	}
	now := a.now()
	token, hash := a.keys.Load().mint(kindDevice, bucketOf(user.ID))
	data, _ := json.Marshal(trusted{hash.Hash[:], now.Add(life), clip(r.UserAgent(), maxAgent)}) // it always marshals
	c := Credential{UserID: user.ID, Method: methodDevice, ID: id.New("dev_", now), Data: data, CreatedAt: now, UpdatedAt: now}
	_, _, err := a.Users().edit(context.WithoutCancel(r.Context()), user.ID, userEdit{
		what: a.requested(r, Event{Type: DeviceRemembered}), creds: []Credential{c}, change: atEpoch(user.Epoch),
		forget: func(all []Credential) []CredentialKey { return a.outdated(r, all) },
	})
	if err != nil {
		a.emitRequest(r, Event{Type: RequestFailed, UserID: user.ID, Reason: methodDevice, Err: err})
		return
	}
	a.carriers.setDevice(w, r, a.deviceName(r), token, min(life, maxCookieAge))
}

// outdated are the devices that make room for that of a request: what it was known as until now, those whose time is over, and
// the oldest if there are too many.
func (a *Auth) outdated(r *http.Request, all []Credential) (gone []CredentialKey) {
	var stay []CredentialKey
	known := a.remembered(r, all)
	for _, c := range devicesOf(all) {
		key := CredentialKey{c.Method, c.ID}
		if c.ID == known || !a.now().Before(readTrusted(c).ExpiresAt) {
			gone = append(gone, key)
		} else {
			stay = append(stay, key)
		}
	}
	return append(gone, stay[:max(0, len(stay)+1-maxDevices)]...)
}

// forgetDevice is RemoveFactor for a device: nobody signs in by it, so no session ends.
func (a *Auth) forgetDevice(r *http.Request, s *Session, e userEdit) (*Grant, error) {
	e.what.UserID, e.what.SessionID = s.User.ID, s.ID
	e.what, e.change = a.requested(r, e.what), atEpoch(s.User.Epoch)
	if err := a.vetoed(r, e.what); err != nil {
		return nil, err
	}
	_, _, err := a.Users().edit(r.Context(), s.User.ID, e)
	return &Grant{Session: s}, err
}

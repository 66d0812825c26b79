package cloakroom

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/device"
	"github.com/cloakroom-auth/cloakroom/internal/netaddr"
)

// A sign-in from a kind of device and a part of the net that the account was not used from lately is told to its owner. It
// goes by the words for the User-Agent and by the first half of the address: an owner who travels is told too often, an
// attacker next door with the same browser not at all.

// sightedFor is how long a kind of device counts as the owner's after a sign-in.
const sightedFor = 400 * 24 * time.Hour

// sighting is what an account knows of the device of a request.
type sighting struct {
	auth   *Auth
	user   *User
	device counter
	unseen bool
	isNew  bool  // and to be told
	event  Event // of a new one
}

// sighted looks a device up. What cannot be known is no news, nor is the first device of an account. Nor is a sign-in by mail: the mail
// told of it.
func (a *Auth) sighted(r *http.Request, at *attempt, user *User) *sighting {
	s := &sighting{auth: a, user: user}
	if at.StepUp != "" || a.config.Mailer == nil {
		return s
	}
	ctx, now := r.Context(), a.now()
	s.device = a.deviceCounter(r, user.ID)
	seen, err := a.count(ctx, s.device, 0, now)
	if s.unseen = err == nil && seen.N == 0; !s.unseen || at.Proven != "" {
		return s
	}
	if any, err := a.count(ctx, a.devicesCounter(user.ID), 0, now); err == nil && any.N > 0 {
		s.isNew, s.event = true, a.requested(r, Event{Type: NewDevice, UserID: user.ID})
	}
	return s
}

// note makes the device a known one.
func (s *sighting) note(ctx context.Context) error {
	if !s.unseen {
		return nil
	}
	return s.auth.noteDevice(ctx, s.device, s.user.ID)
}

// noteDevice makes a device one of a user's. That there is any is known as long as of the last one.
func (a *Auth) noteDevice(ctx context.Context, device counter, userID string) error {
	now, devices := a.now(), a.devicesCounter(userID)
	if _, err := a.count(ctx, devices, -everything, now); err != nil {
		return err
	}
	_, err := a.countAll(ctx, []counter{device, devices}, 1, now)
	return err
}

// records are the event of a new device, with its notice.
func (s *sighting) records() []EventRecord {
	if !s.isNew {
		return nil
	}
	return []EventRecord{s.auth.noticed(s.user, s.event)}
}

func (a *Auth) devicesCounter(userID string) counter {
	return counter{counterKey(a.config.Realm, "devices", userID), Rate{1, sightedFor}}
}

func (a *Auth) deviceCounter(r *http.Request, userID string) counter {
	from := half(netaddr.Client(r, a.config.TrustedProxies))
	return counter{counterKey(a.config.Realm, "sighted", userID+"\x00"+device.Name(r.UserAgent())+"\x00"+from.String()), Rate{1, sightedFor}}
}

// half is the part of the net that an address is in: 16 bits of IPv4, 32 of IPv6.
func half(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := 32
	if addr.Is4() {
		bits = 16
	}
	p, _ := addr.Prefix(bits) // an address that cannot be read is all of them
	return p
}

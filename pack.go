package cloakroom

import (
	"encoding/binary"
	"time"
)

// A session and its user are remembered as one text of numbers and strings, which takes half of the memory that the two
// structs would, and from which strings are given out without copies. The Agent is kept apart, the Token is the key,
// ExpiresAt is computed anew, and what is soon out of date, the Refresh chains, is not kept.

// packed writes what unpack reads. A guest's user is the zero User.
func packed(rec *SessionRecord, user *User) string {
	p := packer(make([]byte, 0, 256))
	for _, id := range []string{rec.ID, rec.UserID} {
		p = binary.LittleEndian.AppendUint16(p, uint16(placeOf(subjectOf(id))))
	}
	special := !rec.EndsAt.IsZero() || rec.Actor != nil
	p.number(int64(rec.Level)<<3 | bit(special)<<2 | bit(rec.Remember)<<1 | bit(user.ID != ""))
	p.number(rec.Epoch)
	base := rec.CreatedAt
	p.number(base.UnixMicro())
	p.times(base, rec.AuthenticatedAt, rec.LastSeenAt, rec.IssuedAt)
	p.strings(rec.ID, rec.Realm, rec.UserID, rec.IP)
	if special {
		p.special(base, rec)
	}
	if user.ID != "" {
		profile := user.Locale != "" || user.Picture != "" || user.Phone != "" || user.ExternalID != "" || user.Leaving()
		p.number(user.Epoch<<4 | bit(profile)<<3 | bit(user.ResetRequired)<<2 | bit(user.MFA)<<1 | bit(user.EmailVerified))
		p.number(user.Revision)
		p.times(base, user.CreatedAt, user.UpdatedAt, user.BannedAt)
		p.strings(user.Realm, user.Email, user.Name)
		if profile {
			p.times(base, user.LeavesAt)
			p.strings(user.Locale, user.Picture, user.Phone, user.ExternalID)
		}
	}
	for _, list := range [][]string{rec.Methods, rec.Scopes, user.Roles} {
		p.number(int64(len(list)))
	}
	p.strings(rec.Methods...)
	p.strings(rec.Scopes...)
	p.strings(user.Roles...)
	return string(p)
}

// unpack reads what packed wrote. The lists share one new piece of memory, for the hot path counts allocations.
func (m *remembered) unpack(rec *SessionRecord, user *User) {
	u := unpacker(m.text[placesSize:])
	flags := u.number()
	rec.Level, rec.Remember = int(flags>>3), flags&2 != 0
	rec.Epoch = u.number()
	base := u.number()
	rec.CreatedAt = micro(base)
	rec.AuthenticatedAt, rec.LastSeenAt, rec.IssuedAt = u.time(base), u.time(base), u.time(base)
	rec.ID, rec.Realm, rec.UserID, rec.IP = u.string(), u.string(), u.string(), u.string()
	rec.Agent = m.agent.Value()
	if flags&4 != 0 {
		u.special(base, rec)
	}
	if flags&1 != 0 {
		user.ID = rec.UserID
		n := u.number()
		user.Epoch, user.ResetRequired, user.MFA, user.EmailVerified = n>>4, n&4 != 0, n&2 != 0, n&1 != 0
		user.Revision = u.number()
		user.CreatedAt, user.UpdatedAt, user.BannedAt = u.time(base), u.time(base), u.time(base)
		user.Realm, user.Email, user.Name = u.string(), u.string(), u.string()
		if n&8 != 0 {
			user.LeavesAt = u.time(base)
			user.Locale, user.Picture, user.Phone, user.ExternalID = u.string(), u.string(), u.string(), u.string()
		}
	}
	methods, scopes, roles := int(u.number()), int(u.number()), int(u.number())
	if methods+scopes+roles == 0 {
		return
	}
	all := make([]string, methods+scopes+roles)
	for i := range all {
		all[i] = u.string()
	}
	rec.Methods, all = cut(all, methods)
	rec.Scopes, all = cut(all, scopes)
	user.Roles, _ = cut(all, roles)
}

// special writes what few sessions have.
func (p *packer) special(base time.Time, rec *SessionRecord) {
	p.times(base, rec.EndsAt)
	actor := rec.Actor
	if actor == nil {
		actor = &Actor{}
	}
	p.strings(actor.UserID, actor.SessionID, string(actor.Token.Hash[:]))
	p.number(int64(actor.Token.Bucket))
}

// special reads what packer.special wrote.
func (u *unpacker) special(base int64, rec *SessionRecord) {
	rec.EndsAt = u.time(base)
	actor := Actor{UserID: u.string(), SessionID: u.string()}
	copy(actor.Token.Hash[:], u.string())
	actor.Token.Bucket = uint16(u.number())
	if actor.UserID != "" {
		rec.Actor = &actor
	}
}

// cut takes n from a list; none is nil.
func cut(list []string, n int) (taken, rest []string) {
	if n == 0 {
		return nil, list
	}
	return list[:n:n], list[n:]
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func micro(n int64) time.Time { return time.UnixMicro(n).UTC() }

type packer []byte

func (p *packer) number(n int64) { *p = binary.AppendVarint(*p, n) }

// times writes how far times are from a base: 0 is the zero time.
func (p *packer) times(base time.Time, times ...time.Time) {
	for _, t := range times {
		if t.IsZero() {
			p.number(0)
			continue
		}
		p.number((t.UnixMicro()-base.UnixMicro())<<1 | 1)
	}
}

func (p *packer) strings(list ...string) {
	for _, s := range list {
		p.number(int64(len(s)))
		*p = append(*p, s...)
	}
}

// unpacker is what is left of a text that packed wrote.
type unpacker string

func (u *unpacker) number() int64 {
	var n uint64
	for i := 0; ; i++ {
		b := (*u)[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			*u = (*u)[i+1:]
			return int64(n>>1) ^ -int64(n&1) // zigzag, as binary.AppendVarint
		}
	}
}

func (u *unpacker) time(base int64) time.Time {
	n := u.number()
	if n == 0 {
		return time.Time{}
	}
	return micro(base + n>>1)
}

func (u *unpacker) string() string {
	n := u.number()
	s := (*u)[:n]
	*u = (*u)[n:]
	return string(s)
}

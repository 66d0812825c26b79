package cloakroom

import (
	"encoding/binary"
	"math"
	"time"
)

// A session and its user are remembered as one text of numbers and strings, which takes half of the memory that the two
// structs would, and from which strings are given out without copies. The Agent is kept apart, the Token is the key,
// ExpiresAt is computed anew, and what is soon out of date, the Refresh chains, is not kept.

// packed writes what unpack reads. A guest's user is the zero User. It reports false for what has strings or lists
// longer than any that we write.
func packed(rec *SessionRecord, user *User) (text string, ok bool) {
	p := packer{text: make([]byte, 0, 256)}
	for _, id := range []string{rec.ID, rec.UserID} {
		p.text = binary.LittleEndian.AppendUint16(p.text, uint16(placeOf(subjectOf(id))))
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
		p.strings(user.Realm, user.Email)
		p.long(user.Name)
		if profile {
			p.times(base, user.LeavesAt)
			for _, s := range []string{user.Locale, user.Picture, user.Phone, user.ExternalID} {
				p.long(s)
			}
		}
	}
	for _, list := range [][]string{rec.Methods, rec.Scopes, user.Roles} {
		p.short(len(list))
	}
	p.strings(rec.Methods...)
	p.strings(rec.Scopes...)
	p.strings(user.Roles...)
	return string(p.text), !p.tooLong
}

// unpack reads what packed wrote. The lists share one piece of memory: room, if that is enough, for the hot path counts
// allocations.
func (m *remembered) unpack(rec *SessionRecord, user *User, room []string) {
	u := unpacker{text: m.text, at: placesSize}
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
		user.Realm, user.Email, user.Name = u.string(), u.string(), u.long()
		if n&8 != 0 {
			user.LeavesAt = u.time(base)
			user.Locale, user.Picture, user.Phone, user.ExternalID = u.long(), u.long(), u.long(), u.long()
		}
	}
	methods, scopes, roles := u.short(), u.short(), u.short()
	n := methods + scopes + roles
	if n > len(room) {
		room = make([]string, n)
	}
	all := room[:n]
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

type packer struct {
	text    []byte
	tooLong bool // a string or a list was
}

func (p *packer) number(n int64) { p.text = binary.AppendVarint(p.text, n) }

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
		p.short(len(s))
		p.text = append(p.text, s...)
	}
}

// short writes a length.
func (p *packer) short(n int) {
	p.tooLong = p.tooLong || n > math.MaxUint8
	p.text = append(p.text, byte(n))
}

// long writes a string of any length.
func (p *packer) long(s string) {
	p.number(int64(len(s)))
	p.text = append(p.text, s...)
}

// unpacker reads a text that packed wrote.
type unpacker struct {
	text string
	at   int // what comes next
}

func (u *unpacker) number() int64 {
	if b := u.text[u.at]; b < 0x80 { // most are
		u.at++
		return zigzag(uint64(b))
	}
	return u.great()
}

// great is number for one of several bytes.
func (u *unpacker) great() int64 {
	var n uint64
	for shift := 0; ; shift += 7 {
		b := u.text[u.at]
		u.at++
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return zigzag(n)
		}
	}
}

// zigzag is how binary.AppendVarint writes a sign.
func zigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

func (u *unpacker) time(base int64) time.Time {
	n := u.number()
	if n == 0 {
		return time.Time{}
	}
	return micro(base + n>>1)
}

func (u *unpacker) short() int {
	u.at++
	return int(u.text[u.at-1])
}

func (u *unpacker) string() string {
	n := u.short()
	u.at += n
	return u.text[u.at-n : u.at]
}

func (u *unpacker) long() string {
	n := int(u.number())
	u.at += n
	return u.text[u.at-n : u.at]
}

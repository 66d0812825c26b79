package valkey

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// What lies under a token begins with one byte: its form. A session goes on with what the scripts read and write
// (prelude.lua, read): three times that grow; the length of what never changes and that, which begins with a time, the
// id and the user; the length of the proof and that; and the refresh chains. What has a length may grow at its end: programs
// that do not know of it pass over it, and where it is missing it says nothing. A token that was exchanged goes on with
// until when that is remembered. Numbers are big-endian, times microseconds.
const (
	formSession = 1
	formMoved   = 2
)

// Bounds of what a session keeps, see cloakroom.SessionRecord and cloakroom.RefreshChain.
const (
	maxChains = 2
	maxPast   = 32
	maxSealed = 256
	maxName   = 1<<16 - 1 // bytes of an id
)

var errForm = errors.New("stored in a form that this program does not know")

// pack is the session as it is stored. The token is its key.
func pack(r cloakroom.SessionRecord) (string, error) {
	if len(r.ID) > maxName || len(r.UserID) > maxName {
		return "", fmt.Errorf("an id has %d bytes at most", maxName)
	}
	w := make(writer, 0, 512)
	w = append(w, formSession)
	w.time(r.LastSeenAt)
	w.time(r.ExpiresAt)
	w.time(r.IssuedAt)
	fixed := w.begin()
	w.time(r.CreatedAt)
	w.name(r.ID)
	w.name(r.UserID)
	w.text(r.Realm)
	w.texts(r.Scopes)
	w.text(r.IP)
	w.text(r.Agent)
	w.bool(r.Remember)
	w.ending(r)
	w.end(fixed)
	proof := w.begin()
	w.number(r.Epoch)
	w.time(r.AuthenticatedAt)
	w.number(int64(r.Level))
	w.texts(r.Methods)
	w.end(proof)
	if len(r.Refresh) > maxChains {
		return "", fmt.Errorf("a session keeps %d refresh chains at most, not %d", maxChains, len(r.Refresh))
	}
	w = append(w, byte(len(r.Refresh)))
	for _, c := range r.Refresh {
		chain := w.begin()
		if err := w.chain(c); err != nil {
			return "", err
		}
		w.end(chain)
	}
	return string(w), nil
}

// unpack reads what lies under a token. What it returns shares the string. ErrMoved and ErrNotFound as of now.
func unpack(stored string, t cloakroom.TokenID, now time.Time) (s cloakroom.SessionRecord, err error) {
	r := reader{rest: stored}
	switch r.byte() {
	case formSession:
	case formMoved:
		if until := r.time(); !r.broken && until.After(now) {
			return s, cloakroom.ErrMoved
		}
		return s, cloakroom.ErrNotFound
	default:
		return s, errForm
	}
	s.Token = t
	s.LastSeenAt, s.ExpiresAt, s.IssuedAt = r.time(), r.time(), r.time()
	fixed := r.section()
	s.CreatedAt, s.ID, s.UserID = fixed.time(), fixed.name(), fixed.name()
	s.Realm, s.Scopes, s.IP, s.Agent, s.Remember = fixed.text(), fixed.texts(), fixed.text(), fixed.text(), fixed.byte() == 1
	s.EndsAt, s.Actor = fixed.ending()
	proof := r.section()
	s.Epoch, s.AuthenticatedAt, s.Level, s.Methods = proof.number(), proof.time(), int(proof.number()), proof.texts()
	s.Refresh = r.chains()
	if r.broken || fixed.broken || proof.broken || len(r.rest) > 0 {
		return cloakroom.SessionRecord{}, errForm
	}
	return s, nil
}

// packChain is one chain as it is stored. It begins with the hash in force, which is what the script looks for.
func packChain(c cloakroom.RefreshChain) (string, error) {
	var w writer
	err := w.chain(c)
	return string(w), err
}

// micros is a time as the contract wants it kept. The zero time is far in the past, and comes back as the zero time.
func micros(t time.Time) int64 { return t.UnixMicro() }

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// encoded is a hash as it stands in keys: 43 characters.
func encoded(hash [32]byte) string { return base64.RawURLEncoding.EncodeToString(hash[:]) }

func decoded(text string) (hash [32]byte, err error) {
	if n, err := base64.RawURLEncoding.Decode(hash[:], []byte(text)); err != nil || n != len(hash) {
		return hash, errForm
	}
	return hash, nil
}

// writer puts one thing behind the other.
type writer []byte

func (w *writer) number(n int64)   { *w = binary.BigEndian.AppendUint64(*w, uint64(n)) }
func (w *writer) time(t time.Time) { w.number(micros(t)) }

func (w *writer) bool(b bool) {
	if b {
		*w = append(*w, 1)
	} else {
		*w = append(*w, 0)
	}
}

// name is for what the scripts read, too.
func (w *writer) name(s string) {
	*w = append(binary.BigEndian.AppendUint16(*w, uint16(len(s))), s...)
}

func (w *writer) text(s string) { *w = append(binary.AppendUvarint(*w, uint64(len(s))), s...) }

func (w *writer) texts(all []string) {
	*w = binary.AppendUvarint(*w, uint64(len(all)))
	for _, s := range all {
		w.text(s)
	}
}

// begin leaves room for the length of what follows until end.
func (w *writer) begin() int {
	*w = append(*w, 0, 0, 0, 0)
	return len(*w)
}

func (w *writer) end(begin int) {
	binary.BigEndian.PutUint32((*w)[begin-4:], uint32(len(*w)-begin))
}

// ending is there only if there is something to say: most sessions have neither.
func (w *writer) ending(r cloakroom.SessionRecord) {
	if r.EndsAt.IsZero() && r.Actor == nil {
		return
	}
	w.time(r.EndsAt)
	w.bool(r.Actor != nil)
	if a := r.Actor; a != nil {
		w.text(a.UserID)
		w.text(a.SessionID)
		*w = append(binary.BigEndian.AppendUint16(*w, a.Token.Bucket), a.Token.Hash[:]...)
	}
}

func (w *writer) chain(c cloakroom.RefreshChain) error {
	if len(c.Past) > maxPast {
		return fmt.Errorf("a refresh chain has %d past tokens at most, not %d", maxPast, len(c.Past))
	}
	*w = append(append(*w, c.Current[:]...), byte(len(c.Past)))
	for _, p := range c.Past {
		if len(p.Sealed) > maxSealed {
			return fmt.Errorf("a sealed successor has %d bytes at most, not %d", maxSealed, len(p.Sealed))
		}
		*w = append(*w, p.Token[:]...)
		w.time(p.At)
		*w = append(binary.BigEndian.AppendUint16(*w, uint16(len(p.Sealed))), p.Sealed...)
	}
	return nil
}

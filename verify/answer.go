package verify

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify/internal/exact"
)

// maxEntries is how many revocations one answer may bring.
const maxEntries = 1000

// answer is what one answer of the feed says.
type answer struct {
	issuer, audience string
	issuedAt         time.Time
	nonce, after     string // as they were sent
	cursor           string // what to send next as after
	more             bool
	entries          []entry
	held             time.Duration // how long the request allowed the issuer to wait
}

var (
	errAnswer = errors.New("answer is not of the form of the feed")
	errEntry  = errors.New("answer has an entry of unknown form") // which may revoke something, so it is not passed over
)

// readAnswer reads the payload of an answer. Members it does not know are for later versions.
func readAnswer(payload []byte) (*answer, error) {
	members, err := exact.Object(payload)
	if err != nil {
		return nil, err
	}
	var (
		a     answer
		lines []json.RawMessage
		good  [8]bool
	)
	a.issuer, good[0] = exact.String(exact.Find(members, "iss"))
	a.audience, good[1] = exact.String(exact.Find(members, "aud"))
	a.issuedAt, good[2] = seconds(exact.Find(members, "iat"))
	a.nonce, good[3] = exact.String(exact.Find(members, "nonce"))
	a.after, good[4] = exact.String(exact.Find(members, "after"))
	a.cursor, good[5] = exact.String(exact.Find(members, "cursor"))
	a.more, good[6] = boolean(exact.Find(members, "more"))
	lines, good[7] = list(exact.Find(members, "entries"))
	if good != [8]bool{true, true, true, true, true, true, true, true} || len(lines) > maxEntries {
		return nil, errAnswer
	}
	a.entries = make([]entry, len(lines))
	for i, line := range lines {
		if a.entries[i], err = readEntry(line); err != nil {
			return nil, err
		}
	}
	return &a, nil
}

// readEntry reads {"sid":hash,"exp":n} or {"sub":hash,"epoch":n,"exp":n}.
func readEntry(line []byte) (e entry, err error) {
	members, err := exact.Object(line)
	if err != nil {
		return e, err
	}
	session, user := exact.Find(members, "sid"), exact.Find(members, "sub")
	name, goodEpoch := session, true
	if e.isUser = session == nil; e.isUser {
		name = user
		e.epoch, goodEpoch = exact.Number(exact.Find(members, "epoch"))
	}
	until, goodUntil := exact.Number(exact.Find(members, "exp"))
	e.until = until
	text, _ := exact.String(name)
	sum, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(sum) != 32 || !goodEpoch || !goodUntil || session != nil && user != nil {
		return e, errEntry
	}
	e.name = mark(sum[:len(e.name)])
	return e, nil
}

func boolean(value []byte) (b, ok bool) {
	switch string(value) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

func list(value []byte) (lines []json.RawMessage, ok bool) {
	return lines, len(value) > 0 && value[0] == '[' && json.Unmarshal(value, &lines) == nil
}

package sqlite

import (
	"encoding/json"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// storedActor is a cloakroom.Actor with the names of the database.
type storedActor struct {
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
	Bucket    uint16 `json:"bucket"`
	Hash      []byte `json:"hash"`
}

// packActor writes an actor; none is NULL.
func packActor(a *cloakroom.Actor) any {
	if a == nil {
		return nil
	}
	text, _ := json.Marshal(storedActor{a.UserID, a.SessionID, a.Token.Bucket, a.Token.Hash[:]}) // texts and bytes always marshal
	return string(text)
}

// actorOf reads a column that packActor made. NULL costs nothing: it is what most sessions have.
func actorOf(s *sqlite.Stmt, col int) (*cloakroom.Actor, error) {
	if s.ColumnIsNull(col) {
		return nil, nil
	}
	var stored storedActor
	if err := json.Unmarshal([]byte(s.ColumnText(col)), &stored); err != nil {
		return nil, err
	}
	a := &cloakroom.Actor{UserID: stored.UserID, SessionID: stored.SessionID, Token: cloakroom.TokenID{Bucket: stored.Bucket}}
	copy(a.Token.Hash[:], stored.Hash)
	return a, nil
}

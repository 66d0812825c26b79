package postgres

import (
	"encoding/json"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

// storedActor is a cloakroom.Actor as it is stored.
type storedActor struct {
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
	Bucket    uint16 `json:"bucket"`
	Token     []byte `json:"token"`
}

// packActor writes an actor; none is NULL.
func packActor(a *cloakroom.Actor) (*string, error) {
	if a == nil {
		return nil, nil
	}
	text, err := json.Marshal(storedActor{a.UserID, a.SessionID, a.Token.Bucket, a.Token.Hash[:]})
	packed := string(text)
	return &packed, err
}

// unpackActor reads what packActor wrote and refuses all else. NULL costs nothing: it is what almost all sessions have.
func unpackActor(text []byte) (*cloakroom.Actor, error) {
	if text == nil {
		return nil, nil
	}
	var stored storedActor
	err := json.Unmarshal(text, &stored)
	a := cloakroom.Actor{UserID: stored.UserID, SessionID: stored.SessionID, Token: cloakroom.TokenID{Bucket: stored.Bucket}}
	if err == nil {
		err = (*hash)(&a.Token.Hash).ScanBytes(stored.Token)
	}
	if err != nil {
		return nil, fmt.Errorf("stored actor: %w", err)
	}
	return &a, nil
}

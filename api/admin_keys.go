package api

import (
	"net/http"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func (a *API) adminKeys(w http.ResponseWriter, r *http.Request, who caller) error {
	q, page, err := ask(r.URL.RawQuery, "key_")
	if err != nil {
		return err
	}
	user := q.user("user")
	if err := q.done(); err != nil {
		return err
	}
	keys := a.Auth.APIKeys().By(who.session).After(r.Context(), user, page.Cursor)
	items, next, err := gather(keys, page.Limit, func(k *cloakroom.APIKey) (keyJSON, string) { return keyOf(k), k.ID })
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, adminKeysJSON{items, next})
}

func (a *API) adminCreateKey(w http.ResponseWriter, r *http.Request, who caller, in keyRequestJSON) error {
	if in.UserID != "" && !validID(in.UserID, "usr_") {
		return cloakroom.ErrNotFound
	}
	k, token, err := a.Auth.APIKeys().By(who.session).Create(r.Context(), cloakroom.NewAPIKey{
		Name: in.Name, UserID: in.UserID, Roles: in.Roles, Scopes: in.Scopes, ExpiresAt: in.ExpiresAt,
	})
	return answerKey(w, k, token, err)
}

func (a *API) adminRotateKey(w http.ResponseWriter, r *http.Request, who caller, in rotateJSON) error {
	id, err := target(r, "key_")
	if err != nil {
		return err
	}
	overlap := time.Duration(min(max(in.Overlap, -1), 1<<31)) * time.Second // so that it cannot flow over; both ends are refused
	k, token, err := a.Auth.APIKeys().By(who.session).Rotate(r.Context(), id, overlap)
	return answerKey(w, k, token, err)
}

func (a *API) adminRevokeKey(w http.ResponseWriter, r *http.Request, who caller) error {
	id, err := target(r, "key_")
	if err == nil {
		err = a.Auth.APIKeys().By(who.session).Revoke(r.Context(), id)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// answerKey answers with an API key that was made: only here it can be read.
func answerKey(w http.ResponseWriter, k *cloakroom.APIKey, token cloakroom.Token, err error) error {
	if err != nil {
		return err
	}
	return send(w, http.StatusCreated, newKeyJSON{token.Reveal(), keyOf(k)})
}

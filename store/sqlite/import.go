package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
)

// Import implements archive.Target.
func (s *Store) Import(ctx context.Context, items []archive.Item) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		for _, item := range items {
			if err := importItem(c, item); err != nil {
				return fmt.Errorf("%s: %w", item.Name(), err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

func importItem(c *sqlite.Conn, item archive.Item) error {
	switch i := item.(type) {
	case archive.User:
		return importUser(c, i)
	case archive.APIKey:
		return importAPIKey(c, i)
	case archive.KeySet:
		return importKeySet(c, i)
	case archive.Session:
		return importSession(c, i)
	case archive.Ticket:
		id := tokenID(i.ID)
		_, err := exec(c, `INSERT INTO tickets (key, tail, kind, payload, expires_at, revision, used)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING`,
			key(id), tail(&id), i.Of, i.Payload, i.ExpiresAt, i.Revision, i.Used)
		return err
	case archive.Counter:
		_, err := exec(c, `INSERT INTO counters (key, n, reset_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`, i.Key[:], i.N, i.ResetAt)
		return err
	case archive.Moved:
		id := tokenID(i.Token)
		_, err := exec(c, `INSERT INTO moved (key, tail, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`, key(id), tail(&id), i.Until)
		return err
	case archive.Revocation:
		// The tag is new: no cursor of another feed names it.
		_, err := exec(c, `INSERT INTO revocations (seq, tag, subject, epoch, until) VALUES (?1, random(), ?2, ?3, ?4)
			ON CONFLICT DO NOTHING`, i.Seq, i.Subject[:], i.Epoch, i.Until)
		return err
	case archive.Event:
		_, err := exec(c, `INSERT INTO events (id, type, at, realm, user_id, session_id, data, leased_until)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, iif(?8, ?9, NULL)) ON CONFLICT DO NOTHING`,
			pack(eventPrefix, i.ID), i.Type, i.At, i.Realm, pack(userPrefix, i.UserID), pack(sessionPrefix, i.SessionID), i.Data,
			i.Queued, time.Time{})
		return err
	case archive.Parcel:
		_, err := exec(c, `INSERT INTO parcels (id, realm, kind, due_at, tries, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING`,
			i.ID, i.Realm, i.Of, i.DueAt, i.Tries, i.Data)
		return err
	}
	return fmt.Errorf("an item of type %T", item)
}

func tokenID(t archive.Token) cloakroom.TokenID {
	return cloakroom.TokenID{Bucket: t.Bucket, Hash: t.Hash}
}

// importUser adds what finds a user, too.
func importUser(c *sqlite.Conn, u archive.User) error {
	n, err := exec(c, `INSERT INTO users
		(id, realm, email, email_verified, name, roles, created_at, updated_at, banned_at, epoch, revision,
			locale, picture, phone, mfa, reset_required, leaves_at, external_id)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) ON CONFLICT DO NOTHING`,
		u.ID, u.Realm, u.Email, u.EmailVerified, u.FullName, join(u.Roles), u.CreatedAt, u.UpdatedAt, u.BannedAt, u.Epoch, u.Revision,
		u.Locale, u.Picture, u.Phone, u.MFA, u.ResetRequired, orNull(u.LeavesAt), u.ExternalID)
	if err != nil || n == 0 {
		return err
	}
	found := cloakroom.User{ID: u.ID, Realm: u.Realm, Email: u.Email, ExternalID: u.ExternalID, Roles: u.Roles}
	if err := addLogins(c, found.ID, loginsOf(found)...); err != nil {
		return err
	}
	if err := addHolder(c, found); err != nil {
		return err
	}
	for _, cred := range u.Credentials {
		if _, err := exec(c, `INSERT INTO credentials (user_id, method, id, name, data, revision, created_at, updated_at)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
			u.ID, cred.Method, cred.ID, cred.Name, cred.Data, cred.Revision, cred.CreatedAt, cred.UpdatedAt); err != nil {
			return err
		}
	}
	return nil
}

func orNull(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

func importAPIKey(c *sqlite.Conn, k archive.APIKey) error {
	id := tokenID(k.Token)
	_, err := exec(c, `INSERT INTO api_keys (`+apiKeyColumns+`)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING`,
		key(id), tail(&id), k.ID, k.Realm, k.UserID, k.Label, join(k.Scopes), k.CreatedBy, k.CreatedAt, k.ExpiresAt, k.LastUsedAt, k.Revision)
	return err
}

func importKeySet(c *sqlite.Conn, set archive.KeySet) error {
	stored := make([]storedKey, len(set.Keys))
	for i, k := range set.Keys {
		stored[i] = storedKey(k)
	}
	keys, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	_, err = exec(c, `INSERT INTO signing_keys (realm, revision, keys) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING`,
		set.Realm, set.Revision, string(keys))
	return err
}

func importSession(c *sqlite.Conn, r archive.Session) error {
	refresh, err := packChains(storedChains(r.Refresh))
	if err != nil {
		return err
	}
	id := tokenID(r.Token)
	n, err := exec(c, `INSERT INTO sessions (`+sessionColumns+`, data_bytes)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, nullif(?18, x''), ?19, ?20, ?21) ON CONFLICT DO NOTHING`,
		key(id), tail(&id), pack(sessionPrefix, r.ID), r.Realm, pack(userPrefix, r.UserID), r.Epoch,
		r.CreatedAt, r.AuthenticatedAt, r.LastSeenAt, r.IssuedAt, r.ExpiresAt,
		join(r.Methods), r.Level, join(r.Scopes), r.Remember, r.IP, string(r.Agent), refresh,
		orNull(r.EndsAt), packActor(actorFrom(r.Actor)), r.DataBytes())
	if err != nil || n == 0 {
		return err
	}
	for _, d := range r.Data {
		if _, err := exec(c, `INSERT INTO session_data (bucket, session_id, key, value, revision) VALUES (?1, ?2, ?3, ?4, ?5)`,
			shard(r.Token.Bucket), pack(sessionPrefix, r.ID), d.Key, d.Value, d.Revision); err != nil {
			return err
		}
	}
	return nil
}

func actorFrom(a *archive.Actor) *cloakroom.Actor {
	if a == nil {
		return nil
	}
	return &cloakroom.Actor{UserID: a.UserID, SessionID: a.SessionID, Token: tokenID(a.Token)}
}

func storedChains(archived []archive.Chain) (chains []cloakroom.RefreshChain) {
	for _, a := range archived {
		chain := cloakroom.RefreshChain{Current: a.Current}
		for _, p := range a.Past {
			chain.Past = append(chain.Past, cloakroom.Rotated{Token: p.Token, Sealed: p.Sealed, At: time.UnixMicro(p.At).UTC()})
		}
		chains = append(chains, chain)
	}
	return chains
}

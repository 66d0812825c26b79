package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
)

// Import implements archive.Target. A text that PostgreSQL does not keep, with a zero byte for instance, is an error.
func (s *Store) Import(ctx context.Context, items []archive.Item) error {
	err := s.write(ctx, func(t *tx) error {
		for _, item := range items {
			if err := t.importItem(item); err != nil {
				return fmt.Errorf("%s: %w", item.Name(), err)
			}
		}
		return t.send()
	})
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

func (t *tx) importItem(item archive.Item) error {
	switch i := item.(type) {
	case archive.User:
		t.importUser(i)
	case archive.APIKey:
		t.queue(insertAPIKey+` ON CONFLICT DO NOTHING`, i.Token.Bucket, i.Token.Hash[:], i.ID, i.Realm, i.UserID, i.Label,
			texts(i.Scopes), i.CreatedBy, i.CreatedAt, i.ExpiresAt, i.LastUsedAt, i.Revision)
	case archive.Parcel:
		t.queue(insertParcel+` ON CONFLICT DO NOTHING`, i.ID, i.Realm, i.Of, i.DueAt, i.Tries, blob(i.Data))
	case archive.KeySet:
		return t.importKeySet(i)
	case archive.Session:
		return t.importSession(i)
	case archive.Ticket:
		t.queue(`INSERT INTO tickets (bucket, token, kind, payload, expires_at, revision, used)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			i.ID.Bucket, i.ID.Hash[:], i.Of, blob(i.Payload), i.ExpiresAt, i.Revision, i.Used)
	case archive.Counter:
		t.queue(`INSERT INTO counters (key, n, reset_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, i.Key[:], i.N, i.ResetAt)
	case archive.Moved:
		t.queue(`INSERT INTO moved (bucket, token, until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			i.Token.Bucket, i.Token.Hash[:], i.Until)
	case archive.Revocation:
		// The tag is new: no cursor of another feed names it.
		t.queue(`UPDATE feed_head SET seq = greatest(seq, $1) WHERE id = 1`, i.Seq)
		t.queue(`INSERT INTO feed (seq, tag, subject, epoch, until) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			i.Seq, int64(rand.Uint64()), i.Subject[:], i.Epoch, i.Until)
	case archive.Event:
		t.queue(`INSERT INTO events (`+eventColumns+`, leased_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			i.ID, i.Type, i.At, i.Realm, i.UserID, i.SessionID, blob(i.Data), i.Queued, time.Time{}.UnixMicro())
	default:
		return fmt.Errorf("an item of type %T", item)
	}
	return nil
}

// importUser adds what finds a user, too. An identifier that is somebody else's is told by the next send.
func (t *tx) importUser(archived archive.User) {
	u := userOf(archived)
	t.queue(insertUser+` ON CONFLICT DO NOTHING`, append(userArgs(u), u.Revision)...)
	for _, l := range logins(u) {
		t.ask(func(row pgx.CollectableRow) error {
			owner, err := scalar[string](row)
			if err == nil && owner != u.ID {
				err = fmt.Errorf("%s: %w", archived.Name(), cloakroom.ErrTaken)
			}
			return err
		}, `INSERT INTO logins (login, user_id) VALUES ($1, $2) ON CONFLICT (login) DO UPDATE SET user_id = logins.user_id
			RETURNING user_id`, l, u.ID)
	}
	t.addHolder(u)
	for _, c := range archived.Credentials {
		t.queue(`INSERT INTO credentials (user_id, method, id, name, data, revision, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			u.ID, c.Method, c.ID, c.Name, blob(c.Data), c.Revision, c.CreatedAt, c.UpdatedAt)
	}
}

func userOf(u archive.User) cloakroom.User {
	return cloakroom.User{
		ID: u.ID, Realm: u.Realm, Email: u.Email, EmailVerified: u.EmailVerified, Name: u.FullName, Roles: u.Roles,
		CreatedAt: at(u.CreatedAt), UpdatedAt: at(u.UpdatedAt), BannedAt: at(u.BannedAt), Locale: u.Locale, Picture: u.Picture,
		Phone: u.Phone, MFA: u.MFA, ResetRequired: u.ResetRequired, LeavesAt: orZero(u.LeavesAt), ExternalID: u.ExternalID,
		Epoch: u.Epoch, Revision: u.Revision,
	}
}

// orZero undoes unlessZero.
func orZero(micro *int64) time.Time {
	if micro == nil {
		return time.Time{}
	}
	return at(*micro)
}

func (t *tx) importKeySet(set archive.KeySet) error {
	stored := make([]storedKey, len(set.Keys))
	for i, k := range set.Keys {
		stored[i] = storedKey(k)
	}
	keys, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	t.queue(`INSERT INTO signing_keys (realm, revision, keys) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, set.Realm, set.Revision, string(keys))
	return nil
}

func (t *tx) importSession(r archive.Session) error {
	refresh, err := packChains(storedChains(r.Refresh))
	if err != nil {
		return err
	}
	actor, err := packActor(actorOf(r.Actor))
	if err != nil {
		return err
	}
	t.queue(`INSERT INTO sessions (bucket, token, id, realm, user_id, epoch, created_at, authenticated_at, last_seen_at,
		issued_at, expires_at, methods, level, scopes, remember, ip, agent, refresh, data_bytes, ends_at, actor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) ON CONFLICT DO NOTHING`,
		r.Token.Bucket, r.Token.Hash[:], r.ID, r.Realm, r.UserID, r.Epoch,
		r.CreatedAt, r.AuthenticatedAt, r.LastSeenAt, r.IssuedAt, r.ExpiresAt,
		texts(r.Methods), r.Level, texts(r.Scopes), r.Remember, r.IP, blob(r.Agent), refresh, r.DataBytes(),
		orZero(r.EndsAt).UnixMicro(), actor)
	for _, d := range r.Data {
		t.queue(`INSERT INTO session_data (bucket, session_id, key, value, revision) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			r.Token.Bucket, r.ID, d.Key, blob(d.Value), d.Revision)
	}
	return nil
}

func actorOf(a *archive.Actor) *cloakroom.Actor {
	if a == nil {
		return nil
	}
	token := cloakroom.TokenID{Bucket: a.Token.Bucket, Hash: a.Token.Hash}
	return &cloakroom.Actor{UserID: a.UserID, SessionID: a.SessionID, Token: token}
}

func storedChains(archived []archive.Chain) (chains []cloakroom.RefreshChain) {
	for _, a := range archived {
		chain := cloakroom.RefreshChain{Current: a.Current}
		for _, p := range a.Past {
			chain.Past = append(chain.Past, cloakroom.Rotated{Token: p.Token, Sealed: p.Sealed, At: at(p.At)})
		}
		chains = append(chains, chain)
	}
	return chains
}

-- compatible: 4
-- What accounts need beyond the password. A program that ends at step 4 keeps working beside this: it makes users, credentials
-- and sessions with nothing of the new, and leaves the new of others alone. But it asks for no second factor, lets in who is
-- leaving or must reset a password, and takes a session of an administrator who acts as somebody for one of that user; of a
-- user whom it deletes API keys and external id stay behind. So use these only when the last such program has ended.

ALTER TABLE users ADD COLUMN locale         TEXT    NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN picture        TEXT    NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN phone          TEXT    NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN mfa            INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN reset_required INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN leaves_at      INTEGER; -- NULL: it stays
ALTER TABLE users ADD COLUMN external_id    TEXT    NOT NULL DEFAULT '';

-- Of those who leave alone: to ask whether anybody leaves today costs nothing.
CREATE INDEX users_leaving ON users (realm, leaves_at) WHERE leaves_at IS NOT NULL;

ALTER TABLE credentials ADD COLUMN name TEXT NOT NULL DEFAULT '';

-- NULL, a single byte each, in almost all sessions.
ALTER TABLE sessions ADD COLUMN ends_at INTEGER;
ALTER TABLE sessions ADD COLUMN actor   TEXT; -- JSON, see actor.go

-- key and tail are those of 0002_ledger.sql.
CREATE TABLE api_keys (
    key          INTEGER NOT NULL PRIMARY KEY,
    tail         BLOB    NOT NULL,
    id           TEXT    NOT NULL,
    realm        TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    revision     INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX api_keys_of_realm ON api_keys (realm, id);
CREATE INDEX api_keys_of_user ON api_keys (user_id, id);

-- What waits to be sent. Who claims a parcel puts due_at off, so one index serves both.
CREATE TABLE parcels (
    id     TEXT    NOT NULL PRIMARY KEY,
    realm  TEXT    NOT NULL,
    kind   TEXT    NOT NULL,
    due_at INTEGER NOT NULL,
    tries  INTEGER NOT NULL,
    data   BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX parcels_due ON parcels (realm, kind, due_at);

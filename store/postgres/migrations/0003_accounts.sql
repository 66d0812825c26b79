-- compatible: 2
-- What accounts have beside a password: fields of users and names of credentials, API keys, parcels, and sessions in which
-- somebody acts as somebody else. What is new in old tables has a default that says nothing, so that programs which do not
-- know it keep writing. -62135596800000000 is the zero time.

ALTER TABLE users
    ADD COLUMN IF NOT EXISTS locale         text    NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS picture        text    NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS phone          text    NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS mfa            boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS reset_required boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS leaves_at      bigint  NOT NULL DEFAULT -62135596800000000,
    ADD COLUMN IF NOT EXISTS external_id    text    NOT NULL DEFAULT '',
    -- NULL where no program that knows it wrote: what to search is then made when it is searched, so that no table of any
    -- size is rewritten here. See Users in users.go.
    ADD COLUMN IF NOT EXISTS search         text;

ALTER TABLE credentials ADD COLUMN IF NOT EXISTS name text NOT NULL DEFAULT '';

ALTER TABLE sessions
    ADD COLUMN IF NOT EXISTS ends_at bigint NOT NULL DEFAULT -62135596800000000,
    ADD COLUMN IF NOT EXISTS actor   text; -- JSON, see actor.go; NULL: the user

CREATE TABLE IF NOT EXISTS api_keys (
    bucket       integer          NOT NULL,
    token        bytea            NOT NULL, -- SHA-256
    id           text COLLATE "C" NOT NULL,
    realm        text COLLATE "C" NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    name         text             NOT NULL,
    scopes       text[]           NOT NULL,
    created_by   text             NOT NULL,
    created_at   bigint           NOT NULL,
    expires_at   bigint           NOT NULL,
    last_used_at bigint           NOT NULL,
    revision     bigint           NOT NULL,
    PRIMARY KEY (bucket, token)
);

CREATE UNIQUE INDEX IF NOT EXISTS api_keys_by_id ON api_keys (bucket, id);
CREATE INDEX IF NOT EXISTS api_keys_of_realm ON api_keys (realm, id);
CREATE INDEX IF NOT EXISTS api_keys_of_user ON api_keys (user_id, id);

-- What waits to be sent. A lease is a later due_at.
CREATE TABLE IF NOT EXISTS parcels (
    id     text COLLATE "C" NOT NULL PRIMARY KEY,
    realm  text COLLATE "C" NOT NULL,
    kind   text COLLATE "C" NOT NULL,
    due_at bigint           NOT NULL,
    tries  bigint           NOT NULL,
    data   bytea            NOT NULL
);

CREATE INDEX IF NOT EXISTS parcels_due ON parcels (realm, kind, due_at, id);

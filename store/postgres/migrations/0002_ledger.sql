-- compatible: 1
-- What is hot and passes. Every key leads with the bucket, a hash of the user: what belongs together lies together.

CREATE TABLE IF NOT EXISTS sessions (
    bucket           integer          NOT NULL,
    token            bytea            NOT NULL, -- SHA-256
    id               text COLLATE "C" NOT NULL,
    realm            text             NOT NULL,
    user_id          text COLLATE "C" NOT NULL,
    epoch            bigint           NOT NULL,
    created_at       bigint           NOT NULL,
    authenticated_at bigint           NOT NULL,
    last_seen_at     bigint           NOT NULL,
    issued_at        bigint           NOT NULL,
    expires_at       bigint           NOT NULL,
    methods          text[]           NOT NULL,
    level            integer          NOT NULL,
    scopes           text[]           NOT NULL,
    remember         boolean          NOT NULL,
    ip               text             NOT NULL,
    agent            bytea            NOT NULL, -- whatever a client sent: it need not be text
    refresh          text,                      -- JSON, see refresh.go; NULL in the opaque form
    data_bytes       bigint           NOT NULL, -- of all keys and values in session_data
    PRIMARY KEY (bucket, token)
);

CREATE UNIQUE INDEX IF NOT EXISTS sessions_of_user ON sessions (bucket, user_id, id);
CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (expires_at);
CREATE INDEX IF NOT EXISTS sessions_idle ON sessions (last_seen_at) WHERE user_id = '' AND data_bytes = 0;

CREATE TABLE IF NOT EXISTS session_data (
    bucket     integer          NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    value      bytea            NOT NULL,
    revision   bigint           NOT NULL,
    PRIMARY KEY (bucket, session_id, key)
);

-- A row is locked by whoever opens a session of a user whose sessions are limited. See open.go.
CREATE TABLE IF NOT EXISTS owners (
    bucket  integer          NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    until   bigint           NOT NULL,
    PRIMARY KEY (bucket, user_id)
);

CREATE INDEX IF NOT EXISTS owners_by_end ON owners (until);

-- Tokens that were exchanged for another less than their grace ago.
CREATE TABLE IF NOT EXISTS moved (
    bucket integer NOT NULL,
    token  bytea   NOT NULL,
    until  bigint  NOT NULL,
    PRIMARY KEY (bucket, token)
);

CREATE INDEX IF NOT EXISTS moved_by_end ON moved (until);

CREATE TABLE IF NOT EXISTS tickets (
    bucket     integer          NOT NULL,
    token      bytea            NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    payload    bytea            NOT NULL,
    expires_at bigint           NOT NULL,
    revision   bigint           NOT NULL,
    used       boolean          NOT NULL,
    PRIMARY KEY (bucket, token, kind)
);

CREATE INDEX IF NOT EXISTS tickets_by_end ON tickets (expires_at);

CREATE TABLE IF NOT EXISTS counters (
    key      bytea  NOT NULL PRIMARY KEY, -- a hash
    n        bigint NOT NULL,             -- 0: given back, as good as absent
    reset_at bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS counters_by_end ON counters (reset_at);

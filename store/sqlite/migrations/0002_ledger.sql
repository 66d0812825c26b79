-- compatible: 1
-- What is hot and passes. A token is stored as key and tail, which together are its bucket and its hash and nothing
-- twice: key has the bucket in its upper 16 bits and the first 48 bits of the hash below, tail has the other 26 bytes.
-- So the row of a token is found in one seek by one integer, and its neighbours are of the same bucket.
-- Ids are 16 bytes if they are of Cloakroom's own form, otherwise text.

CREATE TABLE sessions (
    key              INTEGER NOT NULL PRIMARY KEY,
    tail             BLOB    NOT NULL,
    id               ANY     NOT NULL,
    realm            TEXT    NOT NULL,
    user_id          ANY     NOT NULL,
    epoch            INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    last_seen_at     INTEGER NOT NULL,
    issued_at        INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    methods          TEXT    NOT NULL,
    level            INTEGER NOT NULL,
    scopes           TEXT    NOT NULL,
    remember         INTEGER NOT NULL,
    ip               TEXT    NOT NULL,
    agent            TEXT    NOT NULL,
    data_bytes       INTEGER NOT NULL -- of all keys and values in session_data
) STRICT;

CREATE UNIQUE INDEX sessions_of_user ON sessions ((key >> 48), user_id, id);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX sessions_idle ON sessions (last_seen_at) WHERE user_id = '' AND data_bytes = 0;

CREATE TABLE session_data (
    bucket     INTEGER NOT NULL,
    session_id ANY     NOT NULL,
    key        TEXT    NOT NULL,
    value      BLOB    NOT NULL,
    revision   INTEGER NOT NULL,
    PRIMARY KEY (bucket, session_id, key)
) STRICT, WITHOUT ROWID;

-- Tokens that were exchanged for another less than their grace ago.
CREATE TABLE moved (
    key   INTEGER NOT NULL PRIMARY KEY,
    tail  BLOB    NOT NULL,
    until INTEGER NOT NULL
) STRICT;

CREATE INDEX moved_by_end ON moved (until);

CREATE TABLE tickets (
    key        INTEGER NOT NULL,
    tail       BLOB    NOT NULL,
    kind       TEXT    NOT NULL,
    payload    BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    used       INTEGER NOT NULL,
    PRIMARY KEY (key, tail, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX tickets_by_end ON tickets (expires_at);

CREATE TABLE counters (
    key      BLOB    NOT NULL PRIMARY KEY,
    n        INTEGER NOT NULL,
    reset_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX counters_by_end ON counters (reset_at);

-- compatible: 1
-- What must last: users, what finds them, what they prove themselves by.
-- Times are microseconds since 1970, UTC; the zero time of Go is the one of year 1.

CREATE TABLE users (
    id             TEXT    NOT NULL PRIMARY KEY,
    realm          TEXT    NOT NULL,
    email          TEXT    NOT NULL,
    email_verified INTEGER NOT NULL,
    name           TEXT    NOT NULL,
    roles          TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    banned_at      INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    revision       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX users_of_realm ON users (realm, id);

-- login is SHA-256 of realm and identifier: the row spreads over shards and says nothing by itself.
CREATE TABLE logins (
    login   BLOB NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who holds a role; users.roles is the truth, in its order.
CREATE TABLE holders (
    realm   TEXT NOT NULL,
    role    TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (realm, role, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
    user_id    TEXT    NOT NULL,
    method     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    data       BLOB    NOT NULL,
    revision   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, method, id)
) STRICT, WITHOUT ROWID;

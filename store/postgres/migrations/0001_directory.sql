-- compatible: 1
-- What must last: users, what finds them, what they prove themselves by, and the feed of what is dead.
-- Times are microseconds since 1970, UTC; the zero time of Go is the one of year 1.
-- Texts sort by their bytes. There are no sequences, triggers, procedures and foreign keys, and no table has a second
-- unique constraint, so that every engine that speaks PostgreSQL can spread the rows over machines.

CREATE TABLE IF NOT EXISTS users (
    id             text COLLATE "C" NOT NULL PRIMARY KEY,
    realm          text COLLATE "C" NOT NULL,
    email          text             NOT NULL,
    email_verified boolean          NOT NULL,
    name           text             NOT NULL,
    roles          text[]           NOT NULL,
    created_at     bigint           NOT NULL,
    updated_at     bigint           NOT NULL,
    banned_at      bigint           NOT NULL,
    epoch          bigint           NOT NULL,
    revision       bigint           NOT NULL
);

CREATE INDEX IF NOT EXISTS users_of_realm ON users (realm, id);

-- login is SHA-256 of realm and identifier: the row spreads over shards and says nothing by itself.
CREATE TABLE IF NOT EXISTS logins (
    login   bytea NOT NULL PRIMARY KEY,
    user_id text  NOT NULL
);

-- Who holds a role; users.roles is the truth, in its order.
CREATE TABLE IF NOT EXISTS holders (
    realm   text COLLATE "C" NOT NULL,
    role    text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (realm, role, user_id)
);

-- A row is locked by whoever gives its role up, so that of the last two holders one comes second. See holders.go.
CREATE TABLE IF NOT EXISTS kept_roles (
    realm text COLLATE "C" NOT NULL,
    role  text COLLATE "C" NOT NULL,
    PRIMARY KEY (realm, role)
);

CREATE TABLE IF NOT EXISTS credentials (
    user_id    text COLLATE "C" NOT NULL,
    method     text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    data       bytea            NOT NULL,
    revision   bigint           NOT NULL,
    created_at bigint           NOT NULL,
    updated_at bigint           NOT NULL,
    PRIMARY KEY (user_id, method, id)
);

CREATE TABLE IF NOT EXISTS signing_keys (
    realm    text COLLATE "C" NOT NULL PRIMARY KEY,
    revision bigint           NOT NULL,
    keys     text             NOT NULL -- JSON, see keys.go
);

-- The feed in order of seq. tag is 64 random bits: a cursor is both, see feed.go.
CREATE TABLE IF NOT EXISTS feed (
    seq     bigint NOT NULL PRIMARY KEY,
    tag     bigint NOT NULL,
    subject bytea  NOT NULL,
    epoch   bigint NOT NULL,
    until   bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS feed_by_end ON feed (until);

-- One row: the last number of the feed. Whoever appends holds its lock until the commit.
CREATE TABLE IF NOT EXISTS feed_head (
    id  smallint NOT NULL PRIMARY KEY,
    seq bigint   NOT NULL
);

INSERT INTO feed_head (id, seq) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;

-- What happened. Ids ascend with time, see events.go.
CREATE TABLE IF NOT EXISTS events (
    id           text COLLATE "C" NOT NULL PRIMARY KEY,
    type         text             NOT NULL,
    at           bigint           NOT NULL,
    realm        text COLLATE "C" NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    session_id   text             NOT NULL,
    data         bytea            NOT NULL,
    queued       boolean          NOT NULL,
    leased_until bigint           NOT NULL
);

CREATE INDEX IF NOT EXISTS events_of_realm ON events (realm, id);
CREATE INDEX IF NOT EXISTS events_of_user ON events (realm, user_id, id);
CREATE INDEX IF NOT EXISTS events_waiting ON events (id) WHERE queued;

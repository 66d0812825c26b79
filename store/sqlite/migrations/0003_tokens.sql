-- compatible: 2
-- What signed tokens need. A program that ends at step 2 keeps working beside this: sessions that it opens have no
-- refresh tokens, those that it renews keep theirs. But it tells the feed nothing, so switch signed tokens on only when
-- the last such program has ended.

-- The refresh chains of a session in the signed form, see refresh.go. NULL, a single byte, in the opaque form.
ALTER TABLE sessions ADD COLUMN refresh BLOB;

CREATE TABLE signing_keys (
    realm    TEXT    NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    keys     TEXT    NOT NULL -- JSON, see keys.go
) STRICT, WITHOUT ROWID;

-- The feed in order of seq, which is one more than the greatest there is. The number of a swept entry may come again,
-- its tag, 64 random bits, does not: a cursor is both, see feed.go.
CREATE TABLE revocations (
    seq     INTEGER NOT NULL PRIMARY KEY,
    tag     INTEGER NOT NULL,
    subject BLOB    NOT NULL,
    epoch   INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT;

CREATE INDEX revocations_by_end ON revocations (until);

-- compatible: 3
-- What happened, in order of time. A program that ends at step 3 keeps working beside this, but tells no events.

-- id is 16 bytes, a UUIDv7 of at, so rows are written at the end and pruned from the beginning. Ids of users and sessions
-- are in the form of 0002_ledger.sql.
CREATE TABLE events (
    id           BLOB    NOT NULL PRIMARY KEY,
    type         TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    realm        TEXT    NOT NULL,
    user_id      ANY     NOT NULL,
    session_id   ANY     NOT NULL,
    data         BLOB    NOT NULL,
    leased_until INTEGER -- who hands the event on has it alone until then; NULL: nobody needs to
) STRICT, WITHOUT ROWID;

-- The primary key is part of each: both are in order of time.
CREATE INDEX events_of_user ON events (user_id);
CREATE INDEX events_queued ON events (id) WHERE leased_until IS NOT NULL;

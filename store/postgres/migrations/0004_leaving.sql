-- compatible: 2
-- Who is about to be deleted. It is a step of its own, because to look for them all takes a while, in which users are read.

CREATE INDEX IF NOT EXISTS users_leaving ON users (realm, leaves_at) WHERE leaves_at > -62135596800000000;

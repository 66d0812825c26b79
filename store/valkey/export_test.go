package valkey

import "time"

// Settled says whether the client's cache may answer for this bucket.
func (l *Ledger) Settled(bucket uint16) bool { return l.written.settled(bucket) }

// Slack is how much longer than its expiry a key lives at least by the server's clock, see keep in prelude.lua.
const Slack = 6 * 24 * time.Hour

// Encoded is a hash as it stands in keys.
func Encoded(hash [32]byte) string { return encoded(hash) }

// WaitFor changes how long an answer waits for a replica.
func (l *Ledger) WaitFor(d time.Duration) { l.replicas.patience = d }

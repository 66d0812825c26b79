// Package testbed starts real servers for tests and for the cluster test program: PostgreSQL with standbys and
// PgBouncer, Valkey (or Redis) alone and as a cluster. Each listens on a free loopback port, keeps everything in a
// folder that the caller names, and is ended by its process id and by nothing else.
//
// # In tests
//
//	func TestMain(m *testing.M) { testbed.Main(m) }
//
//	func TestStore(t *testing.T) {
//		dsn := testbed.PostgresDSN(t)           // an empty database of this test's own
//		addr := testbed.ValkeyAddr(t)           // an empty server of this test's own
//		addrs := testbed.ValkeyClusterAddrs(t)  // an empty cluster, this test's until it ends
//	}
//
// The tests of one binary share one PostgreSQL and one cluster, started when the first test asks and ended by Main.
// The shared PostgreSQL is fast and would not survive a power cut; for tests of crashes, start one of your own.
//
// # Faults
//
//	p, err := testbed.StartPostgres(t.TempDir(), "max_connections=50")
//	standby, err := p.Standby(t.TempDir())
//	err = p.Kill()          // as a crash: no checkpoint, connections cut
//	err = standby.Promote()
//	err = p.Start()         // same port, same data
//
// Start functions and Start return when the server answers, not when its process runs. An error of a server that does
// not come up ends with the end of its log. Every type is safe for concurrent use.
//
// # Whose processes these are
//
// A server dies with the process that started it, on Linux even when that one is killed: its parent-death signal is
// set. That signal belongs to the thread, not the process, so each server is started and awaited by a goroutine locked
// to a thread of its own until the server has ended. Elsewhere, what is not stopped stays. The folders stay in either
// case, unless whoever made them removes them.
//
// Root starts servers as the user postgres, or else nobody, because PostgreSQL and PgBouncer refuse root: the
// server's folder becomes that user's, and folders above it that lie below os.TempDir become traversable.
//
// # What is not here
//
// Authentication and TLS: while a server runs, every user of the machine can connect to it as its superuser.
package testbed

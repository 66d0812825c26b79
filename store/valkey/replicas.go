package valkey

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// replicaWait is how long an answer waits for a replica. One in the same data centre has the write within a millisecond.
const replicaWait = 100 * time.Millisecond

// replicas says whether there are any to wait for.
type replicas struct {
	patience time.Duration // replicaWait, but for tests

	there atomic.Bool
	asked atomic.Int64 // when the servers were asked last, in Unix nanoseconds
	pause atomic.Int64 // until when nobody waits, because none was in time
}

// replicated sends a command and waits until a replica has what it wrote, so that it outlives the server; but no longer
// than replicaWait, because a replica that is down must not end all sign-ins. Valkey replicates after it has answered: this is
// how to ask that it does so before.
func (l *Ledger) replicated(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if !l.replicas.there.Load() || time.Now().UnixNano() < l.replicas.pause.Load() {
		return l.once(ctx, cmd)
	}
	wait := l.client.B().Wait().Numreplicas(1).Timeout(l.replicas.patience.Milliseconds()).Build()
	both := l.client.DoMulti(ctx, cmd, wait)
	if both[0].Error() != nil {
		return both[0]
	}
	if err := both[1].NonRedisError(); err != nil {
		return both[1] // the server is gone, perhaps with what it has just written
	}
	if n, err := both[1].AsInt64(); err != nil || n == 0 {
		l.replicas.pause.Store(time.Now().Add(time.Second).UnixNano())
	}
	return both[0]
}

// recount looks for replicas that have come or gone, at most once in a minute. What it cannot learn stays as it was.
func (l *Ledger) recount(ctx context.Context) {
	now, last := time.Now().UnixNano(), l.replicas.asked.Load()
	if now-last < int64(time.Minute) || !l.replicas.asked.CompareAndSwap(last, now) {
		return
	}
	ctx, cancel, err := l.begin(ctx)
	if err != nil {
		return
	}
	defer cancel()
	_ = l.inspect(ctx, true)
}

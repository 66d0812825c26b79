package password

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
)

// Pool is a budget for hashing: how many hashes run at once and how many may wait. One process needs one, however
// many Methods it has. Its Stats method tells what it does: Workers, Running and Queued now; Done, Busy (refused),
// Worked and Waited (time) since the start.
type Pool = argon.Pool

// Params is what a hash costs: Memory in KiB, Time in passes over it, Threads in lanes, each of which takes a core.
type Params = argon.Params

// PoolConfig says how much hashing a process may do at once.
type PoolConfig struct {
	// Params of new hashes. Zero means 19 MiB, 2 passes, 1 lane, about 20 ms of a core. NewPool refuses less than
	// 19 MiB in two passes or 46 MiB in one (OWASP Password Storage Cheat Sheet), and more than 256 MiB or 1 GiB in
	// all passes together. When they grow, hashes on file are replaced as their owners sign in.
	Params Params
	// Workers is how many hashes run at once. Zero means GOMAXPROCS − 1, at least 1. Live memory is at most Workers ×
	// Params.Memory; the garbage collector may hold as much again.
	Workers int
	// Queue is how many may wait for a worker. Zero means 64 for each worker, a wait of about two seconds.
	Queue int
}

// NewPool makes a pool, or says what is wrong as *cloakroom.ConfigError.
func NewPool(c PoolConfig) (*Pool, error) {
	if c.Params != (Params{}) && c.Params.Weak() {
		return nil, &cloakroom.ConfigError{
			Field:  "password.PoolConfig.Params",
			Reason: "are too cheap for an attacker: " + c.Params.String(),
			Mend:   "leave them zero, or set at least m=19456,t=2,p=1 or m=47104,t=1,p=1",
		}
	}
	p, err := argon.NewPool(argon.Config(c))
	if err != nil {
		return nil, &cloakroom.ConfigError{Field: "password.PoolConfig", Reason: err.Error(), Mend: "leave it zero where in doubt"}
	}
	return p, nil
}

// shared is the one global of this package. The memory and the cores that hashing may take belong to the process, not
// to a Method: two Methods with a budget each would have twice the budget. It is made on first use.
var shared = sync.OnceValue(func() *Pool {
	p, err := argon.NewPool(argon.Config{})
	if err != nil {
		panic(err) // the zero Config is always right
	}
	return p
})

func (m Method) pool() *Pool {
	if m.Pool == nil {
		return shared()
	}
	return m.Pool
}

// unavailable is what a pool's error means to the engine: whether the password is right, nobody knows yet.
func unavailable(err error) error {
	after := time.Second
	if busy, ok := errors.AsType[*argon.BusyError](err); ok {
		after = busy.RetryAfter
	}
	return &cloakroom.UnavailableError{Cause: err, RetryAfter: after}
}

// burn does the work of a wrong password.
func (m Method) burn(ctx context.Context, secret []byte) error {
	if err := m.pool().Burn(ctx, secret); err != nil {
		return unavailable(err)
	}
	return cloakroom.ErrInvalidCredentials
}

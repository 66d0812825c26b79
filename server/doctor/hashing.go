package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// slowHash is from where on people notice that they wait.
const slowHash = 500 * time.Millisecond

// hashing measures what a password costs on this machine.
func hashing(ctx context.Context, _ config.Config) []Finding {
	pool, err := argon.NewPool(argon.Config{})
	if err != nil {
		return []Finding{fail("hashing", err.Error(), "report it")}
	}
	start := time.Now()
	if err := pool.Burn(ctx, []byte("doctor")); err != nil {
		return []Finding{fail("hashing", err.Error(), "report it")}
	}
	return []Finding{judgeHash(time.Since(start), pool.Stats().Workers)}
}

func judgeHash(took time.Duration, workers int) Finding {
	rate := float64(workers) / max(took, time.Millisecond).Seconds()
	detail := fmt.Sprintf("a password takes %v, so about %.0f sign-ins a second", took.Round(time.Millisecond), rate)
	if took > slowHash {
		return warn("hashing", detail, "give the machine more processor")
	}
	return ok("hashing", detail)
}

package verify

import (
	"context"
	"sync"
)

// crew is the goroutines of a Verifier. All of them see one context, and dismiss returns when they are gone.
type crew struct {
	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	gone   bool
	wait   sync.WaitGroup
}

func (c *crew) begin() { c.ctx, c.cancel = context.WithCancel(context.Background()) }

// join runs f in a goroutine of its own. It is false when the crew is dismissed: then f never runs.
func (c *crew) join(f func(context.Context)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return false
	}
	c.wait.Go(func() { f(c.ctx) })
	return true
}

func (c *crew) over() bool { return c.ctx.Err() != nil }

func (c *crew) dismiss() {
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	c.cancel()
	c.wait.Wait()
}

// Package cache is memory that forgets what is asked for least: bounded in bytes, and not to be flushed by whoever asks for
// many keys once each (W-TinyLFU, by otter). It knows nothing of time; who trusts what it gives out must know how old it
// may be.
package cache

import (
	"math"

	"github.com/maypok86/otter/v2"
)

// Key is a hash that others cannot choose.
type Key = [32]byte

// Cache keeps values by their keys. It is safe for concurrent use. Values are given out as they were put in: a value that
// holds pointers must not be changed.
type Cache[V any] struct {
	kept *otter.Cache[Key, V]
}

// overhead is what one entry takes beside the memory that its value points to: the node with key and value, and its part of
// the hash table.
const overhead = 120

// New makes a cache of so many bytes; size tells what a value points to.
func New[V any](bytes int64, size func(V) int) *Cache[V] {
	return &Cache[V]{otter.Must(&otter.Options[Key, V]{
		MaximumWeight: uint64(max(bytes, 1)),
		Weigher:       func(_ Key, v V) uint32 { return uint32(min(size(v)+overhead, math.MaxUint32)) },
	})}
}

// Get returns the value of a key.
func (c *Cache[V]) Get(k Key) (V, bool) { return c.kept.GetIfPresent(k) }

// Put keeps a value, unless others deserve the place more.
func (c *Cache[V]) Put(k Key, v V) { c.kept.Set(k, v) }

// Drop forgets a key.
func (c *Cache[V]) Drop(k Key) { c.kept.Invalidate(k) }

// Bytes is about how much memory the entries take.
func (c *Cache[V]) Bytes() int64 { return int64(c.kept.WeightedSize()) }

// Len is about how many entries there are.
func (c *Cache[V]) Len() int { return c.kept.EstimatedSize() }

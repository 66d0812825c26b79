package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrNotEmpty: the target has what the beginning of the source has not, so it is no part of a copy of it.
var ErrNotEmpty = errors.New("it is not empty, and what it has is not the first part of this")

// Plan says how Copy copies. The zero Plan copies everything.
type Plan struct {
	// Apart are kinds that are left alone: they are not copied, and not looked at in the target.
	Apart []Kind
	// Change, if set, gives what an item becomes; false leaves it out. The same item always becomes the same.
	Change func(Item) (Item, bool)
	// Watch, if set, is told after each item how many of how many are done at this stage.
	Watch func(stage Stage, done, of int64)
}

// Stage is a part of the work of Copy, in words.
type Stage string

// The stages, in order.
const (
	Looking   Stage = "looking at what is there"
	Copying   Stage = "copying"
	Comparing Stage = "comparing"
)

func (p *Plan) apart(k Kind) bool { return p != nil && slices.Contains(p.Apart, k) }

func (p *Plan) watch(s Stage, done, of int64) {
	if p != nil && p.Watch != nil {
		p.Watch(s, done, of)
	}
}

func (p *Plan) change(i Item) (Item, bool) {
	if p.apart(i.Kind()) {
		return nil, false
	}
	if p.Change == nil {
		return i, true
	}
	return p.Change(i)
}

// DifferentError is what Copy returns when the target has, in the end, something else than it was given.
type DifferentError struct{ Want, Got Totals }

func (e *DifferentError) Error() string {
	for k := range kinds {
		if e.Want[k] != e.Got[k] {
			return fmt.Sprintf("the copy is not the same: of kind %v there are %d, with checksum %v, and should be %d, with checksum %v",
				k, e.Got[k].Items, e.Got[k].Sum, e.Want[k].Items, e.Want[k].Sum)
		}
	}
	return "the copy is not the same"
}

// Copied is what Copy has done.
type Copied struct {
	Totals Totals // of the target
	Added  int64  // items that were not there before
}

// Copy copies a source to a target that is empty or has the first part of such a copy, in whatever way that one ended: then it
// goes on there. It compares what is there with the source before it writes, and everything at the end: what it returns was
// read back from the target. Errors: ErrNotEmpty, when nothing was written; *DifferentError; those of both.
func Copy(ctx context.Context, from Source, to Target, p Plan) (Copied, error) {
	there := counter{plan: &p, stage: Looking}
	if err := to.Export(ctx, &there); err != nil {
		return Copied{}, err
	}
	c := copier{ctx: ctx, to: to, plan: &p, there: there.totals}
	if err := from.Export(ctx, &c); err != nil {
		return Copied{}, err
	}
	if err := c.finish(); err != nil {
		return Copied{}, err
	}
	after := counter{plan: &p, stage: Comparing}
	if err := to.Export(ctx, &after); err != nil {
		return Copied{}, err
	}
	if after.totals != c.seen {
		return Copied{}, &DifferentError{Want: c.seen, Got: after.totals}
	}
	return Copied{Totals: after.totals, Added: c.added}, nil
}

// One step of Import has so much at most: it should hold up nobody, and be worth its commit.
const (
	batchItems = 256
	batchBytes = 1 << 20
)

// copier is a Sink that passes over what the target has and imports the rest. Items come in one order, and are imported in it:
// so what an unfinished copy has left is the first part of the source, and there is one place where the Totals of what was
// passed over are those of the target.
type copier struct {
	ctx      context.Context
	to       Target
	plan     *Plan
	there    Totals // in the target, before
	seen     Totals // of the source, until now
	beyond   bool   // what was there is behind us
	batch    []Item
	bytes    int
	added    int64
	done, of int64
}

func (c *copier) Begin(counts Counts) error {
	c.of = counts.All()
	return nil
}

func (c *copier) Add(i Item) error {
	c.done++
	c.plan.watch(Copying, c.done, c.of)
	i, wanted := c.plan.change(i)
	if !wanted {
		return nil
	}
	text, err := encode(i)
	if err != nil {
		return err
	}
	c.beyond = c.beyond || c.seen == c.there
	k := i.Kind()
	c.seen.add(k, text)
	if !c.beyond {
		if c.seen[k].Items > c.there[k].Items {
			return ErrNotEmpty
		}
		return nil
	}
	c.batch, c.bytes = append(c.batch, i), c.bytes+len(text)
	if len(c.batch) == batchItems || c.bytes >= batchBytes {
		return c.flush()
	}
	return nil
}

func (c *copier) flush() error {
	if err := c.to.Import(c.ctx, c.batch); err != nil {
		return err
	}
	c.added += int64(len(c.batch))
	c.batch, c.bytes = nil, 0
	return nil
}

// finish imports what is left.
func (c *copier) finish() error {
	if !c.beyond && c.seen != c.there {
		return ErrNotEmpty
	}
	if len(c.batch) == 0 {
		return nil
	}
	return c.flush()
}

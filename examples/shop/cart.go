package main

import (
	"context"
	"slices"
	"sync"
)

// maxQuantity is how many of one product a cart holds, maxMerged how many merged carts it remembers.
const (
	maxQuantity = 99
	maxMerged   = 8
)

// Cart is what somebody wants to buy. It is a value: its methods return a new one.
type Cart struct {
	ID     string // of a guest's cart, so that it can be told whether it was merged
	Lines  []Line
	Merged []string `json:",omitempty"` // ids of the guest carts that went into a user's cart, the latest
}

// Line is so many of one product.
type Line struct {
	ProductID string
	Quantity  int
}

// add returns the cart with more of a product, up to maxQuantity.
func (c Cart) add(productID string, quantity int) Cart {
	i := c.find(productID)
	if i < 0 {
		return c.put(Line{productID, quantity})
	}
	return c.put(Line{productID, min(c.Lines[i].Quantity+quantity, maxQuantity)})
}

// put returns the cart with this line in place of the one of the same product, if there was one.
func (c Cart) put(l Line) Cart {
	c.Lines = slices.Clone(c.Lines)
	if i := c.find(l.ProductID); i >= 0 {
		c.Lines[i] = l
	} else {
		c.Lines = append(c.Lines, l)
	}
	return c
}

func (c Cart) find(productID string) int {
	return slices.IndexFunc(c.Lines, func(l Line) bool { return l.ProductID == productID })
}

// has reports whether a guest's cart went into this one.
func (c Cart) has(guestID string) bool { return slices.Contains(c.Merged, guestID) }

// with returns the cart, marked as having taken in a guest's cart.
func (c Cart) with(guestID string) Cart {
	c.Merged = append(slices.Clone(c.Merged), guestID)
	c.Merged = c.Merged[max(0, len(c.Merged)-maxMerged):]
	return c
}

// A mergePolicy says what becomes of a user's cart when the user signs in with another one.
type mergePolicy func(existing, guest Cart) Cart

var mergePolicies = map[string]mergePolicy{
	"union":          union,
	"use-guest":      useGuest,
	"use-existing":   func(existing, _ Cart) Cart { return existing },
	"guest-if-empty": guestIfEmpty,
}

// union keeps what is in either cart. For a product that is in both, the guest's quantity counts: it is the later wish.
func union(existing, guest Cart) Cart {
	for _, l := range guest.Lines {
		existing = existing.put(l)
	}
	return existing
}

func useGuest(existing, guest Cart) Cart {
	existing.Lines = guest.Lines
	return existing
}

func guestIfEmpty(existing, guest Cart) Cart {
	if len(existing.Lines) > 0 {
		return existing
	}
	return useGuest(existing, guest)
}

// carts keeps the carts of users. A shop that means it has a database here.
type carts interface {
	// get returns the cart of a user, the zero Cart if there is none.
	get(ctx context.Context, userID string) (Cart, error)
	// change replaces the cart of a user by what f makes of it, in one atomic step, and returns it. f may be called
	// more than once. On an error nothing has changed.
	change(ctx context.Context, userID string, f func(Cart) Cart) (Cart, error)
}

// memoryCarts keeps carts as long as the process lives. The zero value is empty and ready to use.
type memoryCarts struct {
	mu   sync.Mutex
	byID map[string]Cart
}

var _ carts = (*memoryCarts)(nil)

func (m *memoryCarts) get(_ context.Context, userID string) (Cart, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byID[userID], nil
}

func (m *memoryCarts) change(_ context.Context, userID string, f func(Cart) Cart) (Cart, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byID == nil {
		m.byID = map[string]Cart{}
	}
	m.byID[userID] = f(m.byID[userID])
	return m.byID[userID], nil
}

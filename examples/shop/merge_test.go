package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/google/go-cmp/cmp"
)

// watchedCarts counts changes, keeps what the last one was made from, and fails when told to.
type watchedCarts struct {
	memoryCarts
	changes atomic.Int64
	broken  atomic.Bool
}

var errBroken = errors.New("the database of carts is out of reach")

func (w *watchedCarts) change(ctx context.Context, userID string, f func(Cart) Cart) (Cart, error) {
	if w.broken.Load() {
		return Cart{}, errBroken
	}
	w.changes.Add(1)
	return w.memoryCarts.change(ctx, userID, f)
}

func TestMerge(t *testing.T) {
	t.Run("V14 the hook is called once, with the guest's data and the user", func(t *testing.T) {
		carts := &watchedCarts{}
		shop := start(t, settings{carts: carts})
		ana := shop.user("ana@example.com")
		c := shop.client()
		c.add(1, 2)
		c.login("ana@example.com")
		upgraded := shop.told(cloakroom.GuestUpgraded)
		if len(upgraded) != 1 || upgraded[0].UserID != ana.ID || carts.changes.Load() != 1 {
			t.Errorf("%d changes, events %+v", carts.changes.Load(), upgraded)
		}
		merged, _ := carts.get(t.Context(), ana.ID)
		if diff := cmp.Diff([]Line{{"1", 2}}, merged.Lines); diff != "" {
			t.Error(diff)
		}
		c.holds("1x2")
		c.login("ana@example.com") // a user's session, no guest's: nothing to take along
		c.holds("1x2")
		if n := len(shop.told(cloakroom.GuestUpgraded)); n != 1 || carts.changes.Load() != 1 {
			t.Errorf("called %d times", n)
		}
	})
	for policy, want := range map[string]string{
		"union":          "1x1 2x5 3x1", // for product 2 the guest's quantity
		"use-guest":      "2x5 3x1",
		"use-existing":   "1x1 2x2",
		"guest-if-empty": "1x1 2x2",
	} {
		t.Run("V15 "+policy, func(t *testing.T) {
			shop := start(t, settings{merge: policy})
			shop.user("ana@example.com")
			ana := shop.client()
			ana.login("ana@example.com")
			ana.add(1, 1)
			ana.add(2, 2)
			guest := shop.client()
			guest.add(2, 5)
			guest.add(3, 1)
			guest.login("ana@example.com")
			guest.holds(want)
			ana.holds(want) // it is one cart
		})
	}
	t.Run("V15 guest-if-empty when it is empty", func(t *testing.T) {
		shop := start(t, settings{merge: "guest-if-empty"})
		shop.user("ana@example.com")
		guest := shop.client()
		guest.add(2, 5)
		guest.login("ana@example.com")
		guest.holds("2x5")
	})
	t.Run("V15 an unknown policy is refused at start", func(t *testing.T) {
		if _, err := open(settings{merge: "mine"}); err == nil {
			t.Error("it started")
		}
	})
	t.Run("V16 a cart that is another user's is not merged", func(t *testing.T) {
		shop := start(t, settings{})
		shop.user("ana@example.com")
		shop.user("bob@example.com")
		c := shop.client()
		c.add(1, 1)
		guest := c.token
		c.login("ana@example.com") // the guest's cart is Ana's now
		c.add(2, 1)

		c.login("bob@example.com") // on Ana's token
		c.holds("")
		replay := shop.client()
		replay.token = guest
		replay.login("bob@example.com") // on the token of the guest who became Ana
		replay.holds("")
		if n := len(shop.told(cloakroom.GuestUpgraded)); n != 1 {
			t.Errorf("the hook was called %d times", n)
		}
		ana := shop.client()
		ana.login("ana@example.com")
		ana.holds("1x1 2x1")
	})
	t.Run("V17 when the hook fails the login succeeds, and neither side loses anything", func(t *testing.T) {
		carts := &watchedCarts{}
		shop := start(t, settings{carts: carts})
		ana := shop.user("ana@example.com")
		before := shop.client()
		before.login("ana@example.com")
		before.add(1, 1)

		carts.broken.Store(true)
		c := shop.client()
		c.add(2, 2)
		c.login("ana@example.com")
		c.ask(`{ me { email } }`)
		failed := shop.told(cloakroom.UpgradeFailed)
		if len(failed) != 1 || failed[0].UserID != ana.ID || !errors.Is(failed[0].Err, errBroken) {
			t.Errorf("events %+v", failed)
		}
		before.holds("1x1") // the user's side is as it was

		carts.broken.Store(false)
		c.holds("1x1 2x2") // the guest's side was kept, and is merged now
		c.holds("1x1 2x2")
	})
	t.Run("V18 two logins at once with one guest session merge once", func(t *testing.T) {
		for range 20 {
			carts := &watchedCarts{}
			shop := start(t, settings{carts: carts})
			shop.user("ana@example.com")
			guest := shop.client()
			guest.add(1, 3)
			token := guest.token
			clients := []*client{shop.client(), shop.client(), shop.client(), shop.client()}
			ready := make(chan struct{})
			var wait sync.WaitGroup
			for _, c := range clients {
				c.token = token
				wait.Go(func() {
					<-ready
					c.login("ana@example.com")
				})
			}
			close(ready)
			wait.Wait()
			if hooks, merges := len(shop.told(cloakroom.GuestUpgraded)), carts.changes.Load(); hooks != 1 || merges != 1 {
				t.Errorf("the hook was called %d times, the carts were merged %d times", hooks, merges)
			}
			for _, c := range clients {
				c.holds("1x3")
			}
		}
	})
	t.Run("a cart that was merged is not merged again", func(t *testing.T) {
		shop := start(t, settings{merge: "use-guest"})
		ana := shop.user("ana@example.com")
		c := shop.client()
		c.add(1, 3)
		c.login("ana@example.com")
		cart, _ := shop.carts.get(t.Context(), ana.ID)
		guest := Cart{ID: cart.Merged[0], Lines: []Line{{"3", 9}}}

		// As if the process had died between the two steps of claim.
		request := c.request()
		session, err := shop.auth.Authenticate(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := guestCart.Set(t.Context(), session, guest); err != nil {
			t.Fatal(err)
		}
		c.holds("1x3")
	})
}

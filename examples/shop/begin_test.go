package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

var deliveries = []cloakroom.Delivery{cloakroom.DeliverBearer, cloakroom.DeliverCookie, cloakroom.DeliverBoth}

func TestWhatBeginsASession(t *testing.T) {
	for _, d := range deliveries {
		t.Run("V1 looking at products begins none, by "+string(d), func(t *testing.T) {
			shop := start(t, settings{delivery: d})
			a := shop.client().ask(`{ products { id name price } }`)
			a.carries(t, false, false)
			if !strings.Contains(string(a.Data["products"]), "Umbrella") {
				t.Errorf("no products: %s", a.body)
			}
			shop.begun(0)
		})
		t.Run("V3 the first item begins one, by "+string(d), func(t *testing.T) {
			shop := start(t, settings{delivery: d})
			c := shop.client()
			a := c.add(1, 2)
			a.carries(t, d != cloakroom.DeliverCookie, d != cloakroom.DeliverBearer)
			shop.begun(1)
			c.holds("1x2")
			if d == cloakroom.DeliverBoth && !strings.HasPrefix(a.header.Get("Set-Cookie"), "session="+c.token+";") {
				t.Error("cookie and header carry different tokens")
			}
		})
	}
	t.Run("V2 who needs to be signed in is told so by a code", func(t *testing.T) {
		shop := start(t, settings{})
		shop.client().refused("UNAUTHENTICATED", `{ me { email } }`).carries(t, false, false)
		shop.begun(0)
	})
	t.Run("V4 reading the cart begins none by default", func(t *testing.T) {
		shop := start(t, settings{})
		c := shop.client()
		c.holds("")
		c.ask(`{ cart { total } }`).carries(t, false, false)
		shop.begun(0)
	})
	t.Run("V4 reading the cart begins one when told to", func(t *testing.T) {
		shop := start(t, settings{beginOnRead: true})
		c := shop.client()
		c.ask(`{ cart { total } }`).carries(t, true, false)
		c.ask(`{ cart { total } }`).carries(t, false, false)
		shop.begun(1)
	})
	t.Run("what is wrong with the item is said before", func(t *testing.T) {
		shop := start(t, settings{})
		c := shop.client()
		for _, args := range []string{`productId: 99, quantity: 1`, `productId: 1, quantity: 0`, `productId: 1, quantity: -1`, `productId: 1, quantity: 100`} {
			c.refused("BAD_USER_INPUT", `mutation { addItem(`+args+`) { total } }`).carries(t, false, false)
		}
		shop.begun(0)
	})
	t.Run("a store that fails lets no token out", func(t *testing.T) {
		shop := start(t, settings{delivery: cloakroom.DeliverBoth})
		shop.store.broken.Store(true)
		shop.client().refused("UNAVAILABLE", `mutation { addItem(productId: 1, quantity: 1) { total } }`).carries(t, false, false)
	})
}

func TestHowManySessions(t *testing.T) {
	t.Run("V5 five mutations of one document begin one", func(t *testing.T) {
		shop := start(t, settings{})
		c := shop.client()
		a := c.ask(`mutation { a: addItem(productId: 1, quantity: 1) { total } b: addItem(productId: 1, quantity: 1) { total }
			c: addItem(productId: 2, quantity: 1) { total } d: addItem(productId: 3, quantity: 1) { total } e: addItem(productId: 3, quantity: 4) { total } }`)
		if n := len(a.header.Values(tokenHeader)); n != 1 {
			t.Errorf("%d tokens came", n)
		}
		shop.begun(1)
		c.holds("1x2 2x1 3x5")
	})
	t.Run("V5 eight parallel queries of one document begin one", func(t *testing.T) {
		shop := start(t, settings{beginOnRead: true})
		var fields strings.Builder
		for _, alias := range "abcdefgh" {
			fields.WriteString(string(alias) + ": cart { total } ")
		}
		shop.client().ask("{ " + fields.String() + "}")
		shop.begun(1)
	})
	t.Run("without an idempotency key, first requests at once begin one each", func(t *testing.T) {
		const n = 8
		shop := start(t, settings{})
		tokens := make([]string, n)
		var wait sync.WaitGroup
		for i := range n {
			c := shop.client()
			wait.Go(func() { tokens[i] = c.add(1, 1).header.Get(tokenHeader) })
		}
		wait.Wait()
		shop.begun(n)
		for i, token := range tokens { // each works, and none sees what another did
			c := shop.client()
			c.token = token
			c.add(2, i+1)
			c.holds("1x1 2x" + string(rune('1'+i)))
		}
	})
	t.Run("V7 with a session there is no other, and its token is not sent again", func(t *testing.T) {
		for _, d := range deliveries {
			shop := start(t, settings{delivery: d})
			c := shop.client()
			c.add(1, 1)
			c.add(2, 1).carries(t, false, false)
			shop.begun(1)
			c.holds("1x1 2x1")
		}
	})
}

func TestGuest(t *testing.T) {
	t.Run("V8 a guest is nobody, and stays a guest", func(t *testing.T) {
		shop := start(t, settings{})
		c := shop.client()
		c.add(1, 1)
		token := c.token
		c.refused("UNAUTHENTICATED", `{ me { email } }`).carries(t, false, false)
		c.holds("1x1")
		shop.begun(1)
		if c.token != token {
			t.Error("another token")
		}
	})
	t.Run("V9 a failed login leaves the guest alone", func(t *testing.T) {
		shop := start(t, settings{})
		shop.user("ana@example.com")
		c := shop.client()
		c.add(1, 1)
		for _, email := range []string{"ana@example.com", "nobody@example.com"} {
			a := c.refused("INVALID_CREDENTIALS", loginWith(email, "wrong"))
			a.carries(t, false, false)
			if a.Errors[0].Message != cloakroom.ErrInvalidCredentials.Error() {
				t.Errorf("it says %q", a.Errors[0].Message)
			}
		}
		c.holds("1x1")
		c.add(1, 1).carries(t, false, false)
		c.holds("1x2")
		shop.begun(1)
	})
}

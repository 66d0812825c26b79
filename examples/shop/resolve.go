package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/graph-gophers/graphql-go"
)

// What follows resolves schema.graphql. Of a nullable field that fails, GraphQL makes null and one error; the fields
// beside it are answered all the same.

type product struct {
	ID    graphql.ID
	Name  string
	Price int32
}

var catalogue = []product{
	{"1", "Umbrella", 2400},
	{"2", "Cloak", 12900},
	{"3", "Top hat", 8900},
}

type user struct {
	ID    graphql.ID
	Email string
}

func userOf(u *cloakroom.User) *user { return &user{graphql.ID(u.ID), u.Email} }

type cart struct {
	Lines []line
	Total int32
}

type line struct {
	Product  product
	Quantity int32
}

func cartOf(c Cart) *cart {
	shown := &cart{Lines: []line{}}
	for _, l := range c.Lines {
		if p := find(l.ProductID); p != nil { // else it is sold no longer
			shown.Lines = append(shown.Lines, line{*p, int32(l.Quantity)})
			shown.Total += p.Price * int32(l.Quantity)
		}
	}
	return shown
}

func find(productID string) *product {
	i := slices.IndexFunc(catalogue, func(p product) bool { return string(p.ID) == productID })
	if i < 0 {
		return nil
	}
	return &catalogue[i]
}

// Products resolves Query.products.
func (s *shop) Products() []product { return catalogue }

// Cart resolves Query.cart.
func (s *shop) Cart(ctx context.Context) (*cart, error) {
	x := exchangeOf(ctx)
	session := x.session
	if session == nil && s.beginOnRead {
		var err error
		if session, err = s.auth.Begin(x.w, x.r); err != nil {
			return nil, tell(err)
		}
	}
	if session == nil {
		return cartOf(Cart{}), nil
	}
	c, err := s.cart(ctx, session)
	if err != nil {
		return nil, tell(err)
	}
	return cartOf(c), nil
}

// cart is that of the session for a guest, and that of the user otherwise.
func (s *shop) cart(ctx context.Context, session *cloakroom.Session) (Cart, error) {
	if session.Anonymous() {
		c, _, err := guestCart.Get(ctx, session)
		return c, err
	}
	if err := s.claim(ctx, session); err != nil {
		return Cart{}, err
	}
	return s.carts.get(ctx, session.User.ID)
}

// Me resolves Query.me.
func (s *shop) Me(ctx context.Context) (*user, error) {
	u, err := exchangeOf(ctx).user()
	if err != nil {
		return nil, tell(err)
	}
	return userOf(u), nil
}

// Customers resolves Query.customers.
func (s *shop) Customers(ctx context.Context) (*[]*user, error) {
	if _, err := exchangeOf(ctx).user(cloakroom.RoleAdmin); err != nil {
		return nil, tell(err)
	}
	all := []*user{}
	for u, err := range s.auth.Users().All(ctx, "") {
		if err != nil {
			return nil, tell(err)
		}
		all = append(all, userOf(u))
	}
	return &all, nil
}

// AddItem resolves Mutation.addItem. What is wrong with the item is said before a session begins for it.
func (s *shop) AddItem(ctx context.Context, in struct {
	ProductID graphql.ID
	Quantity  int32
}) (*cart, error) {
	x := exchangeOf(ctx)
	if err := x.act(false); err != nil {
		return nil, err
	}
	if find(string(in.ProductID)) == nil {
		return nil, badInput("there is no such product")
	}
	if in.Quantity < 1 || in.Quantity > maxQuantity {
		return nil, badInput(fmt.Sprintf("quantity must be 1 to %d", maxQuantity))
	}
	session, err := s.auth.Begin(x.w, x.r)
	if err != nil {
		return nil, tell(err)
	}
	c, err := s.add(ctx, session, string(in.ProductID), int(in.Quantity))
	if err != nil {
		return nil, tell(err)
	}
	return cartOf(c), nil
}

func (s *shop) add(ctx context.Context, session *cloakroom.Session, productID string, quantity int) (Cart, error) {
	if session.Anonymous() {
		return guestCart.Update(ctx, session, func(c Cart) (Cart, error) {
			if c.ID == "" {
				c.ID = rand.Text()
			}
			return c.add(productID, quantity), nil
		})
	}
	if err := s.claim(ctx, session); err != nil {
		return Cart{}, err
	}
	return s.carts.change(ctx, session.User.ID, func(c Cart) Cart { return c.add(productID, quantity) })
}

// Register resolves Mutation.register.
func (s *shop) Register(ctx context.Context, in struct{ Email, Password string }) (*user, error) {
	x := exchangeOf(ctx)
	if err := x.act(true); err != nil {
		return nil, err
	}
	g, err := s.auth.SignUp(x.w, x.r, cloakroom.SignUp{Email: in.Email, Secret: in.Password})
	if err != nil {
		return nil, tell(err)
	}
	return userOf(g.Session.User), nil
}

// Login resolves Mutation.login. The shop has no second factors, so there is always a session.
func (s *shop) Login(ctx context.Context, in struct {
	Email, Password string
	RememberMe      bool
}) (*user, error) {
	x := exchangeOf(ctx)
	if err := x.act(true); err != nil {
		return nil, err
	}
	g, err := s.auth.SignIn(x.w, x.r, cloakroom.SignIn{
		Email: in.Email, Secret: in.Password, Terms: cloakroom.Terms{Remember: in.RememberMe},
	})
	if err != nil {
		return nil, tell(err)
	}
	return userOf(g.Session.User), nil
}

// Logout resolves Mutation.logout. There is nothing wrong with logging out twice.
func (s *shop) Logout(ctx context.Context) (*bool, error) {
	x := exchangeOf(ctx)
	if err := x.act(true); err != nil {
		return nil, err
	}
	if err := s.auth.SignOut(x.w, x.r, cloakroom.ThisSession); err != nil {
		return nil, tell(err)
	}
	done := true
	return &done, nil
}

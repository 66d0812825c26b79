package main

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/maphash"
	"sync"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/method/password"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// rehearsal is a store for trying an import: it knows the accounts of the house and those that were tried before, and keeps none of
// them, in the house or elsewhere. Of each that was tried it remembers 16 bytes; two names are taken for one once in billions.
type rehearsal struct {
	cloakroom.Store // in memory; through it nothing of the house is reached
	house           cloakroom.Directory

	seed  maphash.Seed
	mu    sync.Mutex
	tried map[uint64]bool
}

// rehearsing returns an Auth whose imports change nothing.
func rehearsing(house cloakroom.Directory) (*cloakroom.Auth, error) {
	// A fast hash is wrapped only to see that it can be.
	pool, err := argon.NewPool(argon.Config{Params: argon.Params{Memory: 8, Time: 1, Threads: 1}})
	if err != nil {
		return nil, err
	}
	secret := make(cloakroom.Secret, 32)
	_, _ = rand.Read(secret)
	return cloakroom.New(cloakroom.Config{
		Store:   &rehearsal{Store: memory.New(), house: house, seed: maphash.MakeSeed(), tried: map[uint64]bool{}},
		Secrets: []cloakroom.Secret{secret},
		Methods: []cloakroom.Method{password.Method{Pool: pool}},
	})
}

// CreateUser refuses what the house would refuse, and otherwise only remembers.
func (r *rehearsal) CreateUser(ctx context.Context, c cloakroom.UserChange) error {
	if c.User.Email != "" {
		_, err := r.house.UserByEmail(ctx, c.User.Realm, c.User.Email)
		if err == nil {
			return cloakroom.ErrTaken
		}
		if !errors.Is(err, cloakroom.ErrNotFound) {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var marks []uint64
	for kind, name := range map[string]string{"email": c.User.Email, "external": c.User.ExternalID} {
		if name != "" {
			marks = append(marks, r.mark(kind, name))
		}
	}
	for _, m := range marks {
		if r.tried[m] {
			return cloakroom.ErrTaken
		}
	}
	for _, m := range marks {
		r.tried[m] = true
	}
	return nil
}

// UserByEmail finds an account of the house, or one that was tried before.
func (r *rehearsal) UserByEmail(ctx context.Context, realm, email string) (cloakroom.User, error) {
	u, err := r.house.UserByEmail(ctx, realm, email)
	return r.orTried(u, err, "email", email)
}

// UserByExternalID finds an account of the house, or one that was tried before.
func (r *rehearsal) UserByExternalID(ctx context.Context, realm, externalID string) (cloakroom.User, error) {
	u, err := r.house.UserByExternalID(ctx, realm, externalID)
	return r.orTried(u, err, "external", externalID)
}

func (r *rehearsal) orTried(u cloakroom.User, err error, kind, name string) (cloakroom.User, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(err, cloakroom.ErrNotFound) && r.tried[r.mark(kind, name)] {
		return cloakroom.User{}, nil
	}
	return u, err
}

func (r *rehearsal) mark(kind, name string) uint64 { return maphash.String(r.seed, kind+" "+name) }

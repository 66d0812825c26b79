package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type keyCommands struct {
	List     *keyList     `arg:"subcommand:list" help:"List the keys, oldest first, each with its state: next, active, retiring, withdrawn."`
	Rotate   *keyRotate   `arg:"subcommand:rotate" help:"Let the next key take over; tokens of the old one stay good until they expire."`
	Withdraw *keyWithdraw `arg:"subcommand:withdraw" help:"Declare a key lost: what it signed is refused, here within a second; sessions live on."`
}

// keyJSON is a signing key without its private part. Times are zero for what is not settled.
type keyJSON struct {
	ID          string             `json:"id"`
	Algorithm   string             `json:"algorithm"`
	State       cloakroom.KeyState `json:"state"`
	CreatedAt   time.Time          `json:"created_at"`
	ActiveAt    time.Time          `json:"active_at,omitzero"`
	RetiresAt   time.Time          `json:"retires_at,omitzero"`
	WithdrawnAt time.Time          `json:"withdrawn_at,omitzero"`
}

// keyOf shows a key as it is now. One that signs retires when it was told to, or when its age is up.
func keyOf(k cloakroom.SigningKey, cfg config.Config, now time.Time) keyJSON {
	shown := keyJSON{k.ID, k.Algorithm, k.State(now), k.CreatedAt, k.ActiveAt, k.RetiredAt, k.WithdrawnAt}
	if shown.State == cloakroom.KeyActive {
		shown.RetiresAt = server.NextRotation(k, cfg)
	}
	return shown
}

// withKeys opens the data for f where signed tokens are allowed: elsewhere there is nothing to do with keys.
func (c *console) withKeys(ctx context.Context, f func(config.Config, cloakroom.Keys) error) error {
	cfg, err := config.Check(c.source(nil), config.Production)
	if err != nil {
		return err
	}
	if !slices.Contains(cfg.Token.Allow, "signed") {
		return hinted(errors.New("there are no signing keys: token.allow has no signed"), "allow signed, or leave the keys alone")
	}
	return c.withEngine(ctx, existing, func(e *server.Engine) error { return f(cfg, e.Auth.Keys()) })
}

type keyList struct{}

func (keyList) Run(ctx context.Context, c *console) error {
	return c.withKeys(ctx, func(cfg config.Config, keys cloakroom.Keys) error {
		list, err := keys.List(ctx)
		if err != nil {
			return err
		}
		t := c.table("ID", "ALGORITHM", "STATE", "CREATED", "ACTIVE SINCE", "RETIRES")
		for _, k := range list {
			shown := keyOf(k, cfg, time.Now())
			if err := t.row(shown, k.ID, k.Algorithm, string(shown.State), moment(shown.CreatedAt), moment(shown.ActiveAt), moment(shown.RetiresAt)); err != nil {
				return err
			}
		}
		return t.end()
	})
}

type keyRotate struct{}

func (keyRotate) Run(ctx context.Context, c *console) error {
	return c.withKeys(ctx, func(_ config.Config, keys cloakroom.Keys) error {
		at, err := keys.Rotate(ctx)
		if err != nil {
			return err
		}
		if wait := time.Until(at).Round(time.Second); wait > 0 && !c.grammar.JSON {
			c.say("the next key is published, and signs in %v, when everybody can know it", wait)
		}
		return c.show(map[string]time.Time{"takes_over_at": at}, [2]string{"takes over", moment(at)})
	})
}

type keyWithdraw struct {
	Key string `arg:"positional,required" help:"Id of the key."`
}

func (w keyWithdraw) Run(ctx context.Context, c *console) error {
	return c.withKeys(ctx, func(_ config.Config, keys cloakroom.Keys) error {
		err := keys.Withdraw(ctx, w.Key)
		if errors.Is(err, cloakroom.ErrNotFound) {
			return hinted(fmt.Errorf("there is no key %s", printable(w.Key)), "see: cloakroom key list")
		}
		if err != nil {
			return err
		}
		return c.did("withdrawn", w.Key)
	})
}

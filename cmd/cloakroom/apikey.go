package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server"
)

type apikeyCommands struct {
	Add    *apikeyAdd    `arg:"subcommand:add" help:"Make a key with which a program acts as a user; it is shown once, and kept nowhere."`
	List   *apikeyList   `arg:"subcommand:list" help:"List the keys, oldest first."`
	Rotate *apikeyRotate `arg:"subcommand:rotate" help:"Make a key in the place of another, and show it once."`
	Revoke *apikeyRevoke `arg:"subcommand:revoke" help:"End a key, for the very next request."`
}

// apikeyJSON is an API key. It has the key itself only when that was made just now.
type apikeyJSON struct {
	ID         string    `json:"id"`
	Key        string    `json:"key,omitempty"`
	UserID     string    `json:"user_id"`
	Name       string    `json:"name"`
	Scopes     []string  `json:"scopes"`
	CreatedBy  string    `json:"created_by,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

func apikeyOf(k *cloakroom.APIKey, key cloakroom.Token) apikeyJSON {
	return apikeyJSON{k.ID, key.Reveal(), k.UserID, k.Name, append([]string{}, k.Scopes...), k.CreatedBy, k.CreatedAt, k.ExpiresAt, k.LastUsedAt}
}

type apikeyAdd struct {
	Name    string `arg:"required,--name" help:"What it is for." placeholder:"NAME"`
	Scope   names  `arg:"required,--scope" help:"What it opens; may be repeated." placeholder:"SCOPE,..."`
	User    string `arg:"--user" help:"The user it acts as: id or e-mail. Without it a user is made, who has nothing to sign in by." placeholder:"USER"`
	Role    names  `arg:"--role" help:"Role of the user that is made; may be repeated." placeholder:"ROLE,..."`
	Expires *span  `arg:"--expires" help:"After this time it ends, such as 30d; never if not given." placeholder:"TIME"`
}

func (a apikeyAdd) Run(ctx context.Context, c *console) error {
	if a.Expires != nil && *a.Expires == 0 {
		return usage(errors.New("--expires must be more than 0: a key that never expires is one made without it"))
	}
	return c.withEngine(ctx, existing, func(e *server.Engine) error {
		n := cloakroom.NewAPIKey{Name: a.Name, Roles: a.Role, Scopes: a.Scope}
		if a.Expires != nil {
			n.ExpiresAt = time.Now().Add(time.Duration(*a.Expires))
		}
		if a.User != "" {
			u, err := find(ctx, e, a.User)
			if err != nil {
				return err
			}
			n.UserID = u.ID
		}
		k, key, err := e.Auth.APIKeys().Create(ctx, n)
		if err != nil {
			return err
		}
		return c.handAPIKey(ctx, e, k, key)
	})
}

// handAPIKey shows a key that was made just now. One that could not be shown is revoked: nobody has it, or somebody a part of it.
func (c *console) handAPIKey(ctx context.Context, e *server.Engine, k *cloakroom.APIKey, key cloakroom.Token) error {
	err := c.showAPIKey(k, key)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("key %s could not be shown: %w", k.ID, err)
	if wrong := e.Auth.APIKeys().Revoke(context.WithoutCancel(ctx), k.ID); wrong != nil {
		return errors.Join(err, hinted(fmt.Errorf("and it could not be revoked: %w", wrong), "run: cloakroom apikey revoke "+k.ID))
	}
	return hinted(err, "the key was revoked; make another: cloakroom apikey add")
}

// showAPIKey prints a key that was made just now.
func (c *console) showAPIKey(k *cloakroom.APIKey, key cloakroom.Token) error {
	if c.grammar.JSON {
		return c.show(apikeyOf(k, key))
	}
	c.say("%s acts as user %s, with the scopes %s; this is the key, which is not shown again:", k.ID, k.UserID, strings.Join(k.Scopes, ", "))
	return c.print(key.Reveal())
}

type apikeyList struct {
	User string `arg:"--user" help:"Only those of this user: id or e-mail." placeholder:"USER"`
}

func (l apikeyList) Run(ctx context.Context, c *console) error {
	return c.withEngine(ctx, existing, func(e *server.Engine) error {
		all := e.Auth.APIKeys().All(ctx)
		if l.User != "" {
			u, err := find(ctx, e, l.User)
			if err != nil {
				return err
			}
			all = e.Auth.APIKeys().Of(ctx, u.ID)
		}
		t := c.table("ID", "NAME", "USER", "SCOPES", "CREATED", "EXPIRES", "LAST USED")
		for k, err := range all {
			if err != nil {
				return err
			}
			if err := t.row(apikeyOf(k, cloakroom.Token{}), k.ID, k.Name, k.UserID, strings.Join(k.Scopes, ","), moment(k.CreatedAt), moment(k.ExpiresAt), moment(k.LastUsedAt)); err != nil {
				return err
			}
		}
		return t.end()
	})
}

type apikeyRotate struct {
	Key     string `arg:"positional,required" help:"Id of the key."`
	Overlap span   `arg:"--overlap" help:"For this time the old key goes on, at most 30d; it ends at once if not given." placeholder:"TIME"`
}

func (r apikeyRotate) Run(ctx context.Context, c *console) error {
	return c.withEngine(ctx, existing, func(e *server.Engine) error {
		k, key, err := e.Auth.APIKeys().Rotate(ctx, r.Key, time.Duration(r.Overlap))
		if err != nil {
			return noAPIKey(err, r.Key)
		}
		return c.handAPIKey(ctx, e, k, key)
	})
}

type apikeyRevoke struct {
	Key string `arg:"positional,required" help:"Id of the key."`
}

func (r apikeyRevoke) Run(ctx context.Context, c *console) error {
	return c.withEngine(ctx, existing, func(e *server.Engine) error {
		if err := e.Auth.APIKeys().Revoke(ctx, r.Key); err != nil {
			return noAPIKey(err, r.Key)
		}
		return c.did("revoked", r.Key)
	})
}

// noAPIKey gives the error of a key that is not there its hint. What was given may be the key itself: it is not repeated.
func noAPIKey(err error, given string) error {
	if !errors.Is(err, cloakroom.ErrNotFound) {
		return err
	}
	what := "a live key of this id"
	if strings.HasPrefix(given, "key_") {
		what = "a live key " + printable(given)
	}
	return hinted(fmt.Errorf("there is not %s", what), "see: cloakroom apikey list")
}

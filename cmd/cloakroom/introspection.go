package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type introspectionCommands struct {
	Add *introspectionAdd `arg:"subcommand:add" help:"Make the secret of a service that may ask about tokens; it is shown once, and kept nowhere."`
}

type introspectionAdd struct {
	ID string `arg:"positional,required" help:"Id of the service: letters, digits and ._-."`
}

// clientJSON is a new client: what the service gets, and what the configuration gets.
type clientJSON struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	Client string `json:"client"` // an entry of introspection.clients
}

// Run makes a secret of 256 bits. Nothing is written: the configuration is the operator's, and the secret the service's.
func (a introspectionAdd) Run(_ context.Context, c *console) error {
	cfg, err := config.Load(c.source(nil))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(cfg.Introspection.Clients, func(k config.Client) bool { return k.ID == a.ID }) {
		return hinted(fmt.Errorf("there is a client %s already", printable(a.ID)), "choose another id, or take the old entry out of introspection.clients first")
	}
	var random [32]byte
	_, _ = rand.Read(random[:])
	secret := base64.RawURLEncoding.EncodeToString(random[:])
	client := cloakroom.Client{ID: a.ID, SecretHash: sha256.Sum256([]byte(secret))}
	if _, err := cloakroom.ParseClient(client.String()); err != nil {
		return usage(fmt.Errorf("%s is no id of a client: use letters, digits, dots, dashes and underscores", printable(a.ID)))
	}
	if c.grammar.JSON {
		return c.show(clientJSON{a.ID, secret, client.String()})
	}
	c.say("give the service the id %s and this secret, which is not shown again; add to the list introspection.clients, and restart:", a.ID)
	c.say("  - %s", client)
	return c.print(secret)
}

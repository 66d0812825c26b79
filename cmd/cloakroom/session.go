package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server"
)

type sessionCommand struct {
	List   *sessionList   `arg:"subcommand:list" help:"List the live sessions of a user, newest first."`
	Revoke *sessionRevoke `arg:"subcommand:revoke" help:"End a session; running servers hear of it within moments."`
}

// sessionJSON is a session as the API shows it.
type sessionJSON struct {
	ID              string    `json:"id"`
	CreatedAt       time.Time `json:"created_at"`
	LastSeenAt      time.Time `json:"last_seen_at"`
	ExpiresAt       time.Time `json:"expires_at"`
	AuthenticatedAt time.Time `json:"authenticated_at"`
	Methods         []string  `json:"methods"`
	IP              string    `json:"ip"`
	UserAgent       string    `json:"user_agent"`
	Device          string    `json:"device"`
}

func sessionOf(s *cloakroom.Session) sessionJSON {
	return sessionJSON{s.ID, s.CreatedAt, s.LastSeenAt, s.ExpiresAt, s.AuthenticatedAt, append([]string{}, s.Methods...), s.IP, s.UserAgent, s.Device()}
}

type sessionList struct {
	User string `arg:"positional,required" help:"Id or e-mail."`
}

func (l sessionList) Run(ctx context.Context, c *console) error {
	return c.withUser(ctx, l.User, func(e *server.Engine, u *cloakroom.User) error {
		t := c.table("ID", "DEVICE", "IP", "CREATED", "LAST SEEN", "EXPIRES")
		for s, err := range e.Auth.Sessions().Of(ctx, u.ID) {
			if err != nil {
				return err
			}
			if err := t.row(sessionOf(s), s.ID, s.Device(), s.IP, moment(s.CreatedAt), moment(s.LastSeenAt), moment(s.ExpiresAt)); err != nil {
				return err
			}
		}
		return t.end()
	})
}

type sessionRevoke struct {
	Session string `arg:"positional,required" help:"Id of the session."`
	User    string `arg:"required,--user" help:"Id or e-mail of its user." placeholder:"USER"`
}

func (r sessionRevoke) Run(ctx context.Context, c *console) error {
	return c.withUser(ctx, r.User, func(e *server.Engine, u *cloakroom.User) error {
		err := e.Auth.Sessions().Revoke(ctx, u.ID, r.Session)
		if errors.Is(err, cloakroom.ErrNotFound) {
			return hinted(fmt.Errorf("user %s has no session %s", u.ID, printable(r.Session)), "see: cloakroom session list "+u.ID)
		}
		if err != nil {
			return err
		}
		return c.did("revoked", r.Session)
	})
}

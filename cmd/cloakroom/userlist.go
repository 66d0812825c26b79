package main

import (
	"context"
	"iter"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server"
)

type userList struct {
	Role   string `arg:"--role" help:"Only those who have this role."`
	Search string `arg:"--search" help:"Only those who have this in their e-mail or name, in capitals or not." placeholder:"TEXT"`
}

func (l userList) Run(ctx context.Context, c *console) error {
	return c.withEngine(ctx, existing, func(e *server.Engine) error {
		t := c.table("ID", "EMAIL", "NAME", "ROLES", "CREATED", "BANNED")
		for u, err := range l.users(ctx, e) {
			if err != nil {
				return err
			}
			if err := t.row(userOf(u), u.ID, u.Email, u.Name, strings.Join(u.Roles, ","), moment(u.CreatedAt), moment(u.BannedAt)); err != nil {
				return err
			}
		}
		return t.end()
	})
}

// users are those that were asked for.
func (l userList) users(ctx context.Context, e *server.Engine) iter.Seq2[*cloakroom.User, error] {
	if l.Search == "" {
		return e.Auth.Users().All(ctx, l.Role)
	}
	return func(yield func(*cloakroom.User, error) bool) {
		for after := ""; ; {
			page, next, err := e.Auth.Users().Search(ctx, l.Search, after, 0)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page {
				if l.Role != "" && !page[i].Is(l.Role) {
					continue
				}
				if !yield(&page[i], nil) {
					return
				}
			}
			if after = next; next == "" {
				return
			}
		}
	}
}

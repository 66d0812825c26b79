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

type userCommands struct {
	Add         *userAdd         `arg:"subcommand:add" help:"Make an account; the first administrator too: --role admin."`
	Get         *userGet         `arg:"subcommand:get" help:"Show an account."`
	List        *userList        `arg:"subcommand:list" help:"List accounts in the order of their making."`
	Ban         *userBan         `arg:"subcommand:ban" help:"Keep a user out; running servers hear of it within moments."`
	Unban       *userUnban       `arg:"subcommand:unban" help:"Let a user sign in again."`
	Delete      *userDelete      `arg:"subcommand:delete" help:"Remove an account for good."`
	SetRole     *userSetRole     `arg:"subcommand:set-role" help:"Give a user exactly these roles."`
	SetPassword *userSetPassword `arg:"subcommand:set-password" help:"Give a user a new password and end all sessions."`

	Verify       *userVerify       `arg:"subcommand:verify" help:"Take the address of a user for proven."`
	RequireReset *userRequireReset `arg:"subcommand:require-reset" help:"Let no password of a user count before it was reset by mail, and end all sessions."`
	Restore      *userRestore      `arg:"subcommand:restore" help:"Let an account stay that its owner has deleted, until its time is up."`
	Factors      *userFactors      `arg:"subcommand:factors" help:"List what a user signs in by."`
	ResetFactors *userResetFactors `arg:"subcommand:reset-factors" help:"Remove all that a user signs in by but the password, and end all sessions."`
	Import       *userImport       `arg:"subcommand:import" help:"Take over the accounts of another system, with the hashes of their passwords."`
	Export       *userExport       `arg:"subcommand:export" help:"Write all accounts, one JSON object a line, as import reads them."`
}

// userJSON is an account as the API shows it, and what only operators see.
type userJSON struct {
	ID            string    `json:"id"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Name          string    `json:"name"`
	Roles         []string  `json:"roles"`
	CreatedAt     time.Time `json:"created_at"`
	BannedAt      time.Time `json:"banned_at,omitzero"`
	ExternalID    string    `json:"external_id,omitempty"`
	ResetRequired bool      `json:"reset_required,omitempty"`
	LeavesAt      time.Time `json:"leaves_at,omitzero"`
}

func userOf(u *cloakroom.User) userJSON {
	return userJSON{u.ID, u.Email, u.EmailVerified, u.Name, append([]string{}, u.Roles...), u.CreatedAt, u.BannedAt, u.ExternalID, u.ResetRequired, u.LeavesAt}
}

func (c *console) showUser(u *cloakroom.User) error {
	lines := [][2]string{
		{"id", u.ID}, {"email", u.Email}, {"verified", fmt.Sprint(u.EmailVerified)}, {"name", u.Name}, {"roles", strings.Join(u.Roles, ", ")},
		{"created", moment(u.CreatedAt)}, {"banned", moment(u.BannedAt)},
	}
	if u.ExternalID != "" {
		lines = append(lines, [2]string{"external id", u.ExternalID})
	}
	if u.ResetRequired {
		lines = append(lines, [2]string{"password", "to be reset by mail"})
	}
	if u.Leaving() {
		lines = append(lines, [2]string{"leaves", moment(u.LeavesAt)})
	}
	return c.show(userOf(u), lines...)
}

// find returns the user who has this id or e-mail.
func find(ctx context.Context, e *server.Engine, who string) (*cloakroom.User, error) {
	get := e.Auth.Users().Get
	if strings.Contains(who, "@") {
		get = e.Auth.Users().ByEmail
	}
	u, err := get(ctx, who)
	if errors.Is(err, cloakroom.ErrNotFound) {
		return nil, hinted(fmt.Errorf("there is no user %s", printable(who)), "see: cloakroom user list")
	}
	return u, err
}

// withUser finds a user for f.
func (c *console) withUser(ctx context.Context, who string, f func(*server.Engine, *cloakroom.User) error) error {
	return c.withEngine(ctx, existing, func(e *server.Engine) error {
		u, err := find(ctx, e, who)
		if err != nil {
			return err
		}
		return f(e, u)
	})
}

// change does something to a user and shows what became of it.
func (c *console) change(ctx context.Context, who string, do func(*server.Engine, *cloakroom.User) error) error {
	return c.withUser(ctx, who, func(e *server.Engine, u *cloakroom.User) error {
		if err := do(e, u); err != nil {
			return err
		}
		u, err := e.Auth.Users().Get(ctx, u.ID)
		if err != nil {
			return err
		}
		return c.showUser(u)
	})
}

// names come from any number of flags; one may have several, with commas between them.
type names []string

func (n *names) UnmarshalText(text []byte) error {
	*n = append(*n, strings.FieldsFunc(string(text), func(c rune) bool { return c == ',' })...)
	return nil
}

type userAdd struct {
	Email         string `arg:"positional,required" help:"Address to sign in with."`
	Name          string `arg:"--name" help:"Name to show."`
	Role          names  `arg:"--role" help:"Role to give; may be repeated." placeholder:"ROLE,..."`
	Verified      bool   `arg:"--verified" help:"Take the address for proven."`
	PasswordStdin bool   `arg:"--password-stdin" help:"Read the password from the first line of standard input."`
}

func (a userAdd) Run(ctx context.Context, c *console) error {
	secret, err := c.newPassword(ctx, a.PasswordStdin)
	if err != nil {
		return err
	}
	if secret == "" {
		return cloakroom.FieldErrors{{Field: "password", Code: "required", Message: "is empty"}}
	}
	return c.withEngine(ctx, !existing, func(e *server.Engine) error {
		u, err := e.Auth.Users().Create(ctx, cloakroom.NewUser{
			Email: a.Email, EmailVerified: a.Verified, Name: a.Name, Roles: a.Role, Secret: secret,
		})
		if err != nil {
			return err
		}
		return c.showUser(u)
	})
}

type userGet struct {
	User string `arg:"positional,required" help:"Id or e-mail."`
}

func (g userGet) Run(ctx context.Context, c *console) error {
	return c.withUser(ctx, g.User, func(_ *server.Engine, u *cloakroom.User) error { return c.showUser(u) })
}

type userBan struct {
	User string `arg:"positional,required" help:"Id or e-mail."`
}

func (b userBan) Run(ctx context.Context, c *console) error {
	return c.change(ctx, b.User, func(e *server.Engine, u *cloakroom.User) error { return e.Auth.Users().Ban(ctx, u.ID) })
}

type userUnban struct {
	User string `arg:"positional,required" help:"Id or e-mail."`
}

func (b userUnban) Run(ctx context.Context, c *console) error {
	return c.change(ctx, b.User, func(e *server.Engine, u *cloakroom.User) error { return e.Auth.Users().Unban(ctx, u.ID) })
}

type userDelete struct {
	User string `arg:"positional,required" help:"Id or e-mail."`
	Yes  bool   `arg:"--yes" help:"Do not ask."`
}

func (d userDelete) Run(ctx context.Context, c *console) error {
	return c.withUser(ctx, d.User, func(e *server.Engine, u *cloakroom.User) error {
		if !d.Yes {
			if err := c.confirm(fmt.Sprintf("delete %s %s for good?", u.ID, printable(u.Email))); err != nil {
				return err
			}
		}
		if err := e.Auth.Users().Delete(ctx, u.ID); err != nil {
			return err
		}
		return c.did("deleted", u.ID)
	})
}

type userSetRole struct {
	User string   `arg:"positional,required" help:"Id or e-mail."`
	Role []string `arg:"positional" help:"All the roles that the user shall have."`
	None bool     `arg:"--none" help:"Take all roles away."`
}

func (s userSetRole) Run(ctx context.Context, c *console) error {
	if s.None == (len(s.Role) > 0) {
		return usage(errors.New("name the roles, or say --none"))
	}
	return c.change(ctx, s.User, func(e *server.Engine, u *cloakroom.User) error {
		_, err := e.Auth.Users().SetRoles(ctx, u.ID, s.Role...)
		return err
	})
}

type userSetPassword struct {
	User          string `arg:"positional,required" help:"Id or e-mail."`
	PasswordStdin bool   `arg:"--password-stdin" help:"Read the password from the first line of standard input."`
}

func (s userSetPassword) Run(ctx context.Context, c *console) error {
	secret, err := c.newPassword(ctx, s.PasswordStdin)
	if err != nil {
		return err
	}
	return c.change(ctx, s.User, func(e *server.Engine, u *cloakroom.User) error {
		return e.Auth.Users().SetSecret(ctx, u.ID, "", secret)
	})
}

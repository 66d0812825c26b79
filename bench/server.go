package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

const serverPackage = "github.com/cloakroom-auth/cloakroom/cmd/cloakroom"

// binary builds the real server, once.
func (b *bench) binary(ctx context.Context) (string, error) {
	file := filepath.Join(b.dir, "cloakroom")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	fmt.Fprintln(b.progress, "building the server")
	return file, build(ctx, file, serverPackage)
}

// launchServer starts the real server on the data in dir, without limits and with a silent log, if env says nothing else.
func (b *bench) launchServer(ctx context.Context, dir string, env ...string) (*process, error) {
	binary, err := b.binary(ctx)
	if err != nil {
		return nil, err
	}
	all := []string{
		"CLOAKROOM_DATA=" + dir, "CLOAKROOM_LISTEN=127.0.0.1:0", "CLOAKROOM_METRICS_LISTEN=off",
		"CLOAKROOM_LIMITS_LOGIN=off", "CLOAKROOM_LIMITS_SIGNUP=off", "CLOAKROOM_LOG_LEVEL=error",
	}
	return launch(ctx, append(all, env...), binary, "serve")
}

// furnish fills an empty data folder: so many users who are signed in, whose cookies it returns, and so many accounts
// with a password.
func furnish(dir string, signedIn, accounts int) (cookies []string, err error) {
	cfg := config.Default()
	cfg.Data = dir
	engine, err := server.Open(cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, engine.Close(context.Background())) }()
	for i := range accounts {
		if _, err := engine.Auth.Users().Create(context.Background(), cloakroom.NewUser{Email: account(i), Name: userName, Secret: password}); err != nil {
			return nil, err
		}
	}
	return admit(engine.Auth, signedIn)
}

const password = "correct horse battery staple"

func account(i int) string { return fmt.Sprintf("account%d@example.com", i) }

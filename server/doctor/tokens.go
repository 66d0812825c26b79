package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// keys looks at the keys of signed tokens, where what they need is there.
func keys(ctx context.Context, cfg config.Config) []Finding {
	if !slices.Contains(cfg.Token.Allow, "signed") {
		return []Finding{ok("keys", "none are needed: token.allow has no signed")}
	}
	switch is, err := furnished(ctx, cfg); {
	case err != nil:
		return nil // what was found out about the database says why
	case !is:
		return []Finding{ok("keys", notYet)}
	}
	list, err := server.InspectKeys(ctx, cfg)
	return []Finding{judgeKeys(list, err, cfg, time.Now())}
}

// furnished reports whether secrets and database are there, and the schema is whole: looking at the keys makes none of it.
func furnished(ctx context.Context, cfg config.Config) (bool, error) {
	if path := server.SecretsPath(cfg); path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
	}
	steps, err := server.Migrations(ctx, cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return !slices.ContainsFunc(steps, func(m server.Migration) bool { return m.AppliedAt.IsZero() }), err
}

func judgeKeys(list []cloakroom.SigningKey, err error, cfg config.Config, now time.Time) Finding {
	active := slices.IndexFunc(list, func(k cloakroom.SigningKey) bool { return k.State(now) == cloakroom.KeyActive })
	switch {
	case err != nil:
		return fail("keys", err.Error(), "bring back the secrets that were there when the key was made; if they are lost, so is the key: "+
			"run cloakroom key withdraw for each of cloakroom key list, and new ones are made")
	case len(list) == 0:
		return ok("keys", notYet)
	case active < 0:
		return ok("keys", "none signs now; the next start sees to that")
	}
	k := list[active]
	return ok("keys", fmt.Sprintf("%s key %s signs since %s; the next takes over on %s", k.Algorithm, k.ID, day(k.ActiveAt), day(server.NextRotation(k, cfg))))
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// clients tells who may ask about tokens.
func clients(_ context.Context, cfg config.Config) []Finding {
	if len(cfg.Introspection.Clients) == 0 {
		return []Finding{ok("clients", "none, so that introspection and the feed of revocations are off")}
	}
	found := []Finding{ok("clients", fmt.Sprintf("%d may ask about tokens", len(cfg.Introspection.Clients)))}
	if !slices.Contains(cfg.Token.Allow, "signed") {
		found = append(found, warn("clients", "token.allow has no signed, so that there is no feed of revocations for them", "allow signed, unless they only introspect"))
	}
	return found
}

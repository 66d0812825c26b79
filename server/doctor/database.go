package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

func database(ctx context.Context, cfg config.Config) []Finding {
	if !cfg.Database().Local() {
		return databaseServer(ctx, cfg)
	}
	path := server.DatabasePath(cfg)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []Finding{ok("database", path+": "+notYet)}
	}
	if err != nil {
		return []Finding{fail("database", err.Error(), "run as the user who owns the file")}
	}
	var found []Finding
	if server.OpenToOthers(info) {
		found = append(found, warn("database", fmt.Sprintf("%s may be read by others (mode %04o)", path, info.Mode().Perm()), "run: chmod 600 "+path+"*"))
	}
	const mend = "bring the file back from a backup, or give another --data"
	found = append(found, schema(ctx, cfg, path, mend))
	if err := server.CheckDatabase(ctx, cfg); err != nil {
		return append(found, fail("database", err.Error(), mend))
	}
	return append(found, ok("database", path+" is whole"))
}

// databaseServer asks a server whether it is there, what it holds and whether it keeps it.
func databaseServer(ctx context.Context, cfg config.Config) []Finding {
	const mend = "see that the server runs, that store.url is right, and that the server lets this machine in"
	found := []Finding{schema(ctx, cfg, "the server", mend)}
	if found[0].Level == Fail {
		return found
	}
	err := server.CheckDatabase(ctx, cfg)
	if err == nil {
		return append(found, ok("database", "the server keeps what it is given"))
	}
	wrong := []error{err}
	if list, several := errors.AsType[joined](err); several {
		wrong = list.Unwrap()
	}
	for _, err := range wrong {
		detail, say, known := strings.Cut(err.Error(), "; ")
		if !known {
			say = mend
		}
		found = append(found, fail("database", detail, say))
	}
	return found
}

// joined is what errors.Join makes.
type joined interface {
	error
	Unwrap() []error
}

// schema reads the list of migrations, which proves that the database opens and is ours.
func schema(ctx context.Context, cfg config.Config, where, mend string) Finding {
	steps, err := server.Migrations(ctx, cfg)
	if err != nil {
		return fail("database", err.Error(), mend)
	}
	missing := 0
	for _, m := range steps {
		if m.AppliedAt.IsZero() {
			missing++
		}
	}
	if missing > 0 {
		return warn("database", fmt.Sprintf("%s lacks %d of %d migrations", where, missing, len(steps)), "run: cloakroom migrate up; or start the server, which does it")
	}
	return ok("database", fmt.Sprintf("%s has all of %d migrations", where, len(steps)))
}

// sessions asks the store of sessions, where it is one of its own, whether it is there and fit.
func sessions(ctx context.Context, cfg config.Config) []Finding {
	if cfg.Cluster() == "" {
		return nil
	}
	if err := server.CheckSessions(ctx, cfg); err != nil {
		return []Finding{fail("sessions", err.Error(), "see that the servers run, that store.sessions is right, and that they let this machine in")}
	}
	return []Finding{ok("sessions", "the servers answer, and throw no session away when memory runs short")}
}

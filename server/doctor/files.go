package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cloakroom-auth/cloakroom/internal/secretfile"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// notYet is what is told of files that the first start makes.
const notYet = "not there yet; the first start makes it"

func dataFolder(_ context.Context, cfg config.Config) []Finding {
	if !cfg.Database().Local() {
		return []Finding{ok("data", "no folder is needed: the database is a server")}
	}
	info, err := os.Stat(cfg.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{ok("data", cfg.Data+": "+notYet)}
	case err != nil:
		return []Finding{fail("data", err.Error(), "run as the user who owns the folder")}
	case !info.IsDir():
		return []Finding{fail("data", cfg.Data+" is not a folder", "give another --data")}
	}
	return []Finding{judgeFolder(cfg, info, cannotWrite(cfg.Data))}
}

// judgeFolder looks at a folder that is there, and at why nothing can be written to it, if so.
func judgeFolder(cfg config.Config, info fs.FileInfo, cannot error) Finding {
	switch {
	case cannot != nil:
		return fail("data", fmt.Sprintf("%s cannot be written to: %v", cfg.Data, cannot), "mount it for writing, and run as the user who owns it")
	case server.OpenToOthers(info):
		return warn("data", fmt.Sprintf("%s is open to others (mode %04o)", cfg.Data, info.Mode().Perm()), "run: chmod 700 "+cfg.Data)
	}
	return ok("data", cfg.Data)
}

func secrets(_ context.Context, cfg config.Config) []Finding {
	path := server.SecretsPath(cfg)
	if path == "" {
		return []Finding{ok("secrets", fmt.Sprintf("%d in the configuration", len(cfg.Secrets)))}
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) { // asked first: Load would make it
		if _, err := os.Stat(server.DatabasePath(cfg)); err == nil {
			return []Finding{warn("secrets", path+" is not there, and the database is", "bring it back from a backup: the next start makes a new one, which signs everybody out, at the latest when their signed access token expires")}
		}
		return []Finding{ok("secrets", path+": "+notYet)}
	}
	list, err := secretfile.Load(path)
	if err != nil {
		return []Finding{fail("secrets", err.Error(), "mend the file, or bring it back from a backup: without it everybody is signed out, at the latest when their signed access token expires")}
	}
	return []Finding{ok("secrets", fmt.Sprintf("%d in %s", len(list), path))}
}

// Room on a disk, in bytes.
const (
	littleRoom = 1 << 30
	noRoom     = 64 << 20
)

func disk(_ context.Context, cfg config.Config) []Finding {
	if !cfg.Database().Local() {
		return nil
	}
	folder := existing(filepath.Dir(server.DatabasePath(cfg)))
	free, err := freeBytes(folder)
	if err != nil {
		return []Finding{warn("disk", "the room cannot be measured: "+err.Error(), "look at it yourself")}
	}
	detail := fmt.Sprintf("%d MiB free at %s", free>>20, folder)
	switch {
	case free < noRoom:
		return []Finding{fail("disk", detail, "make room: without it nobody can sign in")}
	case free < littleRoom:
		return []Finding{warn("disk", detail, "make room before it runs out")}
	}
	return []Finding{ok("disk", detail)}
}

// existing is the nearest folder above path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

package doctor

import (
	"context"
	"time"

	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// clock compares the time with what is known to be past: the last migration of the database, and the build of this program.
func clock(ctx context.Context, cfg config.Config) []Finding {
	now := time.Now()
	past := now.AddDate(-100, 0, 0)
	if steps, err := server.Migrations(ctx, cfg); err == nil {
		for _, m := range steps {
			if m.AppliedAt.After(past) {
				past = m.AppliedAt
			}
		}
	}
	return []Finding{judgeClock(now, past)}
}

// firstYear is when this program was written: no clock that is right shows an earlier one.
const firstYear = 2026

func judgeClock(now, past time.Time) Finding {
	detail := now.UTC().Format(time.RFC3339)
	switch {
	case now.Before(past):
		return fail("clock", detail+" is before the database was made", "set the clock, with NTP: sessions end by it")
	case now.Year() < firstYear:
		return fail("clock", detail+" cannot be", "set the clock, with NTP: sessions end by it")
	}
	return ok("clock", detail)
}

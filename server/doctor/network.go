package doctor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/cloakroom-auth/cloakroom/server/config"
)

func addresses(ctx context.Context, cfg config.Config) []Finding {
	found := []Finding{address(ctx, "listen", cfg.Listen, "/livez")}
	if cfg.Metrics.Listen != "" {
		found = append(found, address(ctx, "metrics", cfg.Metrics.Listen, "/metrics"))
	}
	return found
}

// address finds out whether one can listen there, or a server of ours does.
func address(ctx context.Context, what, at, page string) Finding {
	l, err := net.Listen("tcp", at)
	if err == nil {
		_ = l.Close()
		return ok(what, at+" is free")
	}
	if errors.Is(err, syscall.EADDRINUSE) && answers(ctx, "http://"+at+page) {
		return ok(what, "a server answers at "+at)
	}
	return fail(what, err.Error(), "choose another address, or stop what listens there")
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// reach tells how the world comes here, and what the configuration says of it that is probably not meant.
func reach(_ context.Context, cfg config.Config) []Finding {
	var found []Finding
	switch base := cfg.Base(); {
	case base == "":
		found = append(found, warn("base_url", "unknown, because listen has port 0", "set base_url for others than yourself"))
	case !strings.HasPrefix(base, "https://"):
		found = append(found, warn("base_url", base+" is for this machine only", "set an https address for others, with a proxy that ends TLS"))
	default:
		found = append(found, ok("base_url", base))
	}
	for _, w := range cfg.Warnings(config.Production) {
		found = append(found, warn(w.Key, w.Reason, w.Mend))
	}
	return found
}

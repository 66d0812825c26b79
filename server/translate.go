package server

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// translate says in the engine's words what the configuration says in the operator's. Store, secrets and methods are the
// caller's to add.
func translate(c config.Config) cloakroom.Config {
	return cloakroom.Config{
		BaseURL: c.Base(),
		Cookie: cloakroom.Cookie{
			Name: c.Cookie.Name, Domain: c.Cookie.Domain,
			SameSite: sameSite[c.Cookie.SameSite], Secure: secure[c.Cookie.Secure],
		},
		Bearer:         cloakroom.Bearer{ResponseHeader: c.Bearer.ResponseHeader},
		Delivery:       cloakroom.DeliveryPolicy{Allow: deliveries(c.Delivery.Allow), Default: cloakroom.Delivery(c.Delivery.Default)},
		Session:        cloakroom.Lifetime{Idle: c.Session.Idle, Absolute: c.Session.Absolute, Limit: c.Session.Limit},
		Limits:         cloakroom.Limits{InsecureNoLogin: !c.Limits.Login, InsecureNoSignup: !c.Limits.Signup, InsecureNoGuest: !c.Limits.Signup},
		SignupClosed:   !c.Signup.Open,
		TrustedProxies: c.TrustedProxies,
		Origins:        c.Origins,
	}
}

var sameSite = map[string]http.SameSite{
	"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
}

var secure = map[string]cloakroom.SecureMode{
	"auto": cloakroom.SecureAuto, "true": cloakroom.SecureAlways, "false": cloakroom.SecureNever,
}

func deliveries(names []string) []cloakroom.Delivery {
	list := make([]cloakroom.Delivery, len(names))
	for i, name := range names {
		list[i] = cloakroom.Delivery(name)
	}
	return list
}

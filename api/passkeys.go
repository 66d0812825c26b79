package api

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

// Passkeys is what the site tells about its passkeys at well-known addresses. The zero value tells nothing.
type Passkeys struct {
	// Enroll and Manage are the pages where a user adds a passkey and where the user's are listed, as whole addresses, for
	// /.well-known/passkey-endpoints, which password managers read. Without any of them it is not there.
	Enroll, Manage string
	// Related are other origins that may use the same passkeys, for /.well-known/webauthn, which browsers read (WebAuthn §5.11):
	// those of passkey.Method.RelatedOrigins. Without any it is not there.
	Related []string
}

type passkeyEndpointsJSON struct {
	Enroll string `json:"enroll,omitempty"`
	Manage string `json:"manage,omitempty"`
}

type relatedOriginsJSON struct {
	Origins []string `json:"origins"`
}

func (a *API) passkeyEndpoints(w http.ResponseWriter, _ *http.Request, _ caller) error {
	p := passkeyEndpointsJSON{a.Passkeys.Enroll, a.Passkeys.Manage}
	if p == (passkeyEndpointsJSON{}) {
		return cloakroom.ErrNotFound
	}
	return send(w, http.StatusOK, p)
}

func (a *API) relatedOrigins(w http.ResponseWriter, _ *http.Request, _ caller) error {
	if len(a.Passkeys.Related) == 0 {
		return cloakroom.ErrNotFound
	}
	return send(w, http.StatusOK, relatedOriginsJSON{a.Passkeys.Related})
}

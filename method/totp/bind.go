package totp

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
)

const defaultIssuer = "Cloakroom"

// letters is how a secret is written: base32 without padding, the form that apps read.
var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

// Setup is what the user's app needs, as JSON for the client. It is secret: it prints as [redacted] in fmt and slog.
type Setup struct {
	// Secret is 32 letters and digits, to be typed where nothing can be scanned.
	Secret string `json:"secret"`
	// URI is otpauth://totp/… with issuer, account and secret. On the telephone itself it can be a link.
	URI string `json:"uri"`
	// QR is the URI as a QR code: an SVG of a few kilobytes, without script, style or size of its own, black on white with its
	// quiet zone, to be put into a page as it is.
	QR string `json:"qr_svg"`
}

// Format implements fmt.Formatter, so that no verb shows the secret.
func (Setup) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// LogValue implements slog.LogValuer.
func (Setup) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Offer makes a secret and shows it as a Setup. A user who has this factor gets cloakroom.ErrFactorExists.
func (m Method) Offer(_ context.Context, b cloakroom.Binding) (cloakroom.Offer, error) {
	if len(b.Credentials) > 0 {
		return cloakroom.Offer{}, cloakroom.ErrFactorExists
	}
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // it ends the program rather than fail
	setup := Setup{Secret: letters.EncodeToString(secret)}
	setup.URI = m.uri(b.User, setup.Secret)
	var err error
	if setup.QR, err = drawQR(setup.URI); err != nil {
		return cloakroom.Offer{}, err
	}
	return cloakroom.Offer{Show: setup, Keep: secret}, nil
}

// Bind takes the app's first code and returns the credential, in which that code is used up. A wrong one is
// cloakroom.ErrInvalidCredentials; a user who has this factor meanwhile gets cloakroom.ErrFactorExists.
func (m Method) Bind(_ context.Context, b cloakroom.Binding) (cloakroom.Credential, error) {
	if len(b.Credentials) > 0 {
		return cloakroom.Credential{}, cloakroom.ErrFactorExists
	}
	if len(b.Kept) != secretSize {
		return cloakroom.Credential{}, corrupt(b.User.ID, errData)
	}
	s := state{secret: b.Kept, last: never}
	step, ok := s.accepts(b.Answer, m.step())
	if !ok {
		return cloakroom.Credential{}, cloakroom.ErrInvalidCredentials
	}
	s.last = step
	return cloakroom.Credential{Data: s.data()}, nil
}

// uri follows github.com/google/google-authenticator/wiki/Key-Uri-Format. What is the default there is left out: some
// apps stumble over it, and the QR code stays small.
func (m Method) uri(u cloakroom.User, secret string) string {
	issuer, account := cmp.Or(m.Issuer, defaultIssuer), cmp.Or(u.Email, u.ID)
	return "otpauth://totp/" + escape(issuer) + ":" + escape(account) + "?secret=" + secret + "&issuer=" + escape(issuer)
}

// escape leaves only letters, digits and "-_.~": apps disagree about the rest, some read "+" as a space.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/cloakroom-auth/cloakroom"
)

// levels are how loud events are; those that are not here are told at info.
var levels = map[cloakroom.EventType]slog.Level{
	cloakroom.GuestBegan:          slog.LevelDebug,
	cloakroom.SetupLinkMade:       slog.LevelDebug, // who started the server is told on the terminal
	cloakroom.SessionRenewed:      slog.LevelDebug,
	cloakroom.RefreshRotated:      slog.LevelDebug,
	cloakroom.RefreshReplayed:     slog.LevelDebug,
	cloakroom.RefreshReused:       slog.LevelWarn,
	cloakroom.RefreshMismatch:     slog.LevelWarn,
	cloakroom.UpgradeFailed:       slog.LevelWarn,
	cloakroom.DuplicateCookie:     slog.LevelWarn,
	cloakroom.InsecureTransport:   slog.LevelWarn,
	cloakroom.CredentialCorrupt:   slog.LevelWarn,
	cloakroom.SigningKeyWithdrawn: slog.LevelWarn,
	cloakroom.CredentialSuspect:   slog.LevelWarn,
	cloakroom.FactorLocked:        slog.LevelWarn,
	cloakroom.Disowned:            slog.LevelWarn,
	cloakroom.MailFailed:          slog.LevelWarn,
	cloakroom.WebhookFailed:       slog.LevelWarn,
	cloakroom.RequestFailed:       slog.LevelError,
}

// logEvent writes an event down with the ids of whom it is about: no address of a person, no token, no secret.
func logEvent(ctx context.Context, log *slog.Logger, e cloakroom.Event) {
	level := levels[e.Type]
	if errors.Is(e.Err, context.Canceled) {
		level = slog.LevelDebug // the client has gone; nothing is wrong with us
	}
	if !log.Enabled(ctx, level) {
		return
	}
	var attrs []slog.Attr
	for _, a := range []struct{ key, value string }{
		{"user", e.UserID}, {"session", e.SessionID}, {"ip", e.IP}, {"reason", e.Reason}, {"request_id", e.RequestID},
		{"presented", e.Details["presented"]}, {"current", e.Details["current"]}, {"session_ip", e.Details["session_ip"]},
		{"actor", e.Details["actor"]}, {"key", e.Details["key"]}, {"letter", e.Details["letter"]}, {"parcel", e.Details["parcel"]},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	log.LogAttrs(ctx, level, string(e.Type), attrs...)
}

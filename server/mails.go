package server

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cloakroom-auth/cloakroom"
)

var mailResults = []string{"sent", "failed", "rejected"}

// countedMailer counts what comes of each mail.
type countedMailer struct {
	mailer cloakroom.Mailer
	mails  *prometheus.CounterVec
}

func (m countedMailer) Send(ctx context.Context, letter cloakroom.Mail) error {
	err := m.mailer.Send(ctx, letter)
	result := "sent"
	switch {
	case errors.Is(err, cloakroom.ErrRejected):
		result = "rejected"
	case err != nil:
		result = "failed"
	}
	m.mails.WithLabelValues(result).Inc()
	return err
}

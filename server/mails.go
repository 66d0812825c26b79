package server

import (
	"context"
	"errors"
	"time"

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

// later is the Mailer of a command that ends soon: it makes the engine order mails. They wait in the store, which gives this engine
// none to send (unsent), for a server; so a command needs to know nothing of how that sends them.
type later struct{}

func (later) Send(context.Context, cloakroom.Mail) error {
	return errors.New("mail is left to a server")
}

const (
	unsentFor     = 72 * time.Hour // as long as a server that has mail goes on trying
	droppedAtOnce = 100
)

// dropMails ends what was ordered to be mailed, by commands or before mail was taken out of the configuration, and what no server
// has sent for days: without mail this one never will. What is younger stays, for other nodes that may have mail.
func dropMails(ctx context.Context, from cloakroom.Directory) error {
	now := time.Now()
	q := cloakroom.ParcelQuery{Kind: "mail", Now: now.Add(-unsentFor), LeasedUntil: now.Add(time.Minute), Max: droppedAtOnce}
	for {
		old, err := from.ClaimParcels(ctx, q)
		if err != nil || len(old) == 0 {
			return err
		}
		for i := range old {
			old[i].DueAt = time.Time{} // which ends it
		}
		if err := from.SettleParcels(ctx, old); err != nil {
			return err
		}
	}
}

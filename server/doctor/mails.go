package doctor

import (
	"context"
	"errors"
	"time"

	"github.com/cloakroom-auth/cloakroom/mail"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// greeting is how long the server of our mail may take to let us in.
const greeting = 10 * time.Second

// mails asks the server of our mail whether it would take some, and reads the letters. Nothing is sent.
func mails(ctx context.Context, cfg config.Config) []Finding {
	var found []Finding
	for _, wrong := range server.CheckTemplates(cfg) {
		found = append(found, fail("mail", wrong.Key+": "+wrong.Reason, wrong.Mend))
	}
	if cfg.Mail.URL == "" {
		return append(found, ok("mail", "none is configured: nobody is mailed, and what lives by mail is not there"))
	}
	smtp, err := mail.ParseURL(cfg.Mail.URL)
	smtp.From, smtp.Password = cfg.Mail.From, mail.Password(cfg.Mail.Password)
	within, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	if err = errors.Join(err, smtp.Greet(within)); err != nil {
		return append(found, fail("mail", err.Error(), "see that the server runs, that mail.url and mail.password are right, and that it lets this machine in"))
	}
	return append(found, ok("mail", smtp.Addr+" answers, and lets us in"))
}

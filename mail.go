package cloakroom

import (
	"context"
	"errors"
)

// A Mailer hands a mail to whoever delivers it, several at once. It is called again, with the same Mail.ID, link and code, after an error or
// a crash; an error that wraps ErrRejected says that this would be of no use. ctx ends after 90 seconds.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// Mail is one mail to one recipient, in words that are ready.
type Mail struct {
	ID      string // the same for every try, for a Message-ID
	To      string // one address, as it is on file, see NormalizeEmail: byte for byte for RCPT TO
	Letter  string // which of the letters it is, such as verify_email
	Locale  string // the language of its words (BCP 47)
	Subject string
	Text    string
	HTML    string
}

// ErrRejected means that a mail can never be delivered.
var ErrRejected = errors.New("rejected for good")

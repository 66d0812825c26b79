package cloakroom

import (
	"context"
	"errors"
)

// A Mailer hands a mail to whoever delivers it. It is called again, with the same Mail.ID, after an error; an error that
// wraps ErrRejected says that this would be of no use.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// Mail is one mail to one recipient, in words that are ready.
type Mail struct {
	ID      string // the same for every try, for a Message-ID
	To      string // one address, as its owner wrote it: byte for byte for RCPT TO (RFC 5321 §2.4)
	Letter  string // which of the letters it is, such as verify_email
	Locale  string // the language of its words (BCP 47)
	Subject string
	Text    string
	HTML    string
}

// ErrRejected means that a mail can never be delivered.
var ErrRejected = errors.New("rejected for good")

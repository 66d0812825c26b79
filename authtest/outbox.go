package authtest

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// Outbox is a Mailer that delivers nothing and keeps all mails. The zero Outbox is empty and ready. It is safe for
// concurrent use.
type Outbox struct {
	mu      sync.Mutex
	mails   []kept
	refusal error
	changed chan struct{} // closed when a mail comes, for those who wait
}

type kept struct {
	cloakroom.Mail
	seen bool
}

var _ cloakroom.Mailer = (*Outbox)(nil)

// Send keeps the mail, or returns what Fail was given, or the error of a ctx that has ended.
func (o *Outbox) Send(ctx context.Context, m cloakroom.Mail) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if o.refusal != nil {
		return o.refusal
	}
	o.mails = append(o.mails, kept{Mail: m})
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return nil
}

// Fail lets Send return this error from now on, and keep nothing; nil: all is well again.
func (o *Outbox) Fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refusal = err
}

// Sent returns all mails in the order in which they came.
func (o *Outbox) Sent() []cloakroom.Mail {
	o.mu.Lock()
	defer o.mu.Unlock()
	mails := make([]cloakroom.Mail, len(o.mails))
	for i, m := range o.mails {
		mails[i] = m.Mail
	}
	return mails
}

// mailPatience is how long WaitFor waits. Mail is sent beside the request that caused it, on machines that may be busy.
const mailPatience = 10 * time.Second

// WaitFor returns the oldest mail to this address, byte for byte, that it has not returned before, and waits for one if there is none.
// letter names the letter that it must be, such as "reset_password"; "" is any. After ten seconds the test fails.
func (o *Outbox) WaitFor(tb testing.TB, to, letter string) cloakroom.Mail {
	tb.Helper()
	deadline := time.After(mailPatience)
	for {
		m, changed, found := o.next(to, letter)
		if found {
			return m
		}
		select {
		case <-changed:
		case <-deadline:
			tb.Fatalf("no mail %s to %s; there were %s", letter, to, o.summary())
			return m
		}
	}
}

// next finds a mail, or gives a channel that is closed when another has come.
func (o *Outbox) next(to, letter string) (m cloakroom.Mail, changed <-chan struct{}, found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.mails, func(k kept) bool { return !k.seen && k.To == to && (letter == "" || k.Letter == letter) })
	if i >= 0 {
		o.mails[i].seen = true
		return o.mails[i].Mail, nil, true
	}
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return m, o.changed, false
}

func (o *Outbox) summary() string {
	var list []string
	for _, m := range o.Sent() {
		list = append(list, m.Letter+" to "+m.To)
	}
	if list == nil {
		return "none"
	}
	return strings.Join(list, ", ")
}

var (
	firstLink = regexp.MustCompile(`https?://[^\s<>"]+`)
	eightCode = regexp.MustCompile(`(?m)^\s*(\d{4}) ?(\d{4})\s*$`)
)

// Link is the first address in the text of a mail, "" if it has none.
func Link(m cloakroom.Mail) string { return firstLink.FindString(m.Text) }

// Code is the code in the text of a mail, eight digits on a line of their own, "" if it has none.
func Code(m cloakroom.Mail) string {
	found := eightCode.FindStringSubmatch(m.Text)
	if found == nil {
		return ""
	}
	return found[1] + found[2]
}

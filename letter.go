package cloakroom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/device"
	"github.com/cloakroom-auth/cloakroom/internal/letter"
)

// A mail is ordered by a parcel that says which letter goes to which address, and written when it is sent: only then are the
// account looked up and the token minted. So the request that asks for a mail does the same work whether or not anybody has
// the address, and no token waits in the store.

// Letters, by the names of their templates.
const (
	letterVerify   = letter.VerifyEmail
	letterNewEmail = letter.VerifyNewEmail
	letterReset    = letter.ResetPassword
	letterCode     = letter.Mailcode
	letterKnown    = letter.SignupKnown
	letterDeletion = letter.Deletion
	letterNotice   = letter.Notice
)

// order is what a parcel of mail holds.
type order struct {
	Letter  string         `json:"letter"`
	To      string         `json:"to"`
	UserID  string         `json:"user,omitempty"`  // empty: whoever has the address when it is sent, if anybody
	Other   string         `json:"other,omitempty"` // the other address of a change of e-mail
	Locale  string         `json:"locale,omitempty"`
	Attempt *TokenID       `json:"attempt,omitempty"` // the sign-in that it belongs to
	SignUp  *pendingSignUp `json:"sign_up,omitempty"`
	Event   EventType      `json:"event,omitempty"`
	At      time.Time      `json:"at"`
	IP      string         `json:"ip,omitempty"`
	Agent   string         `json:"agent,omitempty"`
	Detail  string         `json:"detail,omitempty"`
	Until   time.Time      `json:"until,omitzero"`
}

// errNobody drops a letter that is for nobody.
var errNobody = errors.New("nobody to write to")

// ordering is an event that causes a letter. Without a Mailer it is only the event.
func (a *Auth) ordering(e Event, o order) EventRecord {
	rec := a.records(e)[0]
	rec.Parcels = append(rec.Parcels, a.posted(e, o)...)
	return rec
}

// posted is the parcel of an order that an event causes; none without a Mailer or an address.
func (a *Auth) posted(e Event, o order) []Parcel {
	if a.config.Mailer == nil || o.To == "" {
		return nil
	}
	o.At, o.IP, o.Agent, o.Event = e.Time, e.IP, e.UserAgent, e.Type
	var data bytes.Buffer
	plain := json.NewEncoder(&data)
	plain.SetEscapeHTML(false) // a parcel has 8 KiB, and an address of a picture may be 2 KiB of ampersands
	_ = plain.Encode(o)        // it always does
	return []Parcel{{Realm: a.config.Realm, Kind: parcelMail, DueAt: e.Time, Data: data.Bytes()}}
}

// leaveAnonymous is leaveOrder for whoever asks. What is too much is answered like the rest.
func (a *Auth) leaveAnonymous(r *http.Request, e Event, o order) error {
	if a.config.Mailer == nil {
		return ErrNotFound
	}
	ctx, now := r.Context(), a.now()
	own, err := a.count(ctx, a.knownCounter(o.To, a.network(r)), 0, now)
	if err != nil {
		return err
	}
	if own.N == 0 && !a.limits.InsecureNoLogin {
		asked, err := a.count(ctx, counter{counterKey(a.config.Realm, "asked", o.foldKey()), a.limits.Mail}, 1, now)
		if err != nil || asked.N > a.limits.Mail.Max {
			return err
		}
	}
	return a.leaveOrder(r, e, o)
}

// leaveOrder stores an event with its letter, where nothing else changes, and wakes the postman.
func (a *Auth) leaveOrder(r *http.Request, e Event, o order) error {
	if a.config.Mailer == nil {
		return ErrNotFound
	}
	e = a.requested(r, e)
	if err := a.directory.Append(r.Context(), nil, []EventRecord{a.ordering(e, o)}); err != nil {
		return unavailable(err)
	}
	a.emit(r.Context(), e)
	a.mails.hurry()
	return nil
}

// write makes the mail of a bundle.
func (a *Auth) write(ctx context.Context, b *mailBundle) (Mail, error) {
	d := letter.Data{
		Site: a.site(), Base: a.config.BaseURL, To: b.To, Address: b.Other, Until: b.Until, IP: b.IP, Device: device.Name(b.Agent),
	}
	locale, err := a.fill(ctx, b, &d)
	if err != nil {
		return Mail{}, err
	}
	l, err := a.letters.Write(b.Letter, locale, d)
	if err != nil {
		return Mail{}, err
	}
	return Mail{To: b.To, Letter: b.Letter, Locale: l.Locale, Subject: l.Subject, Text: l.Text, HTML: l.HTML}, nil
}

// site is what the service is called.
func (a *Auth) site() string {
	if a.config.Mail.Site != "" {
		return a.config.Mail.Site
	}
	u, err := url.Parse(a.config.BaseURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// link is where a letter leads. Only BaseURL says to which host, whatever a request has claimed.
func (a *Auth) link(name string, t Token) string {
	path, known := a.config.Mail.Links[name]
	if !known {
		path = linkPaths[name]
	}
	sign := "?"
	if strings.Contains(path, "?") {
		sign = "&"
	}
	return strings.TrimRight(a.config.BaseURL, "/") + path + sign + "token=" + t.Reveal()
}

// linkPaths are the endpoints that take the tokens.
var linkPaths = map[string]string{
	letterVerify:   "/auth/email/verify",
	letterNewEmail: "/auth/email/confirm",
	letterReset:    "/auth/password/reset",
	letterCode:     "/auth/mailcode/verify",
	letterDeletion: "/auth/user/keep",
	letterNotice:   "/auth/disown",
}

// recipient finds whom a letter is for. errNobody: nobody has the address, or may be written to.
func (a *Auth) recipient(ctx context.Context, o *order) (*User, error) {
	find := a.byID(o.UserID)
	if o.UserID == "" {
		find = func(ctx context.Context) (User, error) { return a.directory.UserByEmail(ctx, a.config.Realm, o.To) }
	}
	user, err := find(ctx)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, errNobody
	case err != nil:
		return nil, unavailable(err)
	case user.Realm != a.config.Realm:
		return nil, errNobody
	}
	return &user, nil
}

// correspond makes ready what sends mail.
func (a *Auth) correspond() (err error) {
	a.mails = a.postman(parcelMail, mailPatience, a.sortMails, func(p Parcel) Event {
		var o order
		_ = json.Unmarshal(p.Data, &o) // what cannot be read names nobody
		return Event{Type: MailFailed, UserID: o.UserID, Reason: o.Letter, Details: map[string]string{"parcel": p.ID, "letter": o.Letter}}
	})
	if a.config.Mailer == nil {
		return nil // the words would only take time to read
	}
	a.letters, err = letter.New(a.config.Mail.Templates)
	if err != nil {
		return &ConfigError{Field: "Mail.Templates", Reason: err.Error(), Mend: "mend the templates"}
	}
	a.letters.Fallback = a.config.Mail.Locale
	return nil
}

// fill adds to a letter what only its own kind knows, and says in which language it is.
func (a *Auth) fill(ctx context.Context, b *mailBundle, d *letter.Data) (locale string, err error) {
	switch b.Letter {
	case letterVerify:
		return a.fillVerify(ctx, b, d)
	case letterNewEmail:
		return a.fillNewEmail(ctx, b, d)
	case letterReset:
		return a.fillReset(ctx, b, d)
	case letterCode:
		return a.fillCode(ctx, b, d)
	case letterDeletion:
		return a.fillDeletion(ctx, b, d)
	case letterNotice:
		return a.fillNotice(ctx, b, d)
	}
	return "", errors.Join(ErrRejected, errors.New("no such letter: "+b.Letter))
}

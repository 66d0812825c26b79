package cloakroom

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/device"
	"github.com/cloakroom-auth/cloakroom/internal/letter"
)

// Nobody's mailbox is flooded by ours: of each letter one a minute goes to an address, whoever asks for it, and what can be told
// in one mail is.

const foldTime = time.Minute

// mailBundle is one mail: an order, and those that say the same or can be told together.
type mailBundle struct {
	order         // the latest
	all   []order // oldest first
	// parcels are where in the batch they are.
	parcels []int
	again   bool // one of them was claimed before
}

// sendMails is the postman's send for mail.
func (a *Auth) sendMails(ctx context.Context, batch []Parcel) []error {
	outcome := make([]error, len(batch))
	for _, b := range bundles(batch, outcome) {
		err := a.sendMail(ctx, batch[b.parcels[0]].ID, b)
		for _, i := range b.parcels {
			outcome[i] = err
		}
	}
	return outcome
}

// bundles puts orders together that are one mail. What cannot be read is rejected.
func bundles(batch []Parcel, outcome []error) (list []*mailBundle) {
	known := map[string]*mailBundle{}
	for i, p := range batch {
		var o order
		if err := json.Unmarshal(p.Data, &o); err != nil {
			outcome[i] = errors.Join(ErrRejected, err)
			continue
		}
		b := known[o.bundleKey()]
		if b == nil {
			b = &mailBundle{}
			known[o.bundleKey()] = b
			list = append(list, b)
		}
		b.again = b.again || p.Tries > 1
		b.parcels, b.all = append(b.parcels, i), append(b.all, o)
	}
	for _, b := range list {
		slices.SortStableFunc(b.all, func(x, y order) int { return x.At.Compare(y.At) })
		b.order = b.all[len(b.all)-1]
	}
	// Several may have waited for one minute to end. Who asked first is written to first, whoever asks again and again.
	slices.SortStableFunc(list, func(x, y *mailBundle) int { return x.all[0].At.Compare(y.all[0].At) })
	return list
}

// bundleKey is what orders have in common that are one mail. A sign-in or sign-up that waits for it is not served by the letter of
// another: that may be somebody else's.
func (o *order) bundleKey() string {
	key := o.foldKey() + "\x00" + o.UserID
	if o.Attempt != nil {
		key += "\x00" + string(o.Attempt.Hash[:])
	}
	return key
}

// foldKey is what orders have in common of which one letter a minute is enough.
func (o *order) foldKey() string { return o.Letter + "\x00" + o.To }

// sendMail sends one mail. What did not go, for whatever reason, does not hold up the next.
func (a *Auth) sendMail(ctx context.Context, id string, b *mailBundle) (err error) {
	if ctx.Err() != nil {
		return postponed{a.now()} // the others took the time there was
	}
	c, at := counter{counterKey(a.config.Realm, "mail", b.foldKey()), Rate{1, foldTime}}, a.now()
	t, err := a.count(ctx, c, 1, at)
	switch {
	case err != nil:
		return err
	case t.N > 1 && b.waits():
		return postponed{t.ResetAt}
	case t.N > 1:
		return nil // the one that has just gone does as well
	}
	if err = a.handOver(ctx, id, b); err != nil {
		_, _ = a.count(context.WithoutCancel(ctx), c, -1, at)
	}
	if errors.Is(err, errNobody) {
		return nil
	}
	return err
}

// waits reports whether a letter goes out later if one like it has just gone: it tells of something, somebody waits for this very one, or
// what made it necessary has ended what the other one brought. Any other asks for a token again, and the latest mail has one.
func (b *mailBundle) waits() bool {
	switch b.Letter {
	case letterNotice, letterDeletion, letterNewEmail:
		return true
	case letterReset:
		return b.UserID != ""
	}
	return b.Attempt != nil
}

// handOver writes a mail and gives it to the Mailer. A panic in it is only an error.
func (a *Auth) handOver(ctx context.Context, id string, b *mailBundle) (err error) {
	m, err := a.write(ctx, b)
	if err != nil {
		return err
	}
	m.ID = id
	ctx, cancel := context.WithTimeout(ctx, parcelPatience)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("mailer panicked: %v", p)
		}
	}()
	return a.config.Mailer.Send(ctx, m)
}

// happenings are what a notice tells.
func (b *mailBundle) happenings() []letter.Happening {
	list := make([]letter.Happening, len(b.all))
	for i, o := range b.all {
		list[i] = letter.Happening{Type: cmp.Or(noticeWords[o.Event], string(o.Event)), At: o.At, IP: o.IP, Device: device.Name(o.Agent), Detail: o.Detail}
	}
	return list
}

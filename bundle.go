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

const (
	foldTime = time.Minute
	// mailPatience is how long a mail server may take for one mail. RFC 5321 §4.5.3.2 asks for more, ten minutes for the last answer alone; but a
	// lease has to outlast it, or another node sends the same mail meanwhile, and a code is good for ten minutes in all.
	mailPatience = 90 * time.Second
)

// mailBundle is one mail: an order, and those that say the same or can be told together.
type mailBundle struct {
	order           // the latest
	all     []order // oldest first
	parcels []Parcel
	id      string // that of its first parcel
	// mark is what the token and the code of the mail are drawn from.
	mark  string
	again bool // one of them was claimed before
}

// sortMails is the postman's sort for mail: one mail after another to whom they are for, in the order in which they were asked for.
func (a *Auth) sortMails(batch []Parcel) (queues [][]sending) {
	list, queues := bundles(batch)
	places, now := map[string]int{}, a.now()
	for _, b := range list {
		b.mark = b.markAt(now)
		i, known := places[b.queue()]
		if !known {
			i, queues = len(queues), append(queues, nil)
			places[b.queue()] = i
		}
		queues[i] = append(queues[i], sending{b.parcels, func(ctx context.Context) error { return a.sendMail(ctx, b) }})
	}
	return queues
}

// bundles puts orders together that are one mail. What cannot be read is rejected.
func bundles(batch []Parcel) (list []*mailBundle, unreadable [][]sending) {
	known := map[string]*mailBundle{}
	for _, p := range batch {
		var o order
		if err := json.Unmarshal(p.Data, &o); err != nil {
			unreadable = append(unreadable, []sending{{[]Parcel{p}, func(context.Context) error { return errors.Join(ErrRejected, err) }}})
			continue
		}
		b := known[o.bundleKey()]
		if b == nil {
			b = &mailBundle{id: p.ID}
			known[o.bundleKey()] = b
			list = append(list, b)
		}
		b.id = min(b.id, p.ID)
		b.again = b.again || p.Tries > 1
		b.parcels, b.all = append(b.parcels, p), append(b.all, o)
	}
	for _, b := range list {
		slices.SortStableFunc(b.all, func(x, y order) int { return x.At.Compare(y.At) })
		b.order = b.all[len(b.all)-1]
	}
	// Several may have waited for one minute to end. Who asked first is written to first, whoever asks again and again.
	slices.SortStableFunc(list, func(x, y *mailBundle) int { return x.all[0].At.Compare(y.all[0].At) })
	return list, unreadable
}

// markAt is the same for every try of a mail, for a day; then it is another, as no ticket of the first try is left to be lengthened. See slipRecall.
func (b *mailBundle) markAt(now time.Time) string {
	return fmt.Sprint(b.id, " ", int64(now.Sub(b.all[0].At)/slipRecall))
}

// queue is where a mail stands in line. What goes to the address that somebody wants to have is in the line of the one that he has: were he to
// change his mind, the later link must be made later, for it is the one that counts.
func (b *mailBundle) queue() string {
	if b.Letter == letterNewEmail {
		return b.Other
	}
	return b.To
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

// fold is the counter that holds one of them for its minute.
func (o *order) fold(realm string) counter {
	return counter{counterKey(realm, "mail", o.foldKey()), Rate{1, foldTime}}
}

// sendMail sends one mail. What did not go, for whatever reason, does not hold up the next.
func (a *Auth) sendMail(ctx context.Context, b *mailBundle) (err error) {
	c, at := b.fold(a.config.Realm), a.now()
	t, err := a.count(ctx, c, 1, at)
	switch {
	case err != nil:
		return err
	case t.N > 1 && b.waits():
		return postponed{t.ResetAt}
	case t.N > 1:
		return nil // the one that has just gone does as well
	}
	if err = a.handOver(ctx, b); err != nil {
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
func (a *Auth) handOver(ctx context.Context, b *mailBundle) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("mailer panicked: %v", p)
		}
	}()
	m, err := a.write(ctx, b)
	if err != nil {
		return err
	}
	m.ID = b.id
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

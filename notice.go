package cloakroom

import (
	"cmp"
	"context"
	"slices"

	"github.com/cloakroom-auth/cloakroom/internal/letter"
)

// What changes how an account is opened is told to its owner by mail, at the address from before the change, with a link for
// whoever did not do it, see Disown (ASVS 6.3.5, 6.3.7). Only an address that is proven gets such mail: its link can close the
// account.

var noticedEvents = []EventType{
	NewDevice, CredentialChanged, PasswordReset, PasswordSet, EmailChanged, FactorAdded, FactorRemoved, FactorsReset, FactorLocked,
	RecoveryCodesChanged, RecoveryCodeUsed, DeletionUndone, APIKeyCreated, APIKeyRotated, ResetRequired, ImpersonationBegun,
}

// noticeWords are the words of the events that are told by another name in letters.
var noticeWords = map[EventType]string{
	CredentialChanged: "password_changed", APIKeyRotated: "api_key_created", ImpersonationBegun: "impersonated",
}

// noticed is an event with the notice of it, if its user is to be told.
func (a *Auth) noticed(user *User, e Event) EventRecord {
	if !user.EmailVerified || user.Banned() || !slices.Contains(noticedEvents, e.Type) {
		return a.records(e)[0]
	}
	o := order{Letter: letterNotice, To: user.Email, UserID: user.ID, Detail: cmp.Or(e.Details["name"], e.Reason)}
	if e.Type == EmailChanged {
		o.Other = e.Details["to"]
	}
	return a.ordering(e, o)
}

func (a *Auth) fillNotice(ctx context.Context, b *mailBundle, d *letter.Data) (string, error) {
	user, err := a.recipient(ctx, &b.order)
	if err != nil {
		return "", err
	}
	first := b.all[0]
	t, err := a.issue(ctx, slipDisown, slip{UserID: user.ID, Email: b.To, Event: first.Event, At: first.At, mail: b.mark}, slipLife[slipDisown])
	d.Name, d.Happenings, d.Link, d.Life = user.Name, b.happenings(), a.link(letterNotice, t), slipLife[slipDisown]
	for _, o := range b.all {
		d.Address = cmp.Or(o.Other, d.Address)
	}
	return user.Locale, err
}

package valkey

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

// Open implements cloakroom.Ledger. The session that was just opened is never among those closed over the limit, even if
// its CreatedAt is the oldest. When the session of o.Replace is of another bucket, it ends first, with its data in the
// hands of this call: should that fail now, a guest is lost.
func (l *Ledger) Open(ctx context.Context, o cloakroom.Opening) (cloakroom.Opened, error) {
	done, err := l.open(ctx, o)
	if err != nil {
		return cloakroom.Opened{}, fmt.Errorf("open session %s: %w", o.Session.ID, err)
	}
	return done, nil
}

func (l *Ledger) open(ctx context.Context, o cloakroom.Opening) (done cloakroom.Opened, err error) {
	session, err := pack(o.Session) // before anything is taken
	if err != nil {
		return done, err
	}
	var data []string
	if o.Replace != nil && o.Replace.Bucket != o.Session.Token.Bucket {
		if done.Replaced, data, err = l.take(ctx, o); err != nil {
			return done, err
		}
		if done.Replaced {
			ctx = context.WithoutCancel(ctx) // begun is begun; the timeout holds
		}
		o.Replace = nil
	}
	answer, err := l.insert(ctx, o, session, data)
	if err != nil {
		return done, err
	}
	switch answer[0] {
	case "replaced":
		done.Replaced = true
	case "taken":
		return done, errors.New("there is one with this id or token")
	}
	done.Evicted = answer[1:]
	return done, nil
}

// take ends the session of o.Replace. Its data, if it is to be inherited, is fields and values.
func (l *Ledger) take(ctx context.Context, o cloakroom.Opening) (taken bool, data []string, err error) {
	found, err := texts(l.keep(ctx, call{
		takeScript, o.Replace.Bucket, []string{l.tokenKey(*o.Replace)},
		[]string{encoded(o.Replace.Hash), decimal(micros(o.MovedUntil)), digit(o.Inherit)},
	}))
	if err != nil || len(found) == 0 {
		return false, nil, err
	}
	return true, found[1:], nil
}

// insert runs open.lua. Its answer has at least one text.
func (l *Ledger) insert(ctx context.Context, o cloakroom.Opening, session string, data []string) ([]string, error) {
	s := o.Session
	keys := []string{l.tokenKey(s.Token), l.ownerKey(s.Token.Bucket, s.UserID), l.dataKey(s.Ref())}
	replaced := ""
	if o.Replace != nil {
		keys, replaced = append(keys, l.tokenKey(*o.Replace)), encoded(o.Replace.Hash)
	}
	args := []string{
		encoded(s.Token.Hash), session, decimal(int64(max(o.Limit, 0))), decimal(micros(o.Now)),
		replaced, decimal(micros(o.MovedUntil)), digit(o.Inherit),
	}
	answer, err := texts(l.keep(ctx, call{openScript, s.Token.Bucket, keys, append(args, data...)}))
	if err == nil && len(answer) == 0 {
		err = errForm
	}
	return answer, err
}

// digit is a yes or a no for a script.
func digit(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}

package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/cmd/cloakroom/internal/roster"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
)

// inFlight is how many accounts are made at once: so many that a database has some to commit together, and none waits for the
// hashing of another's fast hash; and so few that running servers have room beside.
const inFlight = 16

// intake takes in the accounts of a list.
type intake struct {
	add      importer
	refusals *refusals
	progress *progress
	stage    archive.Stage
	read     *atomic.Int64 // of size bytes
	size     int64
	foreign  bool // the list is another system's export, which nobody wrote for us: what is of no weight may be left out

	created, present, admins int
	trimmed                  int // of the created: those that lack something
	byEmail                  int // of the present: those that nothing but the e-mail says are of this list

	seed   maphash.Seed
	emails map[uint64]uint64 // of what has an external id, by that: of each 16 bytes
}

// entrant is one account of the list.
type entrant struct {
	roster.Account
	done    chan struct{} // closed when the rest is known
	user    *cloakroom.User
	created bool
	left    cloakroom.FieldErrors // why fields were left out
	err     error
}

// run takes in all accounts, and counts them in their order. It ends early with what is no fault of a single account.
func (in *intake) run(ctx context.Context, accounts iter.Seq2[roster.Account, error]) error {
	ctx, cancel := context.WithCancel(ctx)
	queue := make(chan *entrant, inFlight)
	defer drain(queue)
	defer cancel()
	go in.feed(ctx, accounts, queue)
	for {
		select {
		case e, more := <-queue:
			if !more {
				return ctx.Err()
			}
			<-e.done
			if err := in.count(e); err != nil {
				return err
			}
		case <-ctx.Done(): // perhaps nothing comes any more: somebody types the list
			return ctx.Err()
		}
	}
}

// feed begins with one account after the other. In queue is all that it has begun.
func (in *intake) feed(ctx context.Context, accounts iter.Seq2[roster.Account, error], queue chan<- *entrant) {
	defer close(queue)
	var latest []*entrant // among them all that are not done
	for a, err := range accounts {
		e := &entrant{Account: a, done: make(chan struct{}), err: err}
		select {
		case queue <- e:
		case <-ctx.Done():
			return
		}
		if e.err == nil {
			e.err = ctx.Err()
		}
		if e.err != nil {
			close(e.done)
			continue
		}
		go in.admit(ctx, e, slices.Clone(latest))
		latest = append(latest[max(0, len(latest)-inFlight-1):], e)
	}
}

// admit makes an account. Of two that claim the same the first gets it, each time that the list is read.
func (in *intake) admit(ctx context.Context, e *entrant, before []*entrant) {
	defer close(e.done)
	for _, b := range before {
		if e.rivals(b) {
			<-b.done
		}
	}
	e.user, e.created, e.err = in.add(ctx, e.ImportedUser)
	if left, only := errors.AsType[cloakroom.FieldErrors](e.err); only && in.foreign && e.trim(left) {
		e.left = left
		e.user, e.created, e.err = in.add(ctx, e.ImportedUser)
	}
}

// trim takes out of an account what is wrong with it, if it can be without: false.
func (e *entrant) trim(wrong cloakroom.FieldErrors) bool {
	dispensable := map[string]func(){
		"roles":        func() { e.Roles = slices.DeleteFunc(e.Roles, func(r string) bool { return !roleName.MatchString(r) }) },
		"name":         func() { e.Name = "" },
		"locale":       func() { e.Locale = "" },
		"picture":      func() { e.Picture = "" },
		"phone_number": func() { e.Phone = "" },
	}
	for _, f := range wrong {
		leave, known := dispensable[f.Field]
		if !known {
			return false
		}
		leave()
	}
	return true
}

// roleName is what a role may be called here.
var roleName = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// rivals reports whether both claim the same id or e-mail.
func (e *entrant) rivals(b *entrant) bool {
	return e.ExternalID != "" && e.ExternalID == b.ExternalID ||
		e.Email != "" && cloakroom.NormalizeEmail(e.Email) == cloakroom.NormalizeEmail(b.Email)
}

// drain waits for what was begun.
func drain(queue <-chan *entrant) {
	for {
		select {
		case e, more := <-queue:
			if !more {
				return
			}
			<-e.done
		default:
			return
		}
	}
}

// count takes note of an account. Its error is one that the next account would meet, too.
func (in *intake) count(e *entrant) error {
	in.progress.watch(in.stage, in.read.Load(), in.size)
	in.progress.told = fmt.Sprintf("%d accounts", in.created+in.present+in.refusals.accounts)
	fields, refused := faults(e.err)
	if e.err == nil && in.contradicts(e) {
		fields, refused = cloakroom.FieldErrors{{Field: "external_id", Code: "repeated", Message: "is that of an earlier account of the list, which has another e-mail"}}, true
	}
	switch {
	case refused:
		in.progress.end() // so that the bar is not in the way of what is said
		return in.refusals.add(e.Account, fields)
	case e.err != nil && e.Line > 0:
		return fmt.Errorf("line %d: %w", e.Line, e.err)
	case e.err != nil:
		return e.err
	case !e.created:
		in.present++
		if e.found() {
			in.byEmail++
		}
		return nil
	}
	in.created++
	if e.left != nil {
		in.trimmed++
		in.progress.end()
		if err := in.refusals.trimmed(e.Account, e.left); err != nil {
			return err
		}
	}
	if slices.Contains(e.Roles, cloakroom.RoleAdmin) {
		in.admins++
	}
	return nil
}

// contradicts reports whether an account has an e-mail, and the list another one for its external id, or none; it notes the first.
func (in *intake) contradicts(e *entrant) bool {
	if e.ExternalID == "" {
		return false
	}
	if in.emails == nil {
		in.seed, in.emails = maphash.MakeSeed(), map[uint64]uint64{}
	}
	id, email := maphash.String(in.seed, e.ExternalID), maphash.String(in.seed, cloakroom.NormalizeEmail(e.Email))
	earlier, seen := in.emails[id]
	if !seen {
		in.emails[id] = email
	}
	return seen && e.Email != "" && earlier != email
}

// found reports whether an account that is there may be somebody else's than the list means: it has the e-mail, and neither an
// external id nor the time of its making says that it comes from there.
func (e *entrant) found() bool {
	return e.ExternalID == "" && (e.CreatedAt.IsZero() || !e.user.CreatedAt.Equal(e.CreatedAt.Truncate(time.Microsecond)))
}

// faults are what is wrong with an account, if the error is of one account alone.
func faults(err error) (fields cloakroom.FieldErrors, refused bool) {
	if r, ok := errors.AsType[*roster.Refusal](err); ok {
		return cloakroom.FieldErrors{{Field: r.Field, Code: r.Code, Message: r.Message}}, true
	}
	if errors.Is(err, cloakroom.ErrEmailTaken) {
		return cloakroom.FieldErrors{{Field: "email", Code: "email_taken", Message: "is that of another account"}}, true
	}
	return errors.AsType[cloakroom.FieldErrors](err)
}

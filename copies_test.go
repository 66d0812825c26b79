package cloakroom_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// doubtful is a mail server that delivers every mail, and whose answer to the first try of it is lost.
type doubtful struct {
	*authtest.Outbox
	mu    sync.Mutex
	tried map[string]bool
}

func (d *doubtful) Send(ctx context.Context, m cloakroom.Mail) error {
	if err := d.Outbox.Send(ctx, m); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tried[m.ID] {
		return nil
	}
	d.tried[m.ID] = true
	return errDown
}

// doubted runs a test where every mail comes twice.
func doubted(t *testing.T, test func(t *testing.T, p *postal)) {
	synctest.Test(t, func(t *testing.T) {
		box := &doubtful{Outbox: &authtest.Outbox{}, tried: map[string]bool{}}
		p := newPostal(t, cloakroom.Config{
			Store: memory.New(), Mailer: box, Now: time.Now, MailCode: cloakroom.MailCodePolicy{Allowed: true}, Limits: cloakroom.Limits{InsecureNoLogin: true},
		})
		p.box = box.Outbox
		test(t, p)
	})
}

// copies are the mails of a letter, of which there must be two of one Mail.ID.
func (p *postal) copies(letter string) (first, again cloakroom.Mail) {
	p.t.Helper()
	var list []cloakroom.Mail
	for _, m := range p.box.Sent() {
		if m.Letter == letter {
			list = append(list, m)
		}
	}
	if len(list) != 2 || list[0].ID != list[1].ID {
		p.t.Fatalf("%d mails %s: %+v", len(list), letter, list)
	}
	return list[0], list[1]
}

var letterOf = map[string]string{
	"verify": "verify_email", "change": "verify_new_email", "reset": "reset_password", "code": "mailcode", "disown": "notice", "keep": "deletion",
}

// Of two copies of a mail a reader may keep either: the link is one, and works, once.
func TestCopiesOfAMailHaveOneLink(t *testing.T) {
	for _, l := range links {
		letter := letterOf[l.kind]
		if letter == "" { // none that is mailed
			continue
		}
		t.Run(l.kind, func(t *testing.T) {
			doubted(t, func(t *testing.T, p *postal) {
				token, use := l.make(p, "ana@example.com")
				time.Sleep(time.Minute)
				first, again := p.copies(letter)
				if tokenOf(t, first) != token || tokenOf(t, again) != token {
					t.Error("the copies have other links")
				}
				done(t, use(token))
				fails(t, use(tokenOf(t, again)), cloakroom.ErrInvalidLink, "a second time")
			})
		})
	}
}

// Of two copies of a mail the code is one, and signs in.
func TestCopiesOfAMailHaveOneCode(t *testing.T) {
	doubted(t, func(t *testing.T, p *postal) {
		p.User("ana@example.com")
		d := p.browser()
		c := d.askCode("ana@example.com")
		time.Sleep(time.Minute)
		first, again := p.copies("mailcode")
		if authtest.Code(first) == "" || authtest.Code(first) != authtest.Code(again) {
			t.Errorf("the codes %q and %q", authtest.Code(first), authtest.Code(again))
		}
		done(t, second(d.typeCode(c, authtest.Code(first))))
	})
}

// Mails have links and codes of their own, also those that say the same.
func TestEachMailHasItsOwnLink(t *testing.T) {
	doubted(t, func(t *testing.T, p *postal) {
		p.User("ana@example.com")
		tokens, codes := map[string]bool{}, map[string]bool{}
		for range 3 {
			p.browser().askCode("ana@example.com")
			time.Sleep(2 * time.Minute)
		}
		for _, m := range p.box.Sent() {
			tokens[tokenOf(t, m)], codes[authtest.Code(m)] = true, true
		}
		if len(tokens) != 3 || len(codes) != 3 || len(p.box.Sent()) != 6 {
			t.Errorf("%d mails with %d links and %d codes", len(p.box.Sent()), len(tokens), len(codes))
		}
	})
}

// A mail that was read is not sent once more.
func TestMailThatWasReadIsNotTriedAgain(t *testing.T) {
	for _, l := range links {
		if letterOf[l.kind] == "" {
			continue
		}
		t.Run(l.kind, func(t *testing.T) {
			doubted(t, func(t *testing.T, p *postal) {
				token, use := l.make(p, "ana@example.com")
				done(t, use(token)) // before the second try
				time.Sleep(time.Hour)
				sent := p.box.Sent()
				i := slices.IndexFunc(sent, func(m cloakroom.Mail) bool { return m.Letter == letterOf[l.kind] })
				if slices.ContainsFunc(sent[i+1:], func(m cloakroom.Mail) bool { return m.ID == sent[i].ID }) {
					t.Error("it was sent again")
				}
			})
		})
	}
}

// A mail that is tried again when a later one has gone does not take the place of that.
func TestLateTryTakesNoPlace(t *testing.T) {
	box := &authtest.Outbox{}
	refusals := 4 // within two and a half minutes; the next try is ten later
	m := &mailer{send: func(ctx context.Context, mail cloakroom.Mail) error {
		if refusals--; refusals >= 0 {
			return errDown
		}
		return box.Send(ctx, mail)
	}}
	synctest.Test(t, func(t *testing.T) {
		p := newPostal(t, cloakroom.Config{Store: memory.New(), Mailer: m, Now: time.Now})
		p.box = box
		p.User("ana@example.com")
		done(t, p.ForgotPassword(p.browser().request(), "ana@example.com"))
		time.Sleep(4 * time.Minute)
		done(t, p.ForgotPassword(p.browser().request(), "ana@example.com"))
		token := p.token("ana@example.com", "reset_password")
		time.Sleep(30 * time.Minute)
		if n := len(box.Sent()); n != 1 {
			t.Errorf("%d mails", n)
		}
		done(t, p.ResetPassword(p.browser().request(), token, nextSecret))
	})
}

// However late a mail goes, its link is as good as it says.
func TestLinkOfALateMail(t *testing.T) {
	for _, wait := range []time.Duration{50 * time.Minute, 5 * time.Hour, 23 * time.Hour, 50 * time.Hour} {
		t.Run(wait.String(), func(t *testing.T) {
			box := &authtest.Outbox{}
			synctest.Test(t, func(t *testing.T) {
				p := newPostal(t, cloakroom.Config{Store: memory.New(), Mailer: box, Now: time.Now})
				p.box = box
				p.User("ana@example.com")
				box.Fail(errDown)
				done(t, p.ForgotPassword(p.browser().request(), "ana@example.com"))
				time.Sleep(wait)
				box.Fail(nil)
				for len(box.Sent()) == 0 {
					time.Sleep(time.Minute)
				}
				time.Sleep(55 * time.Minute)
				done(t, p.ResetPassword(p.browser().request(), tokenOf(t, box.Sent()[0]), nextSecret))
			})
		})
	}
}

// What a mail stands for when it is tried again is what is true then.
func TestLinkOfAMailThatIsTriedAgainIsNotBoundToBefore(t *testing.T) {
	doubted(t, func(t *testing.T, p *postal) {
		ana := p.User("ana@example.com")
		done(t, p.ForgotPassword(p.browser().request(), "ana@example.com"))
		synctest.Wait()
		done(t, p.Sessions().RevokeAll(t.Context(), ana.ID))
		time.Sleep(time.Minute)
		_, again := p.copies("reset_password")
		done(t, p.ResetPassword(p.browser().request(), tokenOf(t, again), nextSecret))
	})
}

package cloakroom_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// Several mails are under way at once, and no more than a few.
func TestMailsGoSideBySide(t *testing.T) {
	var under, most int
	var mu sync.Mutex
	m := &mailer{send: func(context.Context, cloakroom.Mail) error {
		mu.Lock()
		under++
		most = max(most, under)
		mu.Unlock()
		time.Sleep(10 * time.Second)
		mu.Lock()
		under--
		mu.Unlock()
		return nil
	}}
	inBubble(t, m, func(t *testing.T, p *postal) {
		p.forgets("first@example.com")
		synctest.Wait()
		for i := range 31 {
			p.forgets(fmt.Sprintf("u%d@example.com", i))
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if most != 8 || len(m.ids) != 32 {
			t.Errorf("%d at once, %d in all", most, len(m.ids))
		}
	})
}

// A mail server may take its time: each mail goes once, and those behind it wait no longer than they must.
func TestSlowMailServer(t *testing.T) {
	for _, pace := range []time.Duration{20 * time.Second, 33 * time.Second, 80 * time.Second} {
		t.Run(pace.String(), func(t *testing.T) {
			m := &mailer{send: func(ctx context.Context, _ cloakroom.Mail) error {
				select {
				case <-time.After(pace):
				case <-ctx.Done():
				}
				return ctx.Err()
			}}
			inBubble(t, m, func(t *testing.T, p *postal) {
				start := time.Now()
				const mails = 100
				for i := range mails {
					p.forgets(fmt.Sprintf("u%d@example.com", i))
				}
				time.Sleep(time.Hour)
				for i := range mails {
					tries := m.tried(fmt.Sprintf("u%d@example.com", i))
					if len(tries) != 1 || tries[0].Sub(start) > (mails/8+2)*pace {
						t.Errorf("mail %d was tried %v after %v", i, tries, start)
					}
				}
			})
		})
	}
}

// Patience ends before the lease does, or two would send one mail at the same time.
func TestMailServerThatHangsIsLeftBeforeTheLeaseEnds(t *testing.T) {
	var mu sync.Mutex
	var took []time.Duration
	m := &mailer{send: func(ctx context.Context, _ cloakroom.Mail) error {
		start := time.Now()
		<-ctx.Done()
		mu.Lock()
		defer mu.Unlock()
		took = append(took, time.Since(start))
		return ctx.Err()
	}}
	inBubble(t, m, func(t *testing.T, p *postal) {
		p.forgets("ana@example.com")
		time.Sleep(92 * time.Second) // the next try is five seconds after the first
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(took, []time.Duration{90 * time.Second}) {
			t.Errorf("it was left after %v", took)
		}
	})
}

// What was sent is settled at once: a node that dies has only to fear for what was under way.
func TestWhatWasSentIsSettledWhileOthersAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		orders := newPostal(t, cloakroom.Config{Store: undelivered{store}, Now: time.Now, Limits: cloakroom.Limits{InsecureNoLogin: true}})
		for i := range 32 {
			orders.forgets(fmt.Sprintf("u%d@example.com", i))
		}
		stuck := &mailer{send: func(ctx context.Context, m cloakroom.Mail) error {
			if m.To == "u5@example.com" {
				<-ctx.Done()
			}
			return ctx.Err()
		}}
		newPostal(t, cloakroom.Config{Store: store, Now: time.Now, Mailer: stuck, Limits: cloakroom.Limits{InsecureNoLogin: true}})
		time.Sleep(10 * time.Second)
		left, err := store.ClaimParcels(t.Context(), cloakroom.ParcelQuery{Kind: "mail", Now: time.Now().Add(time.Hour), LeasedUntil: time.Now().Add(time.Hour), Max: 99})
		if err != nil || len(left) != 1 {
			t.Errorf("%d of 32 mails are not settled, %v", len(left), err)
		}
	})
}

// Mails to one address go one after another, in the order in which they were asked for.
func TestMailsToOneAddressKeepTheirOrder(t *testing.T) {
	var mu sync.Mutex
	var under int
	var order []string
	m := &mailer{send: func(_ context.Context, m cloakroom.Mail) error {
		mu.Lock()
		if under++; under > 1 {
			t.Error("two at once")
		}
		order = append(order, m.Letter)
		mu.Unlock()
		time.Sleep(3 * time.Second)
		mu.Lock()
		under--
		mu.Unlock()
		return nil
	}}
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		c := cloakroom.Config{Now: time.Now, MailCode: cloakroom.MailCodePolicy{Allowed: true}, Limits: cloakroom.Limits{InsecureNoLogin: true}}
		c.Store = undelivered{store}
		p := newPostal(t, c)
		p.User("ana@example.com")
		done(t, p.ForgotPassword(p.browser().request(), "ana@example.com"))
		time.Sleep(time.Second)
		p.browser().askCode("ana@example.com")
		time.Sleep(time.Second)
		p.browser().askCode("ana@example.com") // waits a minute for the other
		c.Store, c.Mailer = store, m
		newPostal(t, c)
		time.Sleep(10 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(order, []string{"reset_password", "mailcode", "mailcode"}) {
			t.Errorf("sent %v", order)
		}
	})
}

// A failure says which mail it was of, and neither its address nor its token.
func TestMailFailureSaysOfWhich(t *testing.T) {
	m := &mailer{send: func(context.Context, cloakroom.Mail) error { return errDown }}
	inBubble(t, m, func(t *testing.T, p *postal) {
		ana := p.User("ana@example.com")
		s, r, _ := p.admitted("ana@example.com")
		p.Forget()
		done(t, p.RequestEmailChange(r, s, "new@example.com"))
		synctest.Wait()
		failures := p.Events(cloakroom.RequestFailed)
		if len(failures) != 1 {
			t.Fatalf("told %+v", failures)
		}
		e, id := failures[0], m.ids["new@example.com"][0]
		if e.UserID != ana.ID || e.Reason != "mail" || len(e.Details) != 2 || e.Details["letter"] != "verify_new_email" || e.Details["parcel"] != id {
			t.Errorf("told %+v", e)
		}
	})
}

package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// mailer is a Mailer that is a function, and notes when it was called for whom.
type mailer struct {
	send func(ctx context.Context, m cloakroom.Mail) error

	mu    sync.Mutex
	tries map[string][]time.Time // by address
	ids   map[string][]string
}

func (m *mailer) Send(ctx context.Context, mail cloakroom.Mail) error {
	m.mu.Lock()
	if m.tries == nil {
		m.tries, m.ids = map[string][]time.Time{}, map[string][]string{}
	}
	m.tries[mail.To] = append(m.tries[mail.To], time.Now())
	m.ids[mail.To] = append(m.ids[mail.To], mail.ID)
	m.mu.Unlock()
	if m.send == nil {
		return nil
	}
	return m.send(ctx, mail)
}

func (m *mailer) tried(to string) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.tries[to])
}

// inBubble runs a test of the postman in a bubble of time, where the world's clock is the bubble's.
func inBubble(t *testing.T, m *mailer, test func(t *testing.T, p *postal)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPostal(t, cloakroom.Config{
			Store: memory.New(), Mailer: m, Now: time.Now, Methods: []cloakroom.Method{fake{name: "pin"}}, Limits: cloakroom.Limits{InsecureNoLogin: true},
		})
		test(t, p)
	})
}

// forgets orders a mail for a new user of this e-mail.
func (p *postal) forgets(email string) {
	p.t.Helper()
	_, err := p.Users().Create(p.t.Context(), cloakroom.NewUser{Email: email, EmailVerified: true})
	done(p.t, err)
	done(p.t, p.ForgotPassword(p.browser().request(), email))
}

// A mail that is refused is tried again later and later, for three days, and then given up, with an event.
func TestMailIsTriedAgain(t *testing.T) {
	m := &mailer{send: func(context.Context, cloakroom.Mail) error { return errDown }}
	inBubble(t, m, func(t *testing.T, p *postal) {
		start := time.Now()
		p.forgets("ana@example.com")
		time.Sleep(100 * time.Hour)
		tries := m.tried("ana@example.com")
		want := []time.Duration{
			0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour,
			6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
		}
		if len(tries) != len(want) {
			t.Fatalf("%d tries", len(tries))
		}
		last := start
		for i, at := range tries {
			if pause := at.Sub(last); pause < want[i] || pause > want[i]+6*time.Second {
				t.Errorf("try %d came after %v, want %v", i+1, pause, want[i])
			}
			last = at
		}
		if ids := slices.Compact(m.ids["ana@example.com"]); len(ids) != 1 {
			t.Errorf("the mail had the ids %v", ids)
		}
		p.failed("reset_password")
	})
}

// failed holds the mails that were given up against what was expected, and looks for what must not be told of them.
func (p *postal) failed(letters ...string) {
	p.t.Helper()
	var told, kept []string
	for _, e := range p.Events(cloakroom.MailFailed) {
		told = append(told, e.Reason)
	}
	for e, err := range p.Auth.Events().Before(p.t.Context(), "", "") {
		if done(p.t, err); e.Type == cloakroom.MailFailed {
			kept = append(kept, e.Reason)
			if strings.Contains(fmt.Sprint(e), "@") {
				p.t.Errorf("the event has an address: %+v", e)
			}
		}
	}
	if !slices.Equal(told, letters) || !slices.Equal(kept, letters) {
		p.t.Errorf("told %v, kept %v, want %v", told, kept, letters)
	}
}

func TestMailIsRejected(t *testing.T) {
	m := &mailer{send: func(context.Context, cloakroom.Mail) error {
		return fmt.Errorf("550 no such user: %w", cloakroom.ErrRejected)
	}}
	inBubble(t, m, func(t *testing.T, p *postal) {
		p.forgets("ana@example.com")
		time.Sleep(48 * time.Hour)
		if n := len(m.tried("ana@example.com")); n != 1 {
			t.Errorf("%d tries", n)
		}
		p.failed("reset_password")
	})
}

// A mail that brings the Mailer down holds up no other, and none goes twice for it.
func TestMailerPanics(t *testing.T) {
	m := &mailer{send: func(_ context.Context, m cloakroom.Mail) error {
		if m.To == "poison@example.com" {
			panic("cannot be encoded")
		}
		return nil
	}}
	inBubble(t, m, func(t *testing.T, p *postal) {
		p.forgets("before@example.com")
		p.forgets("poison@example.com")
		p.forgets("after@example.com")
		time.Sleep(100 * time.Hour)
		for _, to := range []string{"before@example.com", "after@example.com"} {
			if n := len(m.tried(to)); n != 1 {
				t.Errorf("%s: %d mails", to, n)
			}
		}
		p.failed("reset_password")
	})
}

// A mail server that hangs costs each mail its patience, and no mail its chance: what there was no time for was not tried.
func TestMailerHangs(t *testing.T) {
	hung := true
	var mu sync.Mutex
	sent := map[string]int{}
	m := &mailer{send: func(ctx context.Context, m cloakroom.Mail) error {
		mu.Lock()
		hangs := hung
		mu.Unlock()
		if hangs {
			<-ctx.Done()
			return ctx.Err()
		}
		mu.Lock()
		defer mu.Unlock()
		sent[m.To]++
		return nil
	}}
	inBubble(t, m, func(t *testing.T, p *postal) {
		for i := range 100 {
			p.forgets(fmt.Sprintf("u%d@example.com", i))
		}
		time.Sleep(3 * time.Hour)
		mu.Lock()
		hung = false
		mu.Unlock()
		time.Sleep(7 * time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if len(sent) != 100 {
			t.Errorf("%d of 100 were sent", len(sent))
		}
		for to, n := range sent {
			if n != 1 {
				t.Errorf("%s got %d", to, n)
			}
		}
		p.failed()
	})
}

// One address that hangs does not keep the others waiting for long.
func TestMailerHangsForOne(t *testing.T) {
	var mu sync.Mutex
	sent := map[string][]time.Time{}
	m := &mailer{send: func(ctx context.Context, m cloakroom.Mail) error {
		if strings.HasPrefix(m.To, "tar") {
			<-ctx.Done()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		mu.Lock()
		defer mu.Unlock()
		sent[m.To] = append(sent[m.To], time.Now())
		return nil
	}}
	inBubble(t, m, func(t *testing.T, p *postal) {
		start := time.Now()
		for i := range 3 {
			p.forgets(fmt.Sprintf("tar%d@example.com", i))
		}
		for i := range 40 {
			p.forgets(fmt.Sprintf("u%d@example.com", i))
		}
		time.Sleep(10 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		for i := range 40 {
			if times := sent[fmt.Sprintf("u%d@example.com", i)]; len(times) != 1 || times[0].Sub(start) > 8*time.Minute {
				t.Errorf("number %d was sent %v", i, times)
			}
		}
	})
}

// Whoever claims a mail and is gone holds it for the time of a lease; then another sends it.
func TestMailOfACrashedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		dead := newPostal(t, cloakroom.Config{Store: undelivered{store}, Now: time.Now})
		dead.forgets("ana@example.com")
		lost, err := store.ClaimParcels(t.Context(), cloakroom.ParcelQuery{Kind: "mail", Now: time.Now(), LeasedUntil: time.Now().Add(2 * time.Minute), Max: 10})
		if err != nil || len(lost) != 1 {
			t.Fatalf("claimed %v, %v", lost, err)
		}
		m := &mailer{}
		newPostal(t, cloakroom.Config{Store: store, Now: time.Now, Mailer: m})
		time.Sleep(2*time.Minute - time.Second)
		if n := len(m.tried("ana@example.com")); n != 0 {
			t.Errorf("%d mails while it was leased", n)
		}
		time.Sleep(10 * time.Second)
		if n := len(m.tried("ana@example.com")); n != 1 {
			t.Errorf("%d mails", n)
		}
	})
}

// A store that does not take down what was sent makes it go again, and no sooner than the lease is over.
func TestMailIsNotSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &unsettled{Store: memory.New()}
		store.fails = true
		m := &mailer{}
		p := newPostal(t, cloakroom.Config{Store: store, Now: time.Now, Mailer: m})
		start := time.Now()
		p.forgets("ana@example.com")
		time.Sleep(time.Minute)
		store.mend()
		time.Sleep(time.Hour)
		tries := m.tried("ana@example.com")
		if len(tries) != 2 || tries[1].Sub(start) < 2*time.Minute {
			t.Errorf("tried %v after %v", tries, start)
		}
	})
}

// unsettled is a store that does not take down what became of parcels.
type unsettled struct {
	cloakroom.Store
	mu    sync.Mutex
	fails bool
}

func (s *unsettled) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = false
}

func (s *unsettled) SettleParcels(ctx context.Context, parcels []cloakroom.Parcel, events ...cloakroom.EventRecord) error {
	s.mu.Lock()
	fails := s.fails
	s.mu.Unlock()
	if fails {
		return errDown
	}
	return s.Store.SettleParcels(ctx, parcels, events...)
}

func (s *unsettled) Secrets(ctx context.Context) ([]cloakroom.Secret, error) {
	return s.Store.(cloakroom.SecretKeeper).Secrets(ctx)
}

// Many nodes send each mail once.
func TestMailOfManyNodes(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) func() cloakroom.Store{
		"memory": func(*testing.T) func() cloakroom.Store {
			store := memory.New()
			return func() cloakroom.Store { return store }
		},
		"sqlite": func(t *testing.T) func() cloakroom.Store {
			path := filepath.Join(t.TempDir(), "app.db")
			return func() cloakroom.Store {
				store, err := sqlite.Open(path)
				done(t, err)
				t.Cleanup(func() { done(t, store.Shutdown()) })
				return store
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, box := open(t), &authtest.Outbox{}
			var nodes []*postal
			for range 4 {
				nodes = append(nodes, newPostal(t, cloakroom.Config{Store: store(), Mailer: box, Limits: cloakroom.Limits{InsecureNoLogin: true}}))
			}
			const mails = 120
			atOnce(mails, func(i int) error {
				email := fmt.Sprintf("u%d@example.com", i)
				if _, err := nodes[i%4].Users().Create(t.Context(), cloakroom.NewUser{Email: email, EmailVerified: true}); err != nil {
					t.Error(err)
				}
				return nodes[(i+1)%4].ForgotPassword(nodes[i%4].browser().request(), email)
			})
			for i := range mails {
				box.WaitFor(t, fmt.Sprintf("u%d@example.com", i), "reset_password")
			}
			for _, n := range nodes {
				done(t, n.Close(t.Context()))
			}
			if n := len(box.Sent()); n != mails {
				t.Errorf("%d mails", n)
			}
		})
	}
}

// What was in the hands of a node that stops is sent by the next.
func TestMailDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		stuck := &mailer{send: func(ctx context.Context, _ cloakroom.Mail) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		one := newPostal(t, cloakroom.Config{Store: store, Now: time.Now, Mailer: stuck, Limits: cloakroom.Limits{InsecureNoLogin: true}})
		for i := range 5 {
			one.forgets(fmt.Sprintf("u%d@example.com", i))
		}
		time.Sleep(time.Second)
		done(t, one.Close(t.Context()))
		m := &mailer{}
		newPostal(t, cloakroom.Config{Store: store, Now: time.Now, Mailer: m})
		time.Sleep(30 * time.Second)
		for i := range 5 {
			if n := len(m.tried(fmt.Sprintf("u%d@example.com", i))); n != 1 {
				t.Errorf("number %d was sent %d times", i, n)
			}
		}
	})
}

// A store that does not answer delays mails, and is told of.
func TestMailStoreDown(t *testing.T) {
	m := &mailer{}
	synctest.Test(t, func(t *testing.T) {
		store := wrap(memory.New())
		p := newPostal(t, cloakroom.Config{Store: store, Mailer: m, Now: time.Now, Methods: []cloakroom.Method{fake{name: "pin"}}})
		for _, verb := range []string{"Count", "UserByEmail", "Put"} {
			email := strings.ToLower(verb) + "@example.com"
			_, err := p.Users().Create(t.Context(), cloakroom.NewUser{Email: email, EmailVerified: true})
			done(t, err)
			p.Forget()
			store.down("Append")
			unknowable(t, p.ForgotPassword(p.browser().request(), email), "an order that cannot be stored")
			store.hook(func(v string) error {
				if v == verb && verb != "Count" {
					return errDown
				}
				return nil
			})
			done(t, p.ForgotPassword(p.browser().request(), email))
			if verb == "Count" {
				store.down("Count")
			}
			time.Sleep(time.Minute)
			if n := len(m.tried(email)); n > 1 || n == 1 && verb != "Count" {
				t.Errorf("%s down: %d mails", verb, n)
			}
			store.down()
			time.Sleep(time.Hour)
			if n := len(m.tried(email)); n != 1 {
				t.Errorf("%s: %d mails", verb, n)
			}
			if verb != "Count" && len(p.Events(cloakroom.RequestFailed)) == 0 {
				t.Errorf("%s down, and nobody is told", verb)
			}
			for _, e := range p.Events(cloakroom.RequestFailed) {
				if !errors.Is(e.Err, errDown) {
					t.Errorf("told %+v", e)
				}
			}
		}
	})
}

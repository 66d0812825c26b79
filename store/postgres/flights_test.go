package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cloakroom-auth/cloakroom"
)

// TestFindTogether: of many look-ups at once each gets its own answer, and its own copy of it, whatever the others ask.
func TestFindTogether(t *testing.T) {
	findTogether(t, openAny(t, Config{}))
}

func findTogether(t *testing.T, s *Store) {
	var sessions []cloakroom.SessionRecord
	var users []cloakroom.User
	for i := range 6 {
		r, u := record(), newUser()
		u.Roles = []string{"admin", fmt.Sprint(i)}
		if i%3 == 0 {
			u = cloakroom.User{} // nobody, or a user who is gone
			r.UserID = []string{"", r.UserID}[i/3]
		} else {
			r.UserID = u.ID
			if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: u}); err != nil {
				t.Fatal(err)
			}
		}
		r.Methods = []string{"password", fmt.Sprint(i)}
		if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
			t.Fatal(err)
		}
		sessions, users = append(sessions, r), append(users, u)
	}
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for range 10 {
				unknown := sessions[0].Token
				unknown.Bucket++
				if _, _, err := s.Find(t.Context(), unknown, epoch); sentinel(err) != cloakroom.ErrNotFound {
					t.Errorf("a token of another bucket: %v, want ErrNotFound", err)
				}
				want := sessions[i%len(sessions)]
				session, user, err := s.Find(t.Context(), want.Token, epoch)
				if err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(want, session, cmpopts.EquateEmpty()) + cmp.Diff(users[i%len(users)], user, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("somebody else's answer: %s", diff)
				}
				session.Methods[0] = "spoilt"
				for i := range user.Roles {
					user.Roles[i] = "spoilt"
				}
			}
		})
	}
	all.Wait()
}

// carrier is a server that answers when it is told to.
type carrier struct {
	departed chan []cloakroom.TokenID
	answer   chan error
}

func (c *carrier) ask(_ context.Context, tokens []cloakroom.TokenID) (all []found, err error) {
	c.departed <- tokens
	if err := <-c.answer; err != nil {
		return nil, err
	}
	for i, t := range tokens {
		all = append(all, found{n: i + 1, session: cloakroom.SessionRecord{Token: t}})
	}
	return all, nil
}

// TestFlights: nobody joins what has departed, those who come meanwhile go together, and a failure is for those aboard alone.
func TestFlights(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one flight at a time
	c := carrier{make(chan []cloakroom.TokenID), make(chan error)}
	f := flights{ask: c.ask}
	errs := make(chan error, 300)
	find := func(bucket int) {
		go func() {
			token := cloakroom.TokenID{Bucket: uint16(bucket)}
			got, err := f.find(context.Background(), token)
			if err == nil && got.session.Token != token {
				err = errors.New("somebody else's answer")
			}
			errs <- err
		}()
	}
	gathered := func(n int) {
		t.Helper()
		eventually(t, "they gather", func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.waiting) == n
		})
	}
	find(0)
	if first := <-c.departed; len(first) != 1 {
		t.Fatalf("the first goes alone, not with %d", len(first))
	}
	for i := range flightSeats + 5 {
		find(1 + i)
	}
	gathered(flightSeats + 5)
	c.answer <- errors.New("lost")
	if err := <-errs; err == nil || err.Error() != "lost" {
		t.Errorf("aboard the flight that was lost: %v", err)
	}
	for _, want := range []int{flightSeats, 5} {
		if aboard := <-c.departed; len(aboard) != want {
			t.Errorf("%d went together, want %d", len(aboard), want)
		}
		c.answer <- nil
	}
	for range flightSeats + 5 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	eventually(t, "nobody flies when nobody waits", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.flying == 0
	})
}

// TestFlightsGoOnWithout: who gives up does not take the others along.
func TestFlightsGoOnWithout(t *testing.T) {
	c := carrier{make(chan []cloakroom.TokenID), make(chan error)}
	f := flights{ask: c.ask}
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := f.find(ctx, cloakroom.TokenID{Bucket: 7})
		gaveUp <- err
	}()
	tokens := <-c.departed
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) || !slices.Equal(tokens, []cloakroom.TokenID{{Bucket: 7}}) {
		t.Errorf("%v, aboard %v", err, tokens)
	}
	c.answer <- nil
}

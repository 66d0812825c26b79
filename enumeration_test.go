package cloakroom_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// attended is a store that notes what requests ask of it, as opposed to what is done beside them.
type attended struct {
	cloakroom.Store
	mu    sync.Mutex
	verbs []string
}

type watching struct{}

func (s *attended) note(ctx context.Context, verb string) {
	if ctx.Value(watching{}) != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.verbs = append(s.verbs, verb)
	}
}

// asked are the verbs since the last call, in no order: some are asked side by side.
func (s *attended) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.verbs
	s.verbs = nil
	slices.Sort(list)
	return list
}

func (s *attended) Secrets(ctx context.Context) ([]cloakroom.Secret, error) {
	return s.Store.(cloakroom.SecretKeeper).Secrets(ctx)
}

func (s *attended) CreateUser(ctx context.Context, c cloakroom.UserChange) error {
	s.note(ctx, "CreateUser")
	return s.Store.CreateUser(ctx, c)
}

func (s *attended) User(ctx context.Context, id string) (cloakroom.User, error) {
	s.note(ctx, "User")
	return s.Store.User(ctx, id)
}

func (s *attended) UserByEmail(ctx context.Context, realm, email string) (cloakroom.User, error) {
	s.note(ctx, "UserByEmail")
	return s.Store.UserByEmail(ctx, realm, email)
}

func (s *attended) UpdateUser(ctx context.Context, c cloakroom.UserChange) error {
	s.note(ctx, "UpdateUser")
	return s.Store.UpdateUser(ctx, c)
}

func (s *attended) Credentials(ctx context.Context, userID string) ([]cloakroom.Credential, error) {
	s.note(ctx, "Credentials")
	return s.Store.Credentials(ctx, userID)
}

func (s *attended) Append(ctx context.Context, entries []cloakroom.Revocation, events []cloakroom.EventRecord) error {
	s.note(ctx, fmt.Sprint("Append ", len(events)))
	return s.Store.Append(ctx, entries, events)
}

func (s *attended) Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (cloakroom.Tally, error) {
	s.note(ctx, fmt.Sprint("Count ", n))
	return s.Store.Count(ctx, key, n, window, now)
}

func (s *attended) Put(ctx context.Context, t cloakroom.Ticket) error {
	s.note(ctx, "Put "+t.Kind)
	return s.Store.Put(ctx, t)
}

func (s *attended) Ticket(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	s.note(ctx, "Ticket "+kind)
	return s.Store.Ticket(ctx, kind, id, now)
}

func (s *attended) Take(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	s.note(ctx, "Take "+kind)
	return s.Store.Take(ctx, kind, id, now)
}

func (s *attended) Swap(ctx context.Context, t cloakroom.Ticket, now time.Time) error {
	s.note(ctx, "Swap "+t.Kind)
	return s.Store.Swap(ctx, t, now)
}

// people are the states that an address can be in, and one of each.
var people = []string{"nobody", "known", "unverified", "banned", "leaving"}

func (p *postal) populate() {
	p.t.Helper()
	p.User("known@example.com")
	p.unverified("unverified@example.com")
	done(p.t, p.Users().Ban(p.t.Context(), p.User("banned@example.com").ID))
	p.User("leaving@example.com")
	s, r, _ := p.admitted("leaving@example.com")
	_, err := p.DeleteAccount(httptest.NewRecorder(), r, s)
	done(p.t, err)
	p.box.WaitFor(p.t, "leaving@example.com", "deletion")
}

// Whoever asks for a mail cannot tell from the answer, nor from the work that it takes, whether anybody has the address. The owner
// learns it from the mail.
func TestNobodyIsTold(t *testing.T) {
	verifyFirst := cloakroom.Config{VerifyFirst: true}
	codes := cloakroom.Config{MailCode: cloakroom.MailCodePolicy{Allowed: true}}
	codesOpen := cloakroom.Config{MailCode: cloakroom.MailCodePolicy{Allowed: true, SignUp: true}}
	askCode := func(p *postal, w http.ResponseWriter, r *http.Request, email string) (*cloakroom.Challenge, error) {
		return p.SendCode(w, r, cloakroom.CodeRequest{Email: email})
	}
	signUp := func(secret string) func(p *postal, w http.ResponseWriter, r *http.Request, email string) (*cloakroom.Challenge, error) {
		return func(p *postal, w http.ResponseWriter, r *http.Request, email string) (*cloakroom.Challenge, error) {
			g, err := p.SignUp(w, r, cloakroom.SignUp{Email: email, Name: "Mallory", Secret: secret})
			if err != nil {
				return nil, err
			}
			if g.Session != nil || g.Tokens != nil {
				t.Error("a sign-up by mail opened a session")
			}
			return g.Challenge, nil
		}
	}
	for _, c := range []struct {
		name   string
		config cloakroom.Config
		ask    func(p *postal, w http.ResponseWriter, r *http.Request, email string) (*cloakroom.Challenge, error)
		mails  map[string]string
	}{
		{"S-16 S140 V81 a forgotten password", cloakroom.Config{}, func(p *postal, _ http.ResponseWriter, r *http.Request, email string) (*cloakroom.Challenge, error) {
			return nil, p.ForgotPassword(r, email)
		}, map[string]string{"known": "reset_password", "unverified": "reset_password"}},
		{"S180 V81 a verification", cloakroom.Config{}, func(p *postal, _ http.ResponseWriter, r *http.Request, email string) (*cloakroom.Challenge, error) {
			return nil, p.RequestVerification(r, email)
		}, map[string]string{"unverified": "verify_email"}},
		{"S181 a code", codes, askCode, map[string]string{"known": "mailcode", "unverified": "mailcode"}},
		{"a code where it signs up", codesOpen, askCode, map[string]string{"known": "mailcode", "unverified": "mailcode", "nobody": "mailcode"}},
		{"S-16 S120 V80 a sign-up", verifyFirst, signUp(nextSecret), map[string]string{"known": "signup_known", "unverified": "verify_email", "nobody": "verify_email"}},
		{"a sign-up without a password", verifyFirst, signUp(""), map[string]string{"known": "signup_known", "unverified": "verify_email", "nobody": "verify_email"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEachStore(t, func(t *testing.T, store cloakroom.Store) {
				seen := &attended{Store: store}
				p := newPostal(t, onRealm(seen, c.config))
				p.populate()
				before := p.box.Sent()
				p.Forget()
				var first []string
				for _, who := range people {
					r, answer := p.from("192.0.2.1").request(), httptest.NewRecorder()
					r = r.WithContext(context.WithValue(r.Context(), watching{}, true))
					challenge, err := c.ask(p, answer, r, who+"@example.com")
					done(t, err)
					verbs := seen.asked()
					if first == nil {
						first = verbs
					}
					if !slices.Equal(verbs, first) || len(verbs) < 2 {
						t.Errorf("%s: asked the store for %v, for nobody for %v", who, verbs, first)
					}
					if challenge != nil && (len(challenge.Token.Reveal()) < 60 || len(challenge.Next) != 1 || challenge.ExpiresAt.IsZero()) {
						t.Errorf("%s: the challenge is %+v", who, challenge)
					}
					if len(answer.Result().Cookies()) > 0 {
						t.Errorf("%s: cookies", who)
					}
				}
				for _, e := range p.Events(cloakroom.PasswordForgotten, cloakroom.VerificationRequested, cloakroom.CodeRequested, cloakroom.SignUpRequested) {
					if e.UserID != "" {
						t.Errorf("the event %+v knows whose the address is", e)
					}
				}
				p.delivered()
				for _, m := range p.box.Sent()[len(before):] {
					for _, who := range people {
						if m.To == who+"@example.com" && c.mails[who] != m.Letter {
							t.Errorf("%s got %s", who, m.Letter)
						}
					}
				}
				for who, letter := range c.mails {
					p.box.WaitFor(t, who+"@example.com", letter)
				}
			})
		})
	}
}

// Nor can anybody tell from the answer to a code.
func TestS181WrongCodeTellsNobody(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		seen := &attended{Store: store}
		c := onRealm(seen, cloakroom.Config{MailCode: cloakroom.MailCodePolicy{Allowed: true}})
		p := newPostal(t, c)
		p.populate()
		var first []string
		for _, who := range people {
			d := p.from("192.0.2.1")
			challenge := d.askCode(who + "@example.com")
			p.delivered()
			r := d.request()
			r = r.WithContext(context.WithValue(r.Context(), watching{}, true))
			_, state, err := p.OpenCode(httptest.NewRecorder(), r, cloakroom.CodeAnswer{Challenge: challenge.Token.Reveal()})
			if err != nil || state.Approved || len(state.Numbers) > 0 {
				t.Errorf("%s: asked whether it was approved: %+v, %v", who, state, err)
			}
			_, _, err = p.OpenCode(httptest.NewRecorder(), r, cloakroom.CodeAnswer{Challenge: challenge.Token.Reveal(), Code: "00000000"})
			fails(t, err, cloakroom.ErrInvalidCredentials, who)
			verbs := seen.asked()
			if first == nil {
				first = verbs
			}
			if !slices.Equal(verbs, first) {
				t.Errorf("%s: asked the store for %v, for nobody for %v", who, verbs, first)
			}
		}
	})
}

// S120: where it may be known who has an account, a sign-up says so at once.
func TestS120TakenAddressIsTold(t *testing.T) {
	p := newPostal(t, cloakroom.Config{})
	p.populate()
	for _, who := range people[1:] {
		_, err := p.browser().signUp(cloakroom.SignUp{Email: who + "@example.com", Secret: authtest.Secret})
		fails(t, err, cloakroom.ErrEmailTaken, who)
	}
}

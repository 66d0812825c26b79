package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// Roads by which somebody might come into the account of somebody else, each of which was open once.

const victim = "victim@example.com"

func TestWhoWasFirstAtAnAddressGainsNothing(t *testing.T) {
	t.Run("where the owner signs up without a password", func(t *testing.T) {
		p := newPostal(t, cloakroom.Config{VerifyFirst: true})
		p.browser().pends(cloakroom.SignUp{Email: victim, Secret: authtest.Secret})
		p.token(victim, "verify_email")
		p.Clock.Advance(time.Minute)
		owner := p.elsewhere()
		hers := owner.pends(cloakroom.SignUp{Email: victim, Name: "Vic"}).Token.Reveal()
		token := p.token(victim, "verify_email")
		if _, err := owner.verify(cloakroom.EmailProof{Token: token, Challenge: hers}); !isFieldErrors(err) {
			t.Errorf("she is not asked for a password: %v", err)
		}
		done(t, second(owner.verify(cloakroom.EmailProof{Token: token, Challenge: hers, Secret: nextSecret})))
		fails(t, second(p.browser().trySignIn(victim, authtest.Secret)), cloakroom.ErrInvalidCredentials, "the password of who was first")
		done(t, second(p.elsewhere().trySignIn(victim, nextSecret)))
	})
	roads := map[string]func(p *postal, owner *device){
		"by a reset": func(p *postal, _ *device) {
			done(t, p.ResetPassword(p.elsewhere().request(), askReset(p, victim), nextSecret))
		},
		"by a mailed code": func(p *postal, owner *device) {
			c := owner.askCode(victim)
			done(t, second(owner.typeCode(c, authtest.Code(p.box.WaitFor(t, victim, "mailcode")))))
		},
		"by a verification": func(p *postal, owner *device) {
			done(t, p.RequestVerification(owner.request(), victim))
			done(t, second(owner.verify(cloakroom.EmailProof{Token: p.token(victim, "verify_email"), Secret: nextSecret})))
		},
	}
	for name, prove := range roads {
		t.Run("by the identity of another system, once the owner proves the address "+name, func(t *testing.T) {
			p := newPostal(t, cloakroom.Config{MailCode: cloakroom.MailCodePolicy{Allowed: true}})
			mallory := p.browser()
			his := cloakroom.External{Issuer: "https://idp.example", Subject: "mallory", Email: victim}
			done(t, second(mallory.external(his)))
			prove(p, p.elsewhere())
			mallory.answers(http.StatusUnauthorized, "his session")
			fails(t, second(p.browser().external(his)), cloakroom.ErrEmailTaken, "his identity")
		})
	}
	t.Run("by an API key, though the store fails in the middle of a reset", func(t *testing.T) {
		store := &keysDown{Store: memory.New()}
		p := newPostal(t, cloakroom.Config{Store: store, Secrets: []cloakroom.Secret{secret(1)}})
		mallory := p.browser()
		done(t, second(mallory.signUp(cloakroom.SignUp{Email: victim, Secret: authtest.Secret})))
		_, key := p.issue(cloakroom.NewAPIKey{UserID: mallory.live().User.ID, Scopes: []string{"all"}})
		token := askReset(p, victim)
		store.down = true
		unknowable(t, p.ResetPassword(p.elsewhere().request(), token, nextSecret), "while the keys cannot be dropped")
		store.down = false
		done(t, p.ResetPassword(p.elsewhere().request(), token, nextSecret))
		key.gets(http.StatusUnauthorized, "his key", cloakroom.Scope("all"))
	})
}

// keysDown is a store that cannot list API keys.
type keysDown struct {
	cloakroom.Store
	down bool
}

func (s *keysDown) APIKeys(ctx context.Context, q cloakroom.APIKeyQuery) ([]cloakroom.APIKeyRecord, error) {
	if s.down {
		return nil, errors.New("keys are out of reach")
	}
	return s.Store.APIKeys(ctx, q)
}

func TestAPasswordMakesNothingFreshThatAsksForTwoFactors(t *testing.T) {
	p := telling(t, cloakroom.Config{})
	ana := p.User("ana@example.com")
	d := p.browser()
	d.signIn(ana.Email)
	d.addTOTP()
	p.Clock.Advance(24 * time.Hour)
	done(t, second(d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return p.ChangeSecret(w, r, d.live(), cloakroom.Change{Current: authtest.Secret, Next: nextSecret})
	})))
	if err := d.live().Meets(cloakroom.Sensitive); err == nil {
		t.Error("the session counts as fresh")
	}
	if err := d.remove(p.factorID(ana.ID, "totp")); err == nil {
		t.Error("the second factor is gone without a code")
	}
}

func TestDisowningIsForTheOwner(t *testing.T) {
	t.Run("an identity that was linked goes, and does not come back before the reset", func(t *testing.T) {
		p := newPostal(t, cloakroom.Config{})
		ana := p.User("ana@example.com")
		his := cloakroom.External{Issuer: "https://idp.example", Subject: "thief", Email: ana.Email, EmailVerified: true}
		done(t, second(p.browser().external(his)))
		done(t, p.Disown(p.elsewhere().request(), p.token(ana.Email, "notice")))
		fails(t, second(p.browser().external(his)), cloakroom.ErrEmailTaken, "the identity")
		if u := p.user(ana.ID); u.ExternalID != "" || !u.ResetRequired {
			t.Errorf("the account is %+v", u)
		}
	})
	t.Run("an administrator who resets the factors takes it away, too", func(t *testing.T) {
		p := newPostal(t, cloakroom.Config{})
		ana := p.User("ana@example.com")
		done(t, second(p.browser().external(cloakroom.External{Issuer: "https://idp.example", Subject: "1", Email: ana.Email, EmailVerified: true})))
		done(t, p.Users().ResetFactors(t.Context(), ana.ID))
		if u := p.user(ana.ID); u.ExternalID != "" {
			t.Errorf("the account is %+v", u)
		}
	})
	t.Run("a thief who signs up by the old address does not keep it", func(t *testing.T) {
		p := newPostal(t, cloakroom.Config{})
		ana := p.User("ana@example.com")
		d := p.browser()
		d.signIn(ana.Email)
		done(t, p.RequestEmailChange(d.request(), d.live(), "mallory@example.com"))
		done(t, second(d.confirm(p.token("mallory@example.com", "verify_new_email"))))
		token := p.token(ana.Email, "notice")
		squatter := p.browser()
		done(t, second(squatter.signUp(cloakroom.SignUp{Email: ana.Email, Secret: authtest.Secret})))
		done(t, p.Disown(p.elsewhere().request(), token))
		if u := p.user(ana.ID); u.Email != ana.Email || !u.EmailVerified {
			t.Errorf("the owner's account is %+v", u)
		}
		squatter.answers(http.StatusUnauthorized, "the squatter")
	})
	t.Run("a notice to the thief's address is worth nothing once the account is back", func(t *testing.T) {
		p := telling(t, cloakroom.Config{})
		ana := p.User("ana@example.com")
		d := p.browser()
		d.signIn(ana.Email)
		p.Clock.Advance(2 * time.Minute)
		done(t, p.RequestEmailChange(d.request(), d.live(), "mallory@example.com"))
		done(t, second(d.confirm(p.token("mallory@example.com", "verify_new_email"))))
		hers := p.token(ana.Email, "notice")
		p.Clock.Advance(2 * time.Minute)
		p.issue(cloakroom.NewAPIKey{UserID: ana.ID, Scopes: []string{"all"}})
		his := p.token("mallory@example.com", "notice")
		p.Clock.Advance(5 * time.Minute)
		done(t, p.Disown(p.elsewhere().request(), hers))
		p.Clock.Advance(2 * time.Minute)
		done(t, p.ResetPassword(p.elsewhere().request(), p.token(ana.Email, "reset_password"), nextSecret)) // which comes by itself
		owner := p.elsewhere()
		done(t, second(owner.trySignIn(ana.Email, nextSecret)))
		owner.addTOTP()
		fails(t, p.Disown(p.browser().request(), his), cloakroom.ErrInvalidLink, "his notice")
		if u := p.user(ana.ID); !u.MFA || u.ResetRequired {
			t.Errorf("the account is %+v", u)
		}
		owner.answers(http.StatusOK, "her session")
	})
}

func TestACodeIsOfTheSignInThatAskedForIt(t *testing.T) {
	p := newPostal(t, cloakroom.Config{MailCode: cloakroom.MailCodePolicy{Allowed: true}})
	p.User("ana@example.com")
	mallory, ana := p.browser(), p.elsewhere()
	mallory.askCode("ana@example.com")
	p.box.WaitFor(t, "ana@example.com", "mailcode") // opens the minute
	p.Clock.Advance(10 * time.Second)
	hers := ana.askCode("ana@example.com")
	p.delivered() // so that both orders wait by the time the minute is over
	p.Clock.Advance(10 * time.Second)
	his := mallory.askCode("ana@example.com")
	p.delivered()
	p.Clock.Advance(50 * time.Second)
	p.delivered()
	code := authtest.Code(p.box.WaitFor(t, "ana@example.com", "mailcode"))
	fails(t, second(mallory.typeCode(his, code)), cloakroom.ErrInvalidCredentials, "the mail that she waits for")
	done(t, second(ana.typeCode(hers, code)))
}

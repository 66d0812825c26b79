package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/password"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// Whoever may not sign in is told one thing, after the same work.
func TestSignInRefused(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		var claims []cloakroom.Claim
		cheap := authtest.Password(t)
		counting := fake{name: "password", prove: func(ctx context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
			claims = append(claims, c)
			return cheap.Prove(ctx, c)
		}}
		setup := newWorld(t, cloakroom.Config{Store: store})
		setup.User("ana@example.com")
		deleted := setup.User("deleted@example.com")
		done(t, setup.Users().Delete(t.Context(), deleted.ID))
		banned := setup.User("banned@example.com")
		done(t, setup.Users().Ban(t.Context(), banned.ID))
		done(t, second(setup.Users().Create(t.Context(), cloakroom.NewUser{Email: "passwordless@example.com"})))

		w := newWorld(t, cloakroom.Config{Store: store, Methods: []cloakroom.Method{counting}})
		var first *httptest.ResponseRecorder
		for _, c := range []struct{ name, email string }{
			{"S90 a wrong password", "ana@example.com"},
			{"S91 V10 an unknown e-mail", "nobody@example.com"},
			{"S92 an account without a password", "passwordless@example.com"},
			{"S93 a deleted account", "deleted@example.com"},
			{"a banned account and a wrong password", "banned@example.com"},
		} {
			t.Run(c.name, func(t *testing.T) {
				claims = nil
				w.Forget()
				d := w.browser()
				_, err := d.trySignIn(c.email, "wrong password")
				if err != cloakroom.ErrInvalidCredentials { // the very same: it carries no cause
					t.Errorf("error %v", err)
				}
				if len(claims) != 1 {
					t.Errorf("the method worked %d times", len(claims))
				}
				w.happened(cloakroom.SignInFailed)
				answer := httptest.NewRecorder()
				r := d.request()
				w.Fail(answer, r, err)
				normal(answer)
				if first == nil {
					first = answer
				}
				if answer.Code != http.StatusUnauthorized || answer.Body.String() != first.Body.String() || !reflect.DeepEqual(answer.Header(), first.Header()) {
					t.Errorf("answer %d %v %s, the first was %v %s", answer.Code, answer.Header(), answer.Body, first.Header(), first.Body)
				}
			})
		}
	})
}

// normal blots out what is different in any two answers.
func normal(answer *httptest.ResponseRecorder) {
	body := answer.Body.String()
	if _, rest, found := strings.Cut(body, `"request_id":"`); found {
		id, _, _ := strings.Cut(rest, `"`)
		body = strings.ReplaceAll(body, id, "-")
		for _, lines := range answer.Header() {
			for i := range lines {
				lines[i] = strings.ReplaceAll(lines[i], id, "-")
			}
		}
	}
	answer.Body.Reset()
	answer.Body.WriteString(body)
}

func TestSignInFields(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	w.User("ana@example.com")
	w.Forget()
	for name, c := range map[string]struct {
		in    cloakroom.SignIn
		field string
	}{
		"S97 no password":                {cloakroom.SignIn{Email: "ana@example.com"}, "password"},
		"S97 no e-mail":                  {cloakroom.SignIn{Secret: "x"}, "email"},
		"S102 an e-mail of a megabyte":   {cloakroom.SignIn{Email: strings.Repeat("x", 1<<20), Secret: "x"}, "email"},
		"S102 a password of a megabyte":  {cloakroom.SignIn{Email: "ana@example.com", Secret: strings.Repeat("x", 1<<20)}, "password"},
		"an unknown method":              {cloakroom.SignIn{Email: "ana@example.com", Secret: "x", Method: "palm"}, "method"},
		"a delivery that is not allowed": {cloakroom.SignIn{Email: "ana@example.com", Secret: "x", Terms: cloakroom.Terms{Delivery: "both"}}, "delivery"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 { // none of them is a guess
				_, err := w.SignIn(httptest.NewRecorder(), w.browser().request(), c.in)
				fields, ok := errors.AsType[cloakroom.FieldErrors](err)
				if !ok || len(fields) != 1 || fields[0].Field != c.field {
					t.Fatalf("error %v, want one for the field %s", err, c.field)
				}
			}
		})
	}
	w.happened()
	w.browser().signIn("ana@example.com")
}

func TestStoredCredential(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		onFile := func(user *cloakroom.User) string {
			creds, err := store.Credentials(t.Context(), user.ID)
			done(t, err)
			return string(creds[0].Data)
		}
		t.Run("S105 a hash that cannot be read signs nobody in and is told of, without itself", func(t *testing.T) {
			ana := w.User("s105@example.com")
			creds, err := store.Credentials(t.Context(), ana.ID)
			done(t, err)
			creds[0].Data = []byte("$argon2id$broken-beyond-repair")
			done(t, store.SwapCredential(t.Context(), creds[0]))
			w.Forget()
			_, err = w.browser().trySignIn(ana.Email, authtest.Secret)
			if err != cloakroom.ErrInvalidCredentials {
				t.Errorf("error %v", err)
			}
			told := w.Events(cloakroom.CredentialCorrupt)
			w.happened(cloakroom.SignInFailed, cloakroom.CredentialCorrupt)
			if len(told) != 1 || told[0].UserID != ana.ID || told[0].Err == nil || strings.Contains(told[0].Err.Error(), "beyond-repair") {
				t.Errorf("told %+v", told)
			}
		})
		t.Run("S103 a hash of older parameters is replaced at sign-in, and only by the right password", func(t *testing.T) {
			ana := w.User("s103@example.com")
			old := onFile(ana)
			today := newWorld(t, cloakroom.Config{Store: store, Methods: []cloakroom.Method{password.Method{}}})
			_, err := today.browser().trySignIn(ana.Email, "wrong password")
			fails(t, err, cloakroom.ErrInvalidCredentials, "a wrong password")
			if onFile(ana) != old {
				t.Error("a wrong password replaced the hash")
			}
			today.browser().signIn(ana.Email)
			replaced := onFile(ana)
			if replaced == old || !strings.Contains(replaced, "m=19456") {
				t.Errorf("on file is %s after %s", replaced, old)
			}
			today.browser().signIn(ana.Email)
			if onFile(ana) != replaced {
				t.Error("a fresh hash was replaced again")
			}
		})
	})
}

// A method that asks for its credential to be replaced gets that, and losing the race for it harms nobody.
func TestImprove(t *testing.T) {
	store := wrap(memory.New())
	stronger := fake{name: "pin", prove: func(_ context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
		better := c.Credentials[0]
		better.Data = append(slices.Clone(better.Data), '+')
		return cloakroom.Proof{Credential: &better}, nil
	}}
	w := newWorld(t, cloakroom.Config{Store: store, Methods: []cloakroom.Method{stronger}})
	ana := w.User("ana@example.com")
	data := func() string {
		creds, err := store.Credentials(t.Context(), ana.ID)
		done(t, err)
		return string(creds[0].Data)
	}
	t.Run("S103 what a method made better is on file", func(t *testing.T) {
		w.browser().signIn(ana.Email)
		w.browser().signIn(ana.Email)
		if got := data(); got != "pin++" {
			t.Errorf("on file is %q", got)
		}
	})
	t.Run("that it could not be stored is told, and the sign-in goes on", func(t *testing.T) {
		store.down("SwapCredential")
		w.Forget()
		w.browser().signIn(ana.Email)
		w.happened(cloakroom.RequestFailed, cloakroom.SignedIn)
	})
	t.Run("a lost race is not even told", func(t *testing.T) {
		store.hook(func(verb string) error {
			if verb == "SwapCredential" {
				return fmt.Errorf("credential: %w", cloakroom.ErrConflict)
			}
			return nil
		})
		w.Forget()
		w.browser().signIn(ana.Email)
		w.happened(cloakroom.SignedIn)
	})
}

// Broken methods let nobody in.
func TestBrokenMethods(t *testing.T) {
	sure := fake{name: "sure", prove: func(context.Context, cloakroom.Claim) (cloakroom.Proof, error) { return cloakroom.Proof{}, nil }}
	unsure := fake{name: "unsure", prove: func(context.Context, cloakroom.Claim) (cloakroom.Proof, error) {
		return cloakroom.Proof{}, errors.New("the card reader is unplugged")
	}}
	w := newWorld(t, cloakroom.Config{Methods: []cloakroom.Method{sure, unsure}})
	w.User("ana@example.com")
	w.Forget()
	_, err := w.browser().trySignIn("nobody@example.com", "x")
	fails(t, err, cloakroom.ErrInvalidCredentials, "one that proves nobody")
	w.happened(cloakroom.SignInFailed)
	for range 30 { // it is not the guesser's fault
		_, err = w.SignIn(httptest.NewRecorder(), w.browser().request(), cloakroom.SignIn{Email: "ana@example.com", Secret: "x", Method: "unsure"})
		unknowable(t, err, "one that fails")
	}
	w.happened()
}

// A sign-in that races a change of password never opens a session that outlives it, wherever the change comes between.
func TestSignInRacesChange(t *testing.T) {
	for _, verb := range []string{"UserByEmail", "Credentials", "User", "Open"} {
		t.Run("S63 V89 a sign-in overtaken before "+verb, func(t *testing.T) {
			onEachStore(t, func(t *testing.T, inner cloakroom.Store) {
				store := wrap(inner)
				other := newWorld(t, cloakroom.Config{Store: inner})
				w := newWorld(t, cloakroom.Config{Store: store})
				ana := other.User("ana@example.com")
				once := true
				store.hook(func(v string) error {
					if v == verb && once {
						once = false
						return other.Users().SetSecret(t.Context(), ana.ID, "", nextSecret)
					}
					return nil
				})
				d := w.browser()
				g, err := d.trySignIn(ana.Email, authtest.Secret)
				if once {
					t.Fatal("the change did not happen")
				}
				if err == nil && verb != "Open" {
					t.Errorf("the old password was granted %+v", g)
				}
				if err != nil && !errors.Is(err, cloakroom.ErrInvalidCredentials) && !errors.Is(err, cloakroom.ErrInvalidChallenge) {
					t.Errorf("error %v", err)
				}
				d.answers(http.StatusUnauthorized, "whoever had the old password")
				if ids := w.listed(ana.ID); len(ids) > 0 {
					t.Errorf("sessions %v are listed", ids)
				}
			})
		})
	}
}

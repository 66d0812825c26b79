package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

func TestBan(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		ana := w.User("ana@example.com")
		cookie, bearer, stranger := w.browser(), w.program(), w.browser()
		cookie.signIn(ana.Email)
		bearer.signIn(ana.Email)
		w.Forget()
		t.Run("S65 V73 a banned user gets 403 on the next request, and is told at sign-in only after the right password", func(t *testing.T) {
			done(t, w.Users().Ban(t.Context(), ana.ID))
			done(t, w.Users().Ban(t.Context(), ana.ID)) // twice is no error
			w.happened(cloakroom.UserBanned)
			cookie.answers(http.StatusForbidden, "the browser of a banned user")
			bearer.answers(http.StatusForbidden, "the program of a banned user")
			_, err := cookie.session()
			fails(t, err, cloakroom.ErrBanned, "the session of a banned user")
			_, err = stranger.trySignIn(ana.Email, "wrong password")
			fails(t, err, cloakroom.ErrInvalidCredentials, "a wrong password")
			_, err = stranger.trySignIn(ana.Email, authtest.Secret)
			fails(t, err, cloakroom.ErrBanned, "the right password")
			w.happened(cloakroom.SignInFailed, cloakroom.SignInFailed)
			_, err = w.Admit(httptest.NewRecorder(), stranger.request(), ana.ID, cloakroom.Admission{Method: "test"})
			fails(t, err, cloakroom.ErrBanned, "admission")
			if len(w.listed(ana.ID)) > 0 {
				t.Error("sessions of a banned user are listed")
			}
		})
		t.Run("S66 after the ban a sign-in works, and tokens from before stay dead", func(t *testing.T) {
			w.Forget()
			done(t, w.Users().Unban(t.Context(), ana.ID))
			w.happened(cloakroom.UserUnbanned, cloakroom.SessionRevoked, cloakroom.SessionRevoked)
			done(t, w.Users().Unban(t.Context(), ana.ID))
			w.happened()
			cookie.answers(http.StatusUnauthorized, "the browser's token from before the ban")
			bearer.answers(http.StatusUnauthorized, "the program's token from before the ban")
			stranger.signIn(ana.Email)
			stranger.answers(http.StatusOK, "a new sign-in")
			cookie.answers(http.StatusUnauthorized, "the old token after a new sign-in")
		})
	})
}

func TestDelete(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		ana := w.User("ana@example.com")
		d := w.browser()
		d.signIn(ana.Email)
		w.Forget()
		t.Run("V73 S93 a deleted user is as unknown as one who never was", func(t *testing.T) {
			done(t, w.Users().Delete(t.Context(), ana.ID))
			w.happened(cloakroom.UserDeleted, cloakroom.SessionRevoked)
			d.answers(http.StatusUnauthorized, "the session of a deleted user")
			_, err := w.browser().trySignIn(ana.Email, authtest.Secret)
			fails(t, err, cloakroom.ErrInvalidCredentials, "sign-in")
			for what, err := range map[string]error{
				"Get":       second(w.Users().Get(t.Context(), ana.ID)),
				"ByEmail":   second(w.Users().ByEmail(t.Context(), ana.Email)),
				"Ban":       w.Users().Ban(t.Context(), ana.ID),
				"Unban":     w.Users().Unban(t.Context(), ana.ID),
				"Delete":    w.Users().Delete(t.Context(), ana.ID),
				"SetSecret": w.Users().SetSecret(t.Context(), ana.ID, "", nextSecret),
				"SetRoles":  second(w.Users().SetRoles(t.Context(), ana.ID, "x")),
				"RevokeAll": w.Sessions().RevokeAll(t.Context(), ana.ID),
			} {
				fails(t, err, cloakroom.ErrNotFound, what)
			}
		})
		t.Run("its e-mail is free for somebody else, who is somebody else", func(t *testing.T) {
			if again := w.User(ana.Email); again.ID == ana.ID {
				t.Error("the same id was given again")
			}
			d.answers(http.StatusUnauthorized, "the old token")
		})
	})
}

func second[T any](_ T, err error) error { return err }

func TestRoles(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		ana := w.User("ana@example.com")
		d := w.browser()
		d.signIn(ana.Email)
		editors := func() int {
			answer := httptest.NewRecorder()
			w.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}, cloakroom.Role("editor")).ServeHTTP(answer, d.request())
			return answer.Code
		}
		t.Run("S64 V66 V67 roles count from the next request on, given and taken", func(t *testing.T) {
			if got := editors(); got != http.StatusForbidden {
				t.Errorf("without the role: %d", got)
			}
			w.Forget()
			for range 2 { // the second time nothing changes, and nothing is told
				user, err := w.Users().SetRoles(t.Context(), ana.ID, "writer", "editor", "editor")
				done(t, err)
				if !slices.Equal(user.Roles, []string{"editor", "writer"}) {
					t.Errorf("roles %v", user.Roles)
				}
			}
			w.happened(cloakroom.UserUpdated)
			if got := editors(); got != http.StatusOK {
				t.Errorf("with the role: %d", got)
			}
			_, err := w.Users().SetRoles(t.Context(), ana.ID)
			done(t, err)
			if got := editors(); got != http.StatusForbidden {
				t.Errorf("after it was taken: %d", got)
			}
		})
	})
}

func TestSetSecret(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		ana := w.User("ana@example.com")
		here, there := w.browser(), w.program()
		here.signIn(ana.Email)
		there.signIn(ana.Email)
		t.Run("S63 a password that somebody else sets ends every session", func(t *testing.T) {
			w.Forget()
			done(t, w.Users().SetSecret(t.Context(), ana.ID, "", nextSecret))
			w.happened(cloakroom.CredentialChanged, cloakroom.SessionRevoked, cloakroom.SessionRevoked)
			here.answers(http.StatusUnauthorized, "a browser")
			there.answers(http.StatusUnauthorized, "a program")
			_, err := here.trySignIn(ana.Email, authtest.Secret)
			fails(t, err, cloakroom.ErrInvalidCredentials, "the old password")
			_, err = here.trySignIn(ana.Email, nextSecret)
			done(t, err)
		})
		t.Run("one against the rules ends none", func(t *testing.T) {
			w.Forget()
			if _, ok := w.Users().SetSecret(t.Context(), ana.ID, "", "short").(cloakroom.FieldErrors); !ok {
				t.Error("it was taken")
			}
			if _, ok := w.Users().SetSecret(t.Context(), ana.ID, "palm", nextSecret).(cloakroom.FieldErrors); !ok {
				t.Error("an unknown method took it")
			}
			here.answers(http.StatusOK, "a browser")
			w.happened()
		})
	})
}

func TestLastAdmin(t *testing.T) {
	remove := map[string]func(context.Context, cloakroom.Users, string) error{
		"ban":    func(ctx context.Context, u cloakroom.Users, id string) error { return u.Ban(ctx, id) },
		"delete": func(ctx context.Context, u cloakroom.Users, id string) error { return u.Delete(ctx, id) },
		"demote": func(ctx context.Context, u cloakroom.Users, id string) error {
			return second(u.SetRoles(ctx, id, "editor"))
		},
	}
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		for name, take := range remove {
			w := newWorld(t, cloakroom.Config{Store: store, Realm: name})
			admins := func() (n int) {
				for u, err := range w.Users().All(t.Context(), cloakroom.RoleAdmin) {
					done(t, err)
					if !u.Banned() {
						n++
					}
				}
				return n
			}
			t.Run("V119 the only administrator cannot be lost: "+name, func(t *testing.T) {
				root := w.User("root@example.com", cloakroom.RoleAdmin)
				d := w.browser()
				d.signIn(root.Email)
				w.Forget()
				fails(t, take(t.Context(), w.Users(), root.ID), cloakroom.ErrLastHolder, name)
				w.happened()
				d.answers(http.StatusOK, "the administrator")
				if admins() != 1 {
					t.Error("there is none left")
				}
				done(t, w.Users().SetSecret(t.Context(), root.ID, "", nextSecret)) // what keeps the role may happen
			})
			t.Run("V119 of two at once one stays: "+name, func(t *testing.T) {
				for i := range 8 {
					other := w.User("other"+string(rune('0'+i))+"@example.com", cloakroom.RoleAdmin)
					var ids []string
					for u, err := range w.Users().All(t.Context(), cloakroom.RoleAdmin) {
						done(t, err)
						if !u.Banned() {
							ids = append(ids, u.ID)
						}
					}
					if len(ids) != 2 || !slices.Contains(ids, other.ID) {
						t.Fatalf("arrangement: administrators %v", ids)
					}
					if n := atOnce(2, func(i int) error { return take(t.Context(), w.Users(), ids[i]) }); n != 1 || admins() != 1 {
						t.Fatalf("%d succeeded, %d are left", n, admins())
					}
				}
			})
		}
	})
}

func TestUsers(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		users, ctx := w.Users(), t.Context()
		t.Run("an account is found by any spelling of its e-mail, and taken in every one", func(t *testing.T) {
			ana, err := users.Create(ctx, cloakroom.NewUser{Email: " Zoë@Example.COM ", Name: "Zoë"})
			done(t, err)
			if ana.Email != "zoë@example.com" || ana.EmailVerified || ana.Realm != "" || ana.CreatedAt.IsZero() {
				t.Errorf("made %+v", ana)
			}
			for _, spelling := range []string{"zoe\u0308@example.com", "ZOË@EXAMPLE.COM", "zoë@example.com "} {
				if found, err := users.ByEmail(ctx, spelling); err != nil || found.ID != ana.ID {
					t.Errorf("%q: %v, %v", spelling, found, err)
				}
				_, err := users.Create(ctx, cloakroom.NewUser{Email: spelling})
				fails(t, err, cloakroom.ErrEmailTaken, spelling)
			}
		})
		t.Run("an update takes what may be edited, and nothing else", func(t *testing.T) {
			bob := w.User("bob@example.com")
			w.Forget()
			got, err := users.Update(ctx, bob.ID, func(u *cloakroom.User) error {
				u.Name, u.Email, u.EmailVerified = "Bobby", "Bobby@example.com", false
				u.ID, u.Epoch, u.Realm = "usr_evil", 99, "staff"
				return nil
			})
			done(t, err)
			stored, err := users.Get(ctx, bob.ID)
			done(t, err)
			for _, u := range []*cloakroom.User{got, stored} {
				if u.Name != "Bobby" || u.Email != "bobby@example.com" || u.EmailVerified || u.Epoch != bob.Epoch || u.Realm != "" || u.ID != bob.ID {
					t.Errorf("it is %+v", u)
				}
			}
			w.happened(cloakroom.EmailChanged)
			if _, err := users.ByEmail(ctx, bob.Email); !errors.Is(err, cloakroom.ErrNotFound) {
				t.Errorf("the old e-mail still finds: %v", err)
			}
		})
		t.Run("an update that fails changes nothing", func(t *testing.T) {
			eve := w.User("eve@example.com")
			w.Forget()
			stop := errors.New("stop")
			for _, change := range []struct {
				want error
				edit func(*cloakroom.User) error
			}{
				{stop, func(u *cloakroom.User) error { u.Name = "Mallory"; return stop }},
				{cloakroom.ErrEmailTaken, func(u *cloakroom.User) error { u.Email = "Bobby@example.com"; return nil }},
				{cloakroom.FieldErrors{}, func(u *cloakroom.User) error { u.Email = "not one"; return nil }},
				{cloakroom.FieldErrors{}, func(u *cloakroom.User) error { u.Roles = []string{"a b"}; return nil }},
				{cloakroom.FieldErrors{}, func(u *cloakroom.User) error { u.Name = "a\x00b"; return nil }},
			} {
				_, err := users.Update(ctx, eve.ID, change.edit)
				if _, fields := change.want.(cloakroom.FieldErrors); fields {
					if _, ok := err.(cloakroom.FieldErrors); !ok {
						t.Errorf("error %v, want FieldErrors", err)
					}
					continue
				}
				fails(t, err, change.want, "Update")
			}
			if now, err := users.Get(ctx, eve.ID); err != nil || now.Name != eve.Name || now.Email != eve.Email || now.Revision != eve.Revision {
				t.Errorf("it is %+v, %v", now, err)
			}
			w.happened()
		})
		t.Run("64 updates at once lose none", func(t *testing.T) {
			sum := w.User("sum@example.com")
			if n := atOnce(64, func(int) error {
				return second(users.Update(ctx, sum.ID, func(u *cloakroom.User) error { u.Name += "x"; return nil }))
			}); n != 64 {
				t.Errorf("%d updates succeeded", n)
			}
			if now, err := users.Get(ctx, sum.ID); err != nil || len(now.Name) != len(sum.Name)+64 {
				t.Errorf("the name is %q, %v", now.Name, err)
			}
		})
		t.Run("of 64 accounts made at once with one e-mail there is one", func(t *testing.T) {
			w.Forget()
			if n := atOnce(64, func(int) error {
				return second(users.Create(ctx, cloakroom.NewUser{Email: "one@example.com"}))
			}); n != 1 {
				t.Errorf("%d were made", n)
			}
			w.happened(cloakroom.UserCreated)
		})
	})
}

func TestAllUsers(t *testing.T) {
	w := newWorld(t, cloakroom.Config{Store: memory.New()})
	var want []string
	for i := range 450 {
		n := cloakroom.NewUser{}
		if i%2 == 0 {
			n.Roles = []string{"even"}
		}
		u, err := w.Users().Create(t.Context(), n)
		done(t, err)
		want = append(want, u.ID)
	}
	var all, even []string
	for u, err := range w.Users().All(t.Context(), "") {
		done(t, err)
		all = append(all, u.ID)
	}
	for u, err := range w.Users().All(t.Context(), "even") {
		done(t, err)
		even = append(even, u.ID)
	}
	if slices.Sort(want); !slices.Equal(all, want) {
		t.Errorf("%d users, want %d in order of id", len(all), len(want))
	}
	if len(even) != 225 {
		t.Errorf("%d of the role, want 225", len(even))
	}
}

func TestRealms(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		shop := newWorld(t, cloakroom.Config{Store: store, Cookie: cloakroom.Cookie{Name: "shop"}})
		staff := newWorld(t, cloakroom.Config{Store: store, Realm: "staff", Cookie: cloakroom.Cookie{Name: "staff"}})
		customer := shop.User("ana@example.com")
		_, err := staff.browser().trySignIn("ana@example.com", authtest.Secret)
		fails(t, err, cloakroom.ErrInvalidCredentials, "V105 a customer at the staff's door")

		t.Run("V105 V107 one e-mail is two accounts, each with its own password", func(t *testing.T) {
			employee := staff.User("ana@example.com")
			if employee.ID == customer.ID {
				t.Fatal("they are one account")
			}
			done(t, staff.Users().SetSecret(t.Context(), employee.ID, "", nextSecret))
			_, err := shop.program().trySignIn("ana@example.com", nextSecret)
			fails(t, err, cloakroom.ErrInvalidCredentials, "the employee's password in the shop")
			_, err = staff.program().trySignIn("ana@example.com", authtest.Secret)
			fails(t, err, cloakroom.ErrInvalidCredentials, "the customer's password at the staff's door")
			if _, err := staff.Users().Get(t.Context(), customer.ID); !errors.Is(err, cloakroom.ErrNotFound) {
				t.Errorf("the staff's users hold a customer: %v", err)
			}
			fails(t, staff.Users().Ban(t.Context(), customer.ID), cloakroom.ErrNotFound, "banning a customer")
			fails(t, staff.Users().Delete(t.Context(), customer.ID), cloakroom.ErrNotFound, "deleting a customer")
		})
		t.Run("V106 a token of one realm is refused in the other, both ways", func(t *testing.T) {
			inShop, atStaff := shop.program(), staff.program()
			inShop.signIn("ana@example.com")
			_, err := atStaff.trySignIn("ana@example.com", nextSecret)
			done(t, err)
			inShop.answers(http.StatusOK, "the customer in the shop")
			atStaff.answers(http.StatusOK, "the employee at work")
			staff.program().holding(inShop.token).answers(http.StatusUnauthorized, "the customer's token at work")
			shop.program().holding(atStaff.token).answers(http.StatusUnauthorized, "the employee's token in the shop")
		})
		t.Run("V108 one browser is signed in to both by cookies of two names", func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
			for _, w := range []*world{shop, staff} {
				user, err := w.Users().ByEmail(t.Context(), "ana@example.com")
				done(t, err)
				r = w.ByCookie(r, user)
			}
			for _, w := range []*world{shop, staff} {
				s, err := w.Authenticate(r)
				done(t, err)
				if want, _ := w.Users().ByEmail(t.Context(), "ana@example.com"); s.User.ID != want.ID {
					t.Errorf("it is %s, want %s", s.User.ID, want.ID)
				}
			}
		})
	})
}

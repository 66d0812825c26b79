package cloakroom_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// foreignHash is bcrypt of "correct horse", by Apache's htpasswd.
const foreignHash = "$2y$04$d2ue.kJudJJyNwXwooB2t.nRO5.KQRN03tWzzJZN.WLf6eVfVln3q"

func TestImport(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w, out := mailed(t, cloakroom.Config{Store: store})
		ctx := t.Context()
		began := time.Date(2019, 3, 1, 12, 0, 0, 0, time.FixedZone("CET", 3600))
		ana := cloakroom.ImportedUser{
			ExternalID: "auth0|1", Email: " Ana@Example.com", EmailVerified: true, Name: "Ana", Roles: []string{"staff", "staff"}, Locale: "de-AT",
			Picture: "https://example.com/a.png", Phone: "+43 660 12345678", CreatedAt: began, PasswordHash: foreignHash,
		}
		user, created, err := w.Users().Import(ctx, ana)
		if err != nil || !created {
			t.Fatalf("created %t, %v", created, err)
		}
		t.Run("the account is as it was elsewhere, and its password signs in", func(t *testing.T) {
			got, err := w.Users().Get(ctx, user.ID)
			done(t, err)
			if got.Email != "ana@example.com" || !got.EmailVerified || got.ExternalID != "auth0|1" || !slices.Equal(got.Roles, []string{"staff"}) ||
				got.Phone != "+4366012345678" || !got.CreatedAt.Equal(began) || got.Locale != "de-AT" {
				t.Errorf("%+v", got)
			}
			w.happened(cloakroom.UserImported)
			_, err = w.browser().trySignIn("ana@example.com", "correct horse")
			done(t, err)
			_, err = w.browser().trySignIn("ana@example.com", "correct hors")
			fails(t, err, cloakroom.ErrInvalidCredentials, "another password")
		})
		t.Run("imported again it is left as it is by now", func(t *testing.T) {
			_, err := w.Users().Update(ctx, user.ID, func(u *cloakroom.User) error { u.Name, u.Email = "Ana Lena", "lena@example.com"; return nil })
			done(t, err)
			w.Forget()
			again, created, err := w.Users().Import(ctx, ana)
			if err != nil || created || again.ID != user.ID || again.Name != "Ana Lena" || again.Email != "lena@example.com" {
				t.Errorf("%+v, created %t, %v", again, created, err)
			}
			w.happened()
		})
		t.Run("without an id the e-mail tells accounts apart", func(t *testing.T) {
			ben, created, err := w.Users().Import(ctx, cloakroom.ImportedUser{Email: "ben@example.com", Banned: true})
			if err != nil || !created || !ben.Banned() {
				t.Fatalf("%+v, created %t, %v", ben, created, err)
			}
			again, created, err := w.Users().Import(ctx, cloakroom.ImportedUser{Email: "BEN@example.com", Name: "Somebody"})
			if err != nil || created || again.ID != ben.ID || again.Name != "" {
				t.Errorf("%+v, created %t, %v", again, created, err)
			}
			_, _, err = w.Users().Import(ctx, cloakroom.ImportedUser{ExternalID: "auth0|2", Email: "ben@example.com"})
			fails(t, err, cloakroom.ErrEmailTaken, "another account with his e-mail")
		})
		t.Run("of many at once one makes it", func(t *testing.T) {
			var made [16]bool
			if n := atOnce(16, func(i int) (err error) {
				_, made[i], err = w.Users().Import(ctx, cloakroom.ImportedUser{ExternalID: "auth0|3", Email: "mia@example.com"})
				return err
			}); n != 16 {
				t.Errorf("%d of 16 went well", n)
			}
			if n := len(slices.DeleteFunc(made[:], func(m bool) bool { return !m })); n != 1 {
				t.Errorf("%d made it", n)
			}
		})
		t.Run("a password that does not count any more", func(t *testing.T) {
			_, _, err := w.Users().Import(ctx, cloakroom.ImportedUser{Email: "zoe@example.com", PasswordHash: foreignHash, ResetRequired: true})
			done(t, err)
			_, err = w.browser().trySignIn("zoe@example.com", "correct horse")
			fails(t, err, cloakroom.ErrResetRequired, "sign-in")
			out.WaitFor(t, "zoe@example.com", "reset_password") // which was asked for after all imports
			for _, m := range out.Sent() {
				if m.Letter != "notice" && m.Letter != "reset_password" || m.To == "mia@example.com" {
					t.Errorf("%s went to %s", m.Letter, m.To)
				}
			}
		})
		t.Run("what cannot be taken is told together", func(t *testing.T) {
			for name, c := range map[string]struct {
				in   cloakroom.ImportedUser
				want string
			}{
				"nothing at all":     {cloakroom.ImportedUser{}, "external_id required"},
				"an id too long":     {cloakroom.ImportedUser{ExternalID: strings.Repeat("x", 256)}, "external_id invalid_external_id"},
				"an id of two lines": {cloakroom.ImportedUser{ExternalID: "a\nb"}, "external_id invalid_external_id"},
				"several": {cloakroom.ImportedUser{Email: "nobody", Phone: "none", CreatedAt: w.Clock.Now().Add(time.Hour)},
					"email invalid_email,phone_number invalid_phone,created_at out_of_range"},
				"an unknown hash": {cloakroom.ImportedUser{Email: "eve@example.com", PasswordHash: "hunter2"}, "password_hash unknown_hash"},
			} {
				_, created, err := w.Users().Import(ctx, c.in)
				if got := strings.Join(refusedFields(t, err), ","); got != c.want || created {
					t.Errorf("%s: refused %q, want %q", name, got, c.want)
				}
			}
		})
	})
	t.Run("where no method reads hashes there are none", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{Methods: []cloakroom.Method{bare{"key"}}})
		_, _, err := w.Users().Import(t.Context(), cloakroom.ImportedUser{Email: "ana@example.com", PasswordHash: foreignHash})
		if got := refusedFields(t, err); !slices.Equal(got, []string{"password_hash not_allowed"}) {
			t.Errorf("refused %v", got)
		}
	})
}

// What one system gives out another takes in: people sign in with the passwords they have.
func TestAllWithHashes(t *testing.T) {
	from, to := newWorld(t, cloakroom.Config{}), newWorld(t, cloakroom.Config{})
	ctx := t.Context()
	ana, ben := from.User("ana@example.com", "staff"), from.User("ben@example.com")
	done(t, from.Users().Ban(ctx, ben.ID))
	_, _, err := from.Users().Import(ctx, cloakroom.ImportedUser{ExternalID: "auth0|1", Email: "mia@example.com", PasswordHash: foreignHash})
	done(t, err)
	gone := from.User("gone@example.com")
	leaving, err := from.Users().Get(ctx, gone.ID)
	done(t, err)
	leaving.LeavesAt = from.Clock.Now().Add(time.Hour)
	done(t, from.Store().UpdateUser(ctx, cloakroom.UserChange{User: *leaving}))

	n := 0
	for out, err := range from.Users().AllWithHashes(ctx) {
		done(t, err)
		line, err := json.Marshal(out)
		done(t, err)
		var in cloakroom.ImportedUser
		done(t, json.Unmarshal(line, &in))
		_, created, err := to.Users().Import(ctx, in)
		if err != nil || !created {
			t.Errorf("%s: created %t, %v", line, created, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d accounts, want those of ana, ben and mia", n)
	}
	to.browser().signIn(ana.Email)
	_, err = to.browser().trySignIn(ben.Email, authtest.Secret)
	fails(t, err, cloakroom.ErrBanned, "who was banned")
	_, err = to.browser().trySignIn("mia@example.com", "correct horse")
	done(t, err)
	arrived, err := to.Store().UserByExternalID(ctx, "", ana.ID)
	if err != nil || arrived.Email != ana.Email || !arrived.Is("staff") {
		t.Errorf("found by the id it had: %+v, %v", arrived, err)
	}
	down := wrap(from.Store())
	broken := newWorld(t, cloakroom.Config{Store: down})
	down.down("Credentials")
	for out, err := range broken.Users().AllWithHashes(ctx) {
		unknowable(t, err, "a store that does not answer")
		if out != nil {
			t.Errorf("gave %+v", out)
		}
	}
}

func ExampleUsers_Import() {
	var t testing.TB = &testing.T{} // the t of a test
	room := authtest.New(t, cloakroom.Config{})
	line := cloakroom.ImportedUser{
		ExternalID: "auth0|1", Email: "ana@example.com", EmailVerified: true,
		PasswordHash: "$2y$04$d2ue.kJudJJyNwXwooB2t.nRO5.KQRN03tWzzJZN.WLf6eVfVln3q",
	}
	for range 2 { // a second run does no harm
		user, created, err := room.Users().Import(context.Background(), line)
		fmt.Println(user.Email, created, err)
	}
	// Output:
	// ana@example.com true <nil>
	// ana@example.com false <nil>
}

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
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

func TestExport(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store, SecondFactors: []cloakroom.Method{fake{name: "totp"}}})
		ctx := t.Context()
		ana, ben := w.User("ana@example.com", "staff"), w.User("ben@example.com")
		w.Clock.Advance(time.Second) // ids of events are in order of time
		d, program := w.browser(), w.program()
		d.signIn(ana.Email)
		program.signIn(ana.Email)
		w.browser().signIn(ben.Email)
		w.enrolled(ana, "totp")
		w.Clock.Advance(time.Second)
		_, token, err := w.APIKeys().Create(ctx, cloakroom.NewAPIKey{Name: "nightly", UserID: ana.ID, Scopes: []string{"read"}})
		done(t, err)
		w.Clock.Advance(time.Second)
		w.Forget()
		e, err := w.Export(ctx, ana.ID)
		done(t, err)
		w.happened(cloakroom.UserExported)
		text, err := json.Marshal(e)
		done(t, err)
		t.Run("it has everything of the user", func(t *testing.T) {
			if e.User.ID != ana.ID || e.User.Email != ana.Email || !slices.Equal(e.User.Roles, []string{"staff"}) || !e.User.EmailVerified {
				t.Errorf("user %+v", e.User)
			}
			if len(e.Factors) != 2 || e.Factors[1].Method != "totp" || len(e.Sessions) != 2 || e.Sessions[1].UserAgent == "" || e.Sessions[1].IP == "" {
				t.Errorf("factors %+v, sessions %+v", e.Factors, e.Sessions)
			}
			if len(e.APIKeys) != 1 || e.APIKeys[0].Name != "nightly" {
				t.Errorf("keys %+v", e.APIKeys)
			}
			var types []cloakroom.EventType
			for _, v := range e.Events {
				types = append(types, v.Type)
			}
			if len(types) < 4 || types[0] != cloakroom.APIKeyCreated || types[len(types)-1] != cloakroom.UserCreated || e.EventsCut {
				t.Errorf("events %v, cut: %t", types, e.EventsCut)
			}
		})
		t.Run("it has no secret, and nothing of others", func(t *testing.T) {
			for what, secret := range map[string]string{
				"the hash of the password": "$argon2", "data of a factor": "of totp", "the API key": token.Reveal(), "a session's token": program.token,
				"a cookie's token": d.token, "somebody else": ben.ID, "his e-mail": ben.Email,
			} {
				if strings.Contains(string(text), secret) {
					t.Errorf("%s is in %s", what, text)
				}
			}
		})
		t.Run("it is recorded", func(t *testing.T) {
			for v, err := range w.Auth.Events().Of(ctx, ana.ID) {
				done(t, err)
				if v.Type != cloakroom.UserExported {
					t.Errorf("the latest event is %s", v.Type)
				}
				break
			}
		})
		_, err = w.Export(ctx, "usr_nobody")
		fails(t, err, cloakroom.ErrNotFound, "nobody")
		staff := newWorld(t, cloakroom.Config{Store: store, Realm: "staff"})
		_, err = staff.Export(ctx, ana.ID)
		fails(t, err, cloakroom.ErrNotFound, "somebody of another realm")
	})
}

// Of a long life the newest events are told, and that there are more.
func TestExportOfManyEvents(t *testing.T) {
	store := memory.New()
	w := newWorld(t, cloakroom.Config{Store: store})
	ana := w.User("ana@example.com")
	var many []cloakroom.EventRecord
	for i := range 10_050 {
		many = append(many, cloakroom.EventRecord{Type: "x", At: w.Clock.Now(), UserID: ana.ID, Data: fmt.Appendf(nil, `{"reason":"%d"}`, i)})
	}
	done(t, store.Append(t.Context(), nil, many))
	e, err := w.Export(t.Context(), ana.ID)
	done(t, err)
	if len(e.Events) != 10_000 || !e.EventsCut || e.Events[0].Reason != "10049" {
		t.Errorf("%d events, cut: %t, the first of %s", len(e.Events), e.EventsCut, e.Events[0].Reason)
	}
}

func ExampleAuth_Export() {
	var t testing.TB = &testing.T{} // the t of a test
	room := authtest.New(t, cloakroom.Config{})
	ana := room.User("ana@example.com")
	e, err := room.Export(context.Background(), ana.ID)
	if err != nil {
		panic(err)
	}
	fmt.Println(e.User.Email, e.Events[0].Type)
	// Output: ana@example.com user_created
}

package api_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestSignedGuests(t *testing.T) {
	cart := cloakroom.NewKey[string]("cart")
	ctx := context.Background()
	onEachStore(t, func(t *testing.T, w *world) {
		w.user("ana@example.com")
		inside := func(token string) *cloakroom.Session {
			t.Helper()
			r, _ := http.NewRequest("GET", "/", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			s, err := w.auth.Authenticate(r)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		guest := w.client()
		begun := guest.keep(guest.post("/auth/anonymous", `{"token":"signed","delivery":"bearer"}`).is(201))
		if begun.at("user") != nil || begun.at("session", "anonymous") != true || guest.refresh == "" {
			t.Fatalf("%s", begun.text)
		}
		id := begun.at("session", "id")
		t.Run("its token names no person", func(t *testing.T) {
			claims := payload(t, guest.bearer)
			if claims["sub"] != id || claims["sid"] != id || claims["auth_time"] != nil {
				t.Errorf("claims %v", claims)
			}
		})
		t.Run("it refreshes, and is a guest's all along", func(t *testing.T) {
			w.pass(11 * time.Minute)
			guest.renew().is(200)
			a := guest.get("/auth/session").is(200)
			if a.at("session", "id") != id || a.at("user") != nil {
				t.Errorf("%s", a.text)
			}
			guest.get("/auth/me").fails(401, "unauthenticated")
			guest.post("/auth/anonymous", `{"token":"signed"}`).is(200)
			guest.post("/auth/token", "").is(200)
		})
		t.Run("a sign-in takes its place: data kept, old tokens dead at once", func(t *testing.T) {
			if err := cart.Set(ctx, inside(guest.bearer), "a book"); err != nil {
				t.Fatal(err)
			}
			old := guest.again()
			guest.signIn("ana@example.com", "bearer")
			if w.told(cloakroom.GuestUpgraded) != 1 {
				t.Error("not told")
			}
			if got, ok, err := cart.Get(ctx, inside(guest.bearer)); got != "a book" || !ok || err != nil {
				t.Errorf("cart %q %v %v", got, ok, err)
			}
			old.get("/auth/me").fails(401, "invalid_token")
			if a := old.get("/auth/session"); a.at("session") != nil {
				t.Errorf("the guest lives on: %s", a.text)
			}
			old.renew().fails(401, "invalid_refresh_token")
			if w.told(cloakroom.RefreshReused) != 0 || !guest.signedIn() {
				t.Error("the upgrade was taken for theft")
			}
			guest.renew().is(200)
		})
		t.Run("by cookie too", func(t *testing.T) {
			c := w.client()
			if names, _ := c.post("/auth/anonymous", `{"token":"signed"}`).is(201).set(); !slices.Equal(names, allCookies) {
				t.Errorf("cookies %q", names)
			}
			w.pass(11 * time.Minute)
			c.renew().is(200)
			old := c.again()
			c.signIn("ana@example.com", "cookie")
			if old.get("/auth/session").at("session") != nil || !c.signedIn() {
				t.Error("the upgrade had no effect")
			}
			if w.told(cloakroom.GuestUpgraded) != 2 {
				t.Error("not told")
			}
			c.renew().is(200)
		})
	}, signed)
}

// An access token that has expired is not the end of its session: whoever has no cookie but that one must refresh first.
func TestExpiredAccessCookie(t *testing.T) {
	t.Run("a guest session never takes the place of one that can be refreshed", func(t *testing.T) {
		w := open(t, signed)
		w.user("ana@example.com")
		c := w.client().signIn("ana@example.com", "cookie")
		w.pass(11 * time.Minute)
		page := c.again()
		delete(page.cookies, "refresh") // its path is not that of this request
		a := page.post("/auth/anonymous", `{"token":"signed"}`)
		if len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("%d: the browser of a user was given a guest session: %s", a.status, a.text)
		}
	})
	t.Run("a sign-in takes the place of the guest session, and keeps its data", func(t *testing.T) {
		w := open(t, signed)
		w.user("ana@example.com")
		c := w.client()
		c.post("/auth/anonymous", `{"token":"signed"}`).is(201)
		w.pass(11 * time.Minute)
		delete(c.cookies, "refresh")
		c.signIn("ana@example.com", "cookie")
		if w.told(cloakroom.GuestUpgraded) != 1 {
			t.Error("the guest's data is lost")
		}
	})
}

// Package authtest helps programs that use cloakroom to test themselves: a whole Auth in memory, users, requests that are
// signed in by cookie or by bearer token, a clock that moves when told, and the events that happened.
//
//	func TestAdmin(t *testing.T) {
//		room := authtest.New(t, cloakroom.Config{})
//		handler := newApp(room.Auth)
//
//		ana := room.User("ana@example.com", "admin")
//		request := room.ByCookie(httptest.NewRequest("GET", "/admin", nil), ana)
//		answer := httptest.NewRecorder()
//		handler.ServeHTTP(answer, request)
//	}
//
// Passwords are hashed here with parameters that are worth nothing outside of a test, so that a test is quick; they can
// be had only with a testing.TB in hand.
//
// An Outbox takes the mails, to be read by the test, and a Passkey is an authenticator in software.
//
// Not here: a browser; the example passkeys drives a real one.
package authtest

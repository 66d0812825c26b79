package storetest

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// house is a store with something of everything in it, and where to look for it. The last user, session and ticket are
// not stored: a place to look for what must not appear.
type house struct {
	users    []cloakroom.User
	sessions []cloakroom.SessionRecord
	tokens   []cloakroom.TokenID // those that were closed or exchanged, too
	tickets  []cloakroom.Ticket
	realms   []string
	counters [][32]byte
	keys     []cloakroom.APIKeyRecord // those that were deleted, too
	parcels  []cloakroom.Parcel       // those that are due
	events   []string                 // ids of those that wait to be handed on
}

func (h *house) newcomer() cloakroom.User          { return h.users[len(h.users)-1] }
func (h *house) unopened() cloakroom.SessionRecord { return h.sessions[len(h.sessions)-1] }
func (h *house) unput() cloakroom.Ticket           { return h.tickets[len(h.tickets)-1] }

// furnish writes something with every verb there is.
func (w *world) furnish() *house {
	w.Helper()
	h := &house{realms: []string{realm, "other"}}
	w.furnishUsers(h)
	w.furnishSessions(h)
	set := w.keySet(realm)
	for set.Revision = range int64(2) {
		w.ok(w.store.SwapKeySet(w.Context(), set), "SwapKeySet")
	}
	w.revoked(3)
	w.furnishAPIKeys(h)
	w.furnishEvents(h)
	w.furnishParcels(h)
	open, used, swapped := w.put("reset", "open"), w.put("reset", "used"), w.put("attempt", "first")
	_, err := w.store.Take(w.Context(), used.Kind, used.ID, w.now)
	w.ok(err, "Take")
	swapped.Payload = []byte("second")
	w.ok(w.store.Swap(w.Context(), swapped, w.now), "Swap")
	unput := cloakroom.Ticket{Kind: "reset", ID: w.token(1), Payload: []byte("unput"), ExpiresAt: w.now.Add(time.Hour)}
	h.tickets = []cloakroom.Ticket{open, used, swapped, unput}
	full, given := w.hash(), w.hash()
	w.count(full, 7, time.Hour, 7, w.now.Add(time.Hour), "Count")
	w.count(given, 2, time.Hour, 2, w.now.Add(time.Hour), "Count")
	w.count(given, -2, time.Hour, 0, time.Time{}, "Count")
	h.counters = [][32]byte{full, given}
	return h
}

func (w *world) furnishUsers(h *house) {
	w.Helper()
	plain, changed, deleted := w.user(), w.user(), w.user()
	w.stored(plain, w.credential(plain, "password", "", "hash"))
	w.stored(changed, w.credential(changed, "password", "", "first"), w.credential(changed, "totp", "a", "seed"))
	w.stored(deleted, w.credential(deleted, "password", "", "hash"))
	h.users = []cloakroom.User{plain, changed, deleted}
	w.ok(w.store.DeleteUser(w.Context(), deleted.ID, "", w.ending()), "DeleteUser")
	changed.Email, changed.Roles, changed.ExternalID = "changed@example.com", nil, "changed"
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{
		User: changed, Credentials: []cloakroom.Credential{w.credential(changed, "passkey", "k", "key")},
		Forget: []cloakroom.CredentialKey{{Method: "totp", ID: "a"}},
	}), "UpdateUser")
	h.users = append(h.users, changed, w.user())
	w.ok(w.store.SwapCredential(w.Context(), w.credential(changed, "password", "", "second")), "SwapCredential")
}

func (w *world) furnishSessions(h *house) {
	w.Helper()
	guest, plain, renewed, closed := w.begin(w.session("")), w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	shopper, ended := w.begin(w.session("")), w.begin(w.session("usr_bob"))
	w.remember(shopper, "cart", "one cloak")
	w.remember(plain, "cart", "two cloaks")
	upgraded := w.session("usr_ana")
	w.opens(cloakroom.Opening{Session: upgraded, Replace: &shopper.Token, Inherit: true, MovedUntil: w.now.Add(grace), Now: w.now})
	next := renewed
	next.Token, next.Methods = w.token(renewed.Token.Bucket), []string{"passkey"}
	w.ok(w.renew(renewed.Token, next, w.now.Add(grace)), "Renew")
	w.ok(w.rotate(plain, plain.Refresh[0].Current, w.successor(plain.Refresh[0])), "Rotate")
	w.ok(w.store.Touch(w.Context(), []cloakroom.Touch{{Token: plain.Token, SeenAt: w.now, ExpiresAt: w.now.Add(3 * day)}}), "Touch")
	_, err := w.store.Close(w.Context(), closed.Ref(), w.ending())
	w.ok(err, "Close")
	_, err = w.store.CloseUser(w.Context(), ended.Token.Bucket, ended.UserID, "", w.ending())
	w.ok(err, "CloseUser")
	h.sessions = []cloakroom.SessionRecord{guest, plain, renewed, closed, shopper, ended, upgraded, next, w.session("usr_ana")}
	for _, s := range h.sessions {
		h.tokens = append(h.tokens, s.Token)
	}
}

func (w *world) furnishAPIKeys(h *house) {
	w.Helper()
	plain, changed, deleted, orphan := w.apiKey(h.users[0].ID), w.apiKey("usr_bob"), w.apiKey("usr_bob"), w.user()
	ended := w.apiKey(orphan.ID)
	w.issued(plain, changed, deleted, ended)
	h.keys = []cloakroom.APIKeyRecord{plain, changed, deleted, ended}
	changed.Token, changed.Name, changed.Revision = w.token(changed.Token.Bucket), "changed", 2
	w.issued(changed)
	w.deletesKey(realm, deleted.ID, true, "DeleteAPIKey")
	w.stored(orphan)
	w.ok(w.store.DeleteUser(w.Context(), orphan.ID, "", w.ending()), "DeleteUser")
	h.keys = append(h.keys, changed)
}

func (w *world) furnishParcels(h *house) {
	w.Helper()
	w.post(w.parcel(), w.parcel(), w.parcel(), w.parcel())
	now := w.now.Add(time.Minute)
	claimed := w.takes(cloakroom.ParcelQuery{Now: now, LeasedUntil: now.Add(grace), Max: 3})
	claimed[0].DueAt, claimed[1].DueAt = time.Time{}, now.Add(time.Hour)
	w.ok(w.store.SettleParcels(w.Context(), claimed[:2]), "SettleParcels")
	h.parcels = w.posted(mail)[:1]
}

func (w *world) furnishEvents(h *house) {
	w.Helper()
	w.record(w.event("usr_ana"), w.queued("usr_ana"), w.queued("usr_bob"), w.queued(""), w.queued(""))
	delivered := w.claim(w.now, w.now, 1)
	w.ok(w.store.EventsDelivered(w.Context(), idsOf(delivered)), "EventsDelivered")
	w.claim(w.now, w.now.Add(grace), 1)
	h.events = idsOf(w.waiting())
}

// look reads all that can be read of the house, refusals included, keyed by what was asked.
func (w *world) look(h *house) map[string]any {
	w.Helper()
	seen := map[string]any{}
	note := func(question string, answer any, err error) {
		if err != nil {
			answer = sentinel(err).Error()
		}
		seen[question] = answer
	}
	ctx := w.Context()
	for _, u := range h.users {
		byID, err := w.store.User(ctx, u.ID)
		note("user "+u.ID, byID, err)
		byEmail, err := w.store.UserByEmail(ctx, u.Realm, u.Email)
		note("user by "+u.Email, byEmail, err)
		byExternalID, err := w.store.UserByExternalID(ctx, u.Realm, u.ExternalID)
		note("user by "+u.ExternalID, byExternalID, err)
		creds, err := w.store.Credentials(ctx, u.ID)
		note("credentials of "+u.ID, creds, err)
	}
	for i, k := range h.keys {
		key, err := w.store.APIKey(ctx, k.Token)
		note("API key "+k.ID+" by its token "+string('a'+rune(i)), key, err)
	}
	keys, err := w.store.APIKeys(ctx, cloakroom.APIKeyQuery{Realm: realm, Max: 100})
	note("API keys", keys, err)
	all, err := w.store.Users(ctx, cloakroom.UserQuery{Realm: realm, Max: 100})
	note("users", all, err)
	for i, s := range h.sessions {
		record, err := w.store.Session(ctx, h.tokens[i], w.now)
		note("session "+s.ID+" by its token "+string('a'+rune(i)), record, err)
		datum, err := w.store.Datum(ctx, s.Ref(), "cart")
		note("data of "+s.ID, datum, err)
		records, err := w.store.SessionsOf(ctx, s.Token.Bucket, s.UserID, "", 100)
		if s.UserID != "" {
			note("sessions of "+s.UserID, records, err)
		}
	}
	for _, t := range h.tickets {
		ticket, err := w.store.Ticket(ctx, t.Kind, t.ID, w.now)
		note("ticket "+t.Kind+" of "+string(t.Payload), ticket, err)
	}
	for _, realm := range h.realms {
		set, err := w.store.KeySet(ctx, realm)
		note("keys of "+realm, set, err)
	}
	told, _ := w.follow("")
	note("feed", told, nil)
	note("events", w.history(), nil)
	note("events that wait", w.waiting(), nil)
	note("parcels", w.posted(mail), nil)
	for i, key := range h.counters {
		tally, err := w.store.Count(ctx, key, 0, time.Hour, w.now)
		note("counter "+string('a'+rune(i)), tally, err)
	}
	return seen
}

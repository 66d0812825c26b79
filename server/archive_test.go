package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// engines open an empty database each.
var engines = map[string]func(*testing.T) *Database{
	"sqlite":   func(t *testing.T) *Database { return databaseAt(t, settings(t)) },
	"postgres": func(t *testing.T) *Database { return databaseAt(t, shared(t, testbed.PostgresDSN(t))) },
	"postgres behind a pooler": func(t *testing.T) *Database {
		cfg := shared(t, testbed.PostgresDSN(t))
		cfg.Store.PollOnly = true
		return databaseAt(t, cfg)
	},
}

func databaseAt(t *testing.T, cfg config.Config) *Database {
	t.Helper()
	db, err := OpenDatabase(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// heap is a Source and a Sink in memory.
type heap struct {
	counts archive.Counts
	items  []archive.Item
	add    func(archive.Item) // called after each Add, or nil
}

func (h *heap) Begin(c archive.Counts) error {
	h.counts = c
	return nil
}

func (h *heap) Add(i archive.Item) error {
	h.items = append(h.items, i)
	if h.add != nil {
		h.add(i)
	}
	return nil
}

func (h *heap) Export(_ context.Context, to archive.Sink) error {
	err := to.Begin(h.counts)
	for _, i := range h.items {
		err = errors.Join(err, to.Add(i))
	}
	return err
}

// failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Fatal(args ...any)
	Errorf(format string, args ...any)
}

// lines are the items of a source as text, kind by kind, in whatever order the engine has them.
func lines(t failer, s archive.Source) (all []string) {
	t.Helper()
	var h heap
	if err := s.Export(context.Background(), &h); err != nil {
		t.Fatal(err)
	}
	var counts archive.Counts
	last := archive.KindUser
	for _, i := range h.items {
		if i.Kind() < last {
			t.Errorf("%s comes after a %v", i.Name(), last)
		}
		last = i.Kind()
		counts[last]++
		text, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%v %s", last, text))
	}
	if counts != h.counts {
		t.Errorf("counted %v, and there are %v", h.counts, counts)
	}
	slices.Sort(all)
	return all
}

// saved is a backup of a source, read from its file.
func saved(t failer, s archive.Source) *archive.Reader {
	t.Helper()
	var file bytes.Buffer
	w := archive.NewWriter(&file, archive.Header{})
	if err := errors.Join(s.Export(context.Background(), w), w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := archive.NewReader(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func copied(t failer, from archive.Source, to archive.Target) archive.Copied {
	t.Helper()
	done, err := archive.Copy(context.Background(), from, to, archive.Plan{})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// then is the present of these tests.
var then = time.Date(2031, 5, 17, 10, 20, 30, 123456000, time.UTC)

func tokenOf(bucket uint16, n byte) (t cloakroom.TokenID) {
	t.Bucket = bucket
	for i := range t.Hash {
		t.Hash[i] = n + byte(i)
	}
	return t
}

// lived fills a store by its own verbs, so that it has everything that a store of a server has.
func lived(t testing.TB, s cloakroom.Store) {
	t.Helper()
	ctx := context.Background()
	try := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	told, event := then.Add(time.Hour), cloakroom.EventRecord{Type: cloakroom.SignedIn, At: then, UserID: "usr_01a1fea3cea679bea7a9feda54e1c474", Data: []byte(`{"ip":"::1"}`)}
	queued := event
	queued.Queued = true
	ana := cloakroom.User{
		ID: event.UserID, Email: "ana@example.com", EmailVerified: true, Name: "Añá", Roles: []string{"admin", "author"},
		CreatedAt: then, UpdatedAt: then, Epoch: 3,
	}
	for _, u := range []cloakroom.User{
		ana, {ID: "a user with an odd id", Email: "ana@example.com", Realm: "other"}, {ID: "usr_b", BannedAt: then, Roles: []string{"admin"}}, {ID: "usr_c"},
	} {
		try(s.CreateUser(ctx, cloakroom.UserChange{User: u, Events: []cloakroom.EventRecord{event}, Credentials: []cloakroom.Credential{
			{UserID: u.ID, Method: "password", Data: []byte("$argon2id$"), CreatedAt: then, UpdatedAt: then}, {UserID: u.ID, Method: "key", ID: "\xc3\xa9", Data: []byte{0, 0xff}},
		}}))
	}
	ana.Revision, ana.Epoch = 1, 4
	try(s.UpdateUser(ctx, cloakroom.UserChange{User: ana, RevokedUntil: told}))
	try(s.DeleteUser(ctx, "usr_c", "", cloakroom.Ending{RevokedUntil: told}))
	try(s.SwapKeySet(ctx, cloakroom.KeySet{Realm: "", Keys: []cloakroom.SigningKey{{ID: "k", Algorithm: "ES256", Public: []byte("{}"), Sealed: []byte{1, 0}, CreatedAt: then}}}))
	try(s.SwapKeySet(ctx, cloakroom.KeySet{Realm: "empty"}))

	session := cloakroom.SessionRecord{
		ID: "ses_01a1fea3cea679bea7a9feda54e1c474", UserID: ana.ID, Epoch: 4, Token: tokenOf(0xabc, 1), CreatedAt: then, AuthenticatedAt: then,
		LastSeenAt: then, IssuedAt: then, ExpiresAt: then.Add(time.Hour), Methods: []string{"password", "totp"}, Level: 2, Scopes: []string{"read"},
		Remember: true, IP: "::1", Agent: "odd \xff",
		Refresh: []cloakroom.RefreshChain{{Current: [32]byte{1}, Past: []cloakroom.Rotated{{Token: [32]byte{2}, Sealed: []byte{3}, At: then}}}, {Current: [32]byte{4}}},
	}
	guest := cloakroom.SessionRecord{ID: "ses_guest", Token: tokenOf(7, 2), CreatedAt: then, LastSeenAt: then, ExpiresAt: then.Add(time.Hour)}
	closed := cloakroom.SessionRecord{ID: "ses_closed", UserID: ana.ID, Token: tokenOf(0xabc, 3), ExpiresAt: then.Add(time.Hour)}
	for _, r := range []cloakroom.SessionRecord{session, guest, closed} {
		_, err := s.Open(ctx, cloakroom.Opening{Session: r, Now: then, Events: []cloakroom.EventRecord{queued}})
		try(err)
	}
	try(s.SetDatum(ctx, guest.Ref(), cloakroom.Datum{Key: "cart", Value: []byte{0, 0xff}}, 100))
	try(s.SetDatum(ctx, guest.Ref(), cloakroom.Datum{Key: "cart", Value: []byte("[]"), Revision: 1}, 100))
	try(s.SetDatum(ctx, guest.Ref(), cloakroom.Datum{Key: "", Value: []byte{}}, 100))
	renewed := guest
	renewed.Token = tokenOf(7, 9)
	try(s.Renew(ctx, cloakroom.Renewal{Old: guest.Token, Session: renewed, MovedUntil: told, RevokedUntil: told}))
	_, err := s.Close(ctx, closed.Ref(), cloakroom.Ending{RevokedUntil: told})
	try(err)
	for n := range byte(3) {
		try(s.Put(ctx, cloakroom.Ticket{Kind: "reset", ID: tokenOf(1, 20+n), Payload: []byte{n}, ExpiresAt: told}))
	}
	_, err = s.Take(ctx, "reset", tokenOf(1, 20), then)
	try(err)
	try(s.Swap(ctx, cloakroom.Ticket{Kind: "reset", ID: tokenOf(1, 21), Payload: []byte("next"), Revision: 1}, then))
	for n, count := range []int{5, -5, 1} {
		_, err = s.Count(ctx, [32]byte{9}, count, time.Hour, then.Add(time.Duration(n)))
		try(err)
	}
	_, err = s.Count(ctx, [32]byte{10}, 2, time.Hour, then)
	try(err)
	_, err = s.Count(ctx, [32]byte{10}, -2, time.Hour, then) // given back: as good as absent
	try(err)
	claimed, err := s.ClaimEvents(ctx, "", then, told, 2)
	try(err)
	try(s.EventsDelivered(ctx, []string{claimed[0].ID}))
}

// account is all that a store tells of what lived has put there.
func account(t testing.TB, s cloakroom.Store) map[string]any {
	ctx := context.Background()
	all := map[string]any{}
	note := func(what string, v any, err error) {
		name := "nothing"
		for _, known := range []error{cloakroom.ErrMoved, cloakroom.ErrUsed, cloakroom.ErrNotFound} {
			if errors.Is(err, known) {
				name, err = known.Error(), nil
				break
			}
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		all[what], all[what+" error"] = v, name
	}
	for _, realm := range []string{"", "other", "empty"} {
		u, err := s.UserByEmail(ctx, realm, "ana@example.com")
		note("ana of "+realm, u, err)
		users, err := s.Users(ctx, cloakroom.UserQuery{Realm: realm, Max: 100})
		note("users of "+realm, users, err)
		admins, err := s.Users(ctx, cloakroom.UserQuery{Realm: realm, Role: "admin", Max: 100})
		note("admins of "+realm, admins, err)
		for _, u := range users {
			creds, err := s.Credentials(ctx, u.ID)
			note("credentials of "+u.ID, creds, err)
			sessions, err := s.SessionsOf(ctx, 0xabc, u.ID, "", 100)
			note("sessions of "+u.ID, sessions, err)
		}
		set, err := s.KeySet(ctx, realm)
		note("keys of "+realm, set, err)
		events, err := s.Events(ctx, cloakroom.EventQuery{Realm: realm, Max: 1000})
		note("events of "+realm, events, err)
	}
	for n, bucket := range map[byte]uint16{1: 0xabc, 2: 7, 9: 7, 3: 0xabc} {
		r, err := s.Session(ctx, tokenOf(bucket, n), then)
		note(fmt.Sprint("session ", n), r, err)
		for _, key := range []string{"cart", ""} {
			d, err := s.Datum(ctx, r.Ref(), key)
			note(fmt.Sprintf("%q of session %d", key, n), d, err)
		}
	}
	for n := range byte(4) {
		ticket, err := s.Ticket(ctx, "reset", tokenOf(1, 20+n), then)
		note(fmt.Sprint("ticket ", n), ticket, err)
	}
	for n := range byte(2) {
		tally, err := s.Count(ctx, [32]byte{9 + n}, 0, 0, then)
		note(fmt.Sprint("counter ", n), tally, err)
	}
	feed, err := s.Revocations(ctx, "", 100, then)
	note("feed", feed.Entries, err)
	return all
}

var alike = cmpopts.EquateEmpty()

// TestCopyIsTheSame copies what a store of a server has from each engine to each, by way of a file, and asks the copy.
func TestCopyIsTheSame(t *testing.T) {
	for from, openFrom := range engines {
		for to, openTo := range engines {
			t.Run(from+" to "+to, func(t *testing.T) {
				source, target := openFrom(t), openTo(t)
				lived(t, source.stores.store)
				backup := saved(t, source)
				copied(t, backup, target)
				if diff := cmp.Diff(lines(t, source), lines(t, target)); diff != "" {
					t.Errorf("the copy has (-source +copy):\n%s", diff)
				}
				want, got := account(t, source.stores.store), account(t, target.stores.store)
				if diff := cmp.Diff(want, got, alike); diff != "" {
					t.Errorf("the copy tells (-source +copy):\n%s", diff)
				}
				if len(want["feed"].([]cloakroom.Revocation)) != 4 || want["ticket 0 error"] != cloakroom.ErrUsed.Error() || want["session 2 error"] != cloakroom.ErrMoved.Error() {
					t.Errorf("the source has not what it should: %v", slices.Sorted(maps.Keys(want)))
				}
				if again := copied(t, backup, target); again.Added != 0 {
					t.Errorf("the second time %d items were added", again.Added)
				}
				feedBeginsAnew(t, source.stores.store, target.stores.store)
			})
		}
	}
}

// feedBeginsAnew asserts that a cursor of the source is none of the copy, and that what is appended there comes last.
func feedBeginsAnew(t *testing.T, source, target cloakroom.Store) {
	t.Helper()
	ctx := t.Context()
	page, err := source.Revocations(ctx, "", 2, then)
	if err != nil {
		t.Fatal(err)
	}
	for _, cursor := range []string{page.Cursor, ""} {
		told, err := target.Revocations(ctx, cursor, 100, then)
		if err != nil || len(told.Entries) != 4 {
			t.Errorf("behind cursor %q of the source the copy tells %d entries, %v; want all 4", cursor, len(told.Entries), err)
		}
		page = told
	}
	next := cloakroom.Revocation{Subject: [32]byte{77}, Until: then.Add(time.Hour)}
	if err := target.Append(ctx, []cloakroom.Revocation{next}, nil); err != nil {
		t.Fatal(err)
	}
	told, err := target.Revocations(ctx, page.Cursor, 100, then)
	if diff := cmp.Diff([]cloakroom.Revocation{next}, told.Entries); err != nil || diff != "" {
		t.Errorf("after one more entry the copy tells %v, %v", told.Entries, err)
	}
}

// TestExportIsOfOneMoment writes while an export runs: nothing of it may be in it, not even what comes in a later kind.
func TestExportIsOfOneMoment(t *testing.T) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			store := db.stores.store
			lived(t, store)
			want := lines(t, db)
			n := byte(0)
			h := heap{add: func(archive.Item) {
				n++
				u := cloakroom.User{ID: fmt.Sprintf("usr_%03d", n), Email: fmt.Sprintf("u%d@example.com", n)}
				r := cloakroom.SessionRecord{ID: fmt.Sprintf("ses_%03d", n), UserID: u.ID, Token: tokenOf(3, 30+n), ExpiresAt: then.Add(time.Hour)}
				_, openErr := store.Open(t.Context(), cloakroom.Opening{Session: r, Now: then})
				_, closeErr := store.CloseUser(t.Context(), 0xabc, "usr_01a1fea3cea679bea7a9feda54e1c474", "", cloakroom.Ending{RevokedUntil: then.Add(time.Hour)})
				err := errors.Join(store.CreateUser(t.Context(), cloakroom.UserChange{User: u}), openErr, closeErr,
					store.Append(t.Context(), []cloakroom.Revocation{{Until: then.Add(time.Hour)}}, nil))
				if err != nil {
					t.Error(err)
				}
			}}
			if err := db.Export(t.Context(), &h); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, lines(t, &h)); diff != "" {
				t.Errorf("the export is not of its beginning (-want +got):\n%s", diff)
			}
			if slices.Equal(want, lines(t, db)) {
				t.Error("nothing was written meanwhile: the test tests nothing")
			}
		})
	}
}

// cutting is a Target whose power fails at one step, before or after it is durable.
type cutting struct {
	archive.Target
	left  int
	after bool
}

var errCut = errors.New("cut")

func (c *cutting) Import(ctx context.Context, items []archive.Item) error {
	if c.left--; c.left == 0 {
		if !c.after {
			return errCut
		}
		return errors.Join(c.Target.Import(ctx, items), errCut)
	}
	return c.Target.Import(ctx, items)
}

// TestCopyGoesOnWhereItWasCut cuts the copies at each step.
func TestCopyGoesOnWhereItWasCut(t *testing.T) {
	source := &heap{}
	for n := range 600 {
		u := archive.User{ID: fmt.Sprintf("usr_%04d", n), Email: fmt.Sprint(n), Roles: []string{"admin"}, Credentials: []archive.Credential{{Method: "password"}}}
		source.items = append(source.items, u)
	}
	for n := range 300 {
		source.items = append(source.items, archive.Session{ID: fmt.Sprint(n), Token: archive.Token{Bucket: uint16(n), Hash: archive.Hash{byte(n)}}, Data: []archive.Datum{{Key: "k", Revision: 1}}})
	}
	for n := range 100 {
		source.items = append(source.items, archive.Revocation{Seq: int64(2 * n)})
	}
	source.counts = archive.Counts{archive.KindUser: 600, archive.KindSession: 300, archive.KindRevocation: 100}
	steps := 1000/256 + 1
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			for cut := 1; cut <= steps; cut++ {
				for _, after := range []bool{false, true} {
					target := open(t)
					if _, err := archive.Copy(t.Context(), source, &cutting{target, cut, after}, archive.Plan{}); !errors.Is(err, errCut) {
						t.Fatalf("cut at step %d: %v", cut, err)
					}
					copied(t, source, target)
					if diff := cmp.Diff(lines(t, source), lines(t, target)); diff != "" {
						t.Errorf("cut at step %d (after it: %v), and resumed (-want +got):\n%s", cut, after, diff)
					}
				}
			}
		})
	}
}

func TestImportRefuses(t *testing.T) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			first := archive.User{ID: "usr_1", Email: "ana@example.com", Revision: 1}
			for range 2 {
				if err := db.Import(t.Context(), []archive.Item{first, first}); err != nil {
					t.Fatal(err)
				}
			}
			taken := archive.User{ID: "usr_2", Email: "ana@example.com"}
			err := db.Import(t.Context(), []archive.Item{archive.User{ID: "usr_3"}, taken, archive.Counter{N: 1}})
			if !errors.Is(err, cloakroom.ErrTaken) || !bytes.Contains([]byte(err.Error()), []byte("user usr_2")) {
				t.Errorf("an e-mail of somebody else: %v", err)
			}
			if got := lines(t, db); len(got) != 1 {
				t.Errorf("half of a refused step is there: %q", got)
			}
			chains := archive.Session{ID: "ses_1", Refresh: make([]archive.Chain, 3)}
			if err := db.Import(t.Context(), []archive.Item{chains}); err == nil {
				t.Error("more refresh chains than there can be are taken")
			}
		})
	}
}

func TestNoCopyOfWhatALaterVersionKeeps(t *testing.T) {
	cfg := shared(t, testbed.PostgresDSN(t))
	older := databaseAt(t, cfg)
	var copied heap
	if err := older.Export(t.Context(), &copied); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), string(cfg.Store.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `INSERT INTO cloakroom.migrations (version, name, applied_at, compatible) VALUES (999, 'wings', 1, 1)`); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDatabase(t.Context(), cfg); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("error %v, want one of a newer schema", err)
	}
	steps, err := Migrations(t.Context(), cfg)
	if err != nil || !steps[len(steps)-1].Newer || steps[0].Newer {
		t.Errorf("steps %+v, %v", steps, err)
	}
}

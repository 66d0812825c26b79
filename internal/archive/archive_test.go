package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

// shelf is a Target in memory.
type shelf struct {
	items []Item
	fail  func(step int, items []Item) (before, after error) // of Import, or nil
	steps int
	extra []Item // that somebody else adds with each Import
}

func (s *shelf) Export(ctx context.Context, to Sink) error {
	var counts Counts
	for _, i := range s.items {
		counts[i.Kind()]++
	}
	if err := to.Begin(counts); err != nil {
		return err
	}
	for _, k := range Kinds() {
		for _, i := range s.items {
			if i.Kind() != k {
				continue
			}
			if err := errors.Join(ctx.Err(), to.Add(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shelf) Import(_ context.Context, items []Item) error {
	s.steps++
	var before, after error
	if s.fail != nil {
		before, after = s.fail(s.steps, items)
	}
	if before != nil {
		return before
	}
	s.items = append(append(s.items, items...), s.extra...)
	return after
}

const (
	zero  = -62135596800000000 // the zero time
	noon  = 1795273510566609
	least = math.MinInt64
	most  = math.MaxInt64
)

func hash(b byte) (h Hash) {
	for i := range h {
		h[i] = b ^ byte(i)
	}
	return h
}

// samples has each kind, with values at the edges.
func samples() *shelf {
	leaves, ends := int64(noon), int64(least)
	return &shelf{items: []Item{
		User{ID: "usr_1", Realm: "", Email: "ana@example.com", EmailVerified: true, FullName: "Aña <&\u2028>", Roles: []string{"admin", ""},
			CreatedAt: noon, UpdatedAt: zero, BannedAt: zero, Epoch: most, Revision: least,
			Credentials: []Credential{{Method: "password", Data: []byte{0, 255}, Revision: 3, CreatedAt: noon, UpdatedAt: noon}, {Method: "x", ID: "\x00"}}},
		User{ID: "odd one", Realm: "other \ufffd", Locale: "de-AT", Picture: "https://example.com/?a&b", Phone: "+4366012345678", MFA: true,
			ResetRequired: true, LeavesAt: &leaves, ExternalID: "legacy|7", Credentials: []Credential{{Method: "passkey", ID: "k", Name: "blue \"key\""}}},
		User{},
		APIKey{ID: "key_1", Realm: "default", Token: Token{Bucket: 0xfff, Hash: hash(9)}, UserID: "usr_1", Label: "ci", Scopes: []string{"users:read", ""},
			CreatedBy: "usr_2", CreatedAt: noon, ExpiresAt: zero, LastUsedAt: zero, Revision: 3},
		APIKey{},
		KeySet{Realm: "default", Revision: 7, Keys: []SigningKey{{ID: "k", Algorithm: "ES256", Public: []byte("{}"), Sealed: []byte{1}, CreatedAt: noon, WithdrawnAt: zero}}},
		KeySet{},
		Session{Token: Token{Bucket: 0xffff, Hash: hash(1)}, ID: "ses_1", UserID: "usr_1", Epoch: 1, CreatedAt: noon, AuthenticatedAt: zero,
			Methods: []string{"password"}, Level: 1, Scopes: []string{"a b"}, Remember: true, IP: "::1", Agent: []byte{0xff, 'a'},
			Refresh: []Chain{{Current: hash(2), Past: []Rotated{{Token: hash(3), Sealed: []byte{9}, At: noon}}}, {Current: hash(4)}},
			Data:    []Datum{{Key: "", Revision: 1}, {Key: "cart", Value: []byte{0, 1}, Revision: most}},
			EndsAt:  &ends, Actor: &Actor{UserID: "usr_2", SessionID: "ses_2", Token: Token{Bucket: 1, Hash: hash(10)}}},
		Session{},
		Ticket{ID: Token{Bucket: 1, Hash: hash(5)}, Of: "reset", Payload: []byte("p"), ExpiresAt: noon, Revision: 1, Used: true},
		Counter{Key: hash(6), N: most, ResetAt: least},
		Moved{Token: Token{Hash: hash(7)}, Until: noon},
		Revocation{Seq: 1, Subject: hash(8), Epoch: -2, Until: noon},
		Revocation{Seq: 9, Subject: hash(8), Epoch: 1<<53 - 1, Until: noon},
		Event{ID: "evt_1", Type: "signed_in", At: noon, UserID: "usr_1", Data: []byte(`{"ip":"::1"}`), Queued: true},
		Event{},
		Parcel{ID: "prc_1", Realm: "default", Of: "mail", DueAt: noon, Tries: 2, Data: []byte{0xff, 0}},
		Parcel{},
	}}
}

// file writes a source to a file.
func file(t testing.TB, s Source, h Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, h)
	if err := errors.Join(s.Export(t.Context(), w), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, file []byte) *Reader {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sum(t testing.TB, s Source) Totals {
	t.Helper()
	totals, err := Sum(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return totals
}

func TestFile(t *testing.T) {
	secret := Secret("0123456789abcdef0123456789abcdef")
	r := open(t, file(t, samples(), Header{Engine: "sqlite", Schema: 4, Program: "v1", Secrets: []Secret{secret}}))
	if h := r.Header(); h.Format != 1 || h.Engine != "sqlite" || h.Schema != 4 || h.Program != "v1" || string(h.Secrets[0]) != string(secret) {
		t.Errorf("header %+v", h)
	}
	for range 2 { // it can be read again
		got := &shelf{}
		if _, err := Copy(t.Context(), r, got, Plan{}); err != nil {
			t.Fatal(err)
		}
		for i, want := range samples().items {
			if !reflect.DeepEqual(got.items[i], want) {
				t.Errorf("item %d is %+v, want %+v", i, got.items[i], want)
			}
		}
	}
	if r.Header().Counts != sum(t, r).Counts() || r.Header().Counts[KindUser] != 3 {
		t.Errorf("counts %v", r.Header().Counts)
	}
}

// TestOldItemsAreWrittenAsBefore: a backup from before fields were added has the sums that its items have now.
func TestOldItemsAreWrittenAsBefore(t *testing.T) {
	for want, i := range map[string]Item{
		`{"id":"usr_1","realm":"default","email":"ana@example.com","email_verified":true,"name":"Ana","created_at":1,"updated_at":2,` +
			`"banned_at":3,"epoch":4,"revision":5,"credentials":[{"method":"password","id":"","data":"AA==","revision":1,"created_at":6,"updated_at":7}]}`: User{
			ID: "usr_1", Realm: "default", Email: "ana@example.com", EmailVerified: true, FullName: "Ana", CreatedAt: 1, UpdatedAt: 2, BannedAt: 3, Epoch: 4,
			Revision: 5, Credentials: []Credential{{Method: "password", Data: []byte{0}, Revision: 1, CreatedAt: 6, UpdatedAt: 7}},
		},
		`{"token":{"bucket":0,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"id":"ses_1","realm":"","user_id":"","epoch":0,"created_at":0,` +
			`"authenticated_at":0,"last_seen_at":0,"issued_at":0,"expires_at":0,"level":0,"remember":false,"ip":""}`: Session{ID: "ses_1"},
	} {
		if got, err := encode(i); err != nil || string(got) != want {
			t.Errorf("%s is written as\n%s, %v, want\n%s", i.Name(), got, err, want)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		h := Header{Secrets: []Secret{Secret("0123456789abcdef")}}
		if text := strings.ToLower(fmt.Sprintf(verb, h)); strings.Contains(text, "2345") || strings.Contains(text, "32333435") || strings.Contains(text, "50 51 52") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func TestTextThatIsNone(t *testing.T) {
	w := NewWriter(&bytes.Buffer{}, Header{})
	err := (&shelf{items: []Item{User{ID: "usr_1", FullName: "a\xff"}}}).Export(t.Context(), w)
	if err == nil || !strings.Contains(err.Error(), "user usr_1") || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("a name that is no text: %v", err)
	}
	if err := (&shelf{items: []Item{User{FullName: `\ufffd � ` + "\ufffd", Roles: []string{}}}}).Export(t.Context(), NewWriter(&bytes.Buffer{}, Header{})); err != nil {
		t.Errorf("a name that looks like one: %v", err)
	}
}

func TestSumsDoNotDependOnOrder(t *testing.T) {
	a, b := samples(), samples()
	for i := range b.items {
		b.items[i] = a.items[len(a.items)-1-i]
	}
	if sum(t, a) != sum(t, b) {
		t.Error("the order of items changes their sum")
	}
	twice := &shelf{items: append(samples().items, samples().items[0], samples().items[0])}
	if sum(t, twice)[KindUser].Sum == sum(t, a)[KindUser].Sum {
		t.Error("an item that comes three times is summed as once")
	}
	for i := range a.items {
		c := samples()
		c.items = append(c.items[:i], c.items[i+1:]...)
		if k := a.items[i].Kind(); sum(t, c)[k].Sum == sum(t, a)[k].Sum {
			t.Errorf("without item %d the sum is the same", i)
		}
	}
}

func TestSum256(t *testing.T) {
	var s Sum256
	for range 2 {
		s.add([32]byte(bytes.Repeat([]byte{0xff}, 32)))
	}
	if want := strings.Repeat("f", 63) + "e"; s.String() != want {
		t.Errorf("twice the greatest number is %v, want %s", s, want)
	}
	text, _ := s.MarshalText()
	var again Sum256
	if err := again.UnmarshalText(text); err != nil || again != s {
		t.Errorf("%s is read as %v, %v", text, again, err)
	}
}

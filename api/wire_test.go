package api_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
)

// at is a time to the microsecond, in another zone than UTC.
var at = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.FixedZone("", 3600))

func TestAppendState(t *testing.T) {
	ana := &cloakroom.User{ID: "usr_1", Email: "ana@example.com", EmailVerified: true, Name: "Ana", Roles: []string{"a", "b"}, CreatedAt: at}
	for name, s := range map[string]*cloakroom.Session{
		"nobody": nil,
		"guest":  {ID: "ses_1", CreatedAt: at, LastSeenAt: at, ExpiresAt: at},
		"user": {
			ID: "ses_1", User: ana, CreatedAt: at, AuthenticatedAt: at.Add(time.Hour), LastSeenAt: at.Truncate(time.Second), ExpiresAt: at,
			Methods: []string{"password", "totp"}, Current: true, IP: "2001:db8::1", UserAgent: "Mozilla/5.0 (X11; Linux) Firefox/140.0",
		},
		"somebody else as the user": {ID: "ses_1", User: ana, CreatedAt: at, LastSeenAt: at, ExpiresAt: at, Actor: "usr_2"},
		"acting":                    {ID: "ses_1", User: ana, CreatedAt: at, LastSeenAt: at, ExpiresAt: at, Actor: "usr_2"},
	} {
		t.Run(name, func(t *testing.T) { sameJSON(t, s) })
	}
}

func TestAppendStateAllocates(t *testing.T) {
	s := &cloakroom.Session{
		ID: "ses_1", User: &cloakroom.User{ID: "usr_1", Email: "ana@example.com", Roles: []string{"a"}, CreatedAt: at},
		CreatedAt: at, LastSeenAt: at, ExpiresAt: at, AuthenticatedAt: at, Methods: []string{"password"},
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	}
	room := make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(100, func() { room = api.AppendState(room[:0], s) }); n > 1 { // the words of the device
		t.Errorf("%v allocations, want 1 at most", n)
	}
}

// sameJSON compares the hand-written encoder with encoding/json.
func sameJSON(t *testing.T, s *cloakroom.Session) {
	t.Helper()
	want, err := json.Marshal(api.StateStruct(s))
	if err != nil {
		t.Fatal(err)
	}
	if got := api.AppendState(nil, s); string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzAppendState(f *testing.F) {
	f.Add("Ana", "curl/8", "password", int64(0))
	f.Add("<é>\u2028\"\\", "\xff\x00\x7f", "a,b", int64(1767323045678901))
	for _, special := range []string{"<", ">", "&", `"`, `\`, "\x1f", "\x7f", "\n", "é", "\u2028"} {
		f.Add("a"+special, "b", "c", int64(1))
	}
	f.Fuzz(func(t *testing.T, name, agent, method string, micros int64) {
		at := time.UnixMicro(micros % (1 << 57)) // encoding/json refuses years over 9999
		if y := at.UTC().Year(); y < 0 || y > 9999 {
			return
		}
		sameJSON(t, &cloakroom.Session{
			ID: name, User: &cloakroom.User{Name: name, Email: agent, Roles: []string{method}, CreatedAt: at},
			CreatedAt: at, LastSeenAt: at, ExpiresAt: at, AuthenticatedAt: at, Methods: []string{method, name}, UserAgent: agent, IP: agent,
		})
	})
}

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

func BenchmarkSession(b *testing.B) {
	w := open(b)
	w.user("ana@example.com")
	c := w.client()
	c.login("ana@example.com", "")
	r, err := http.NewRequest("GET", "http://127.0.0.1/auth/session", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Cookie", "session="+c.cookies["session"])
	r.RemoteAddr = "127.0.0.1:1"
	out := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(out.header)
		w.api.ServeHTTP(out, r)
	}
}

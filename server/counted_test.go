package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// wants compares figures with what they must be.
func wants(t *testing.T, metrics string, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if got := figure(metrics, name); got != value {
			t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
}

func TestRefreshesAreCounted(t *testing.T) {
	cfg := served(t)
	cfg.Token.RefreshGrace = time.Second
	h := running(t, cfg, quick)
	_, first := h.do("POST", "/auth/signup", signedBear).pair(t)
	_, second := h.refresh(first).pair(t)
	if _, again := h.refresh(first).pair(t); again != second {
		t.Error("another successor within the grace")
	}
	h.refresh(second[:len(second)-1])
	h.do("POST", "/auth/refresh", "")
	h.do("POST", "/auth/refresh", "{")

	// Of two sessions in one request one was planted.
	cookie := func(r reply, i int) string {
		line, _, _ := strings.Cut(r.header["Set-Cookie"][i], ";")
		return line
	}
	mine := h.do("POST", "/auth/login", `{"email":"ana@example.com","password":"wisteria-lantern-40","token":"signed"}`)
	other := h.do("POST", "/auth/anonymous", `{}`)
	if got := h.do("POST", "/auth/refresh", "{}", "Cookie", cookie(mine, 1)+"; "+cookie(other, 0), "Sec-Fetch-Site", "same-origin"); got.code() != "refresh_token_mismatch" {
		t.Error(got)
	}

	// After the grace the first token is a sign of theft; then its session is over, and its tokens are merely dead.
	until(t, "the grace has passed", func() bool { return h.refresh(first).code() == "refresh_token_reused" })
	h.refresh(second)

	m := h.metrics()
	replayed := `cloakroom_refreshes_total{result="replayed"}`
	if figure(m, replayed) < 1 {
		t.Errorf("%s is %v", replayed, figure(m, replayed))
	}
	wants(t, m, map[string]float64{
		`cloakroom_refreshes_total{result="rotated"}`:  1,
		`cloakroom_refreshes_total{result="reused"}`:   1,
		`cloakroom_refreshes_total{result="mismatch"}`: 1,
		`cloakroom_refreshes_total{result="invalid"}`:  3, // cut short, none at all, and of a dead session
		`cloakroom_refreshes_total{result="refused"}`:  1,
		`cloakroom_refreshes_total{result="limited"}`:  0,
		`cloakroom_refreshes_total{result="error"}`:    0,
		`cloakroom_signed_tokens_total`:                3 + figure(m, replayed), // two sign-ins, one exchange, and each replay
	})
	lines := h.log.lines(t, "refresh_reused")
	if len(lines) != 1 || lines[0]["level"] != "WARN" || lines[0]["presented"] == lines[0]["current"] || lines[0]["session_ip"] != "127.0.0.1" {
		t.Errorf("the log tells of the theft: %v", lines)
	}
}

func TestIntrospectionsAreCounted(t *testing.T) {
	h := running(t, served(t), quick)
	access, _ := h.do("POST", "/auth/signup", signedBear).pair(t)
	h.introspect(access)
	h.introspect(access)
	h.introspect("junk")
	h.do("POST", "/auth/introspect", "{}")
	h.do("POST", "/auth/introspect", "{}", "Authorization", asShop())
	if err := h.server.engine.stores.Shutdown(); err != nil {
		t.Fatal(err)
	}
	h.introspect(access)
	wants(t, h.metrics(), map[string]float64{
		`cloakroom_introspections_total{result="active"}`:   2,
		`cloakroom_introspections_total{result="inactive"}`: 1,
		`cloakroom_introspections_total{result="refused"}`:  2,
		`cloakroom_introspections_total{result="error"}`:    1,
	})
}

func TestFeedIsMeasured(t *testing.T) {
	h := running(t, served(t), quick)
	signUp := func(name string) string {
		body := strings.Replace(bear, "ana@", name+"@", 1)
		return "Bearer " + h.do("POST", "/auth/signup", body).token(t)
	}
	first, second := signUp("bea"), signUp("cleo")
	h.do("POST", "/auth/logout", "", "Authorization", first)
	_, cursor := h.news("", "0") // what was revoked before anybody asked tells nothing of how fast the feed is
	h.news(cursor, "0")
	h.do("GET", "/auth/revocations", "")
	wants(t, h.metrics(), map[string]float64{
		`cloakroom_feed_answers_total{result="news"}`:    1,
		`cloakroom_feed_answers_total{result="quiet"}`:   1,
		`cloakroom_feed_answers_total{result="refused"}`: 1,
		`cloakroom_feed_lag_seconds_count`:               0,
		`cloakroom_feed_readers`:                         0,
	})

	told := make(chan int, 1)
	go func() {
		res, err := h.feed(cursor, "30000")
		if err != nil {
			told <- 0
			return
		}
		defer res.Body.Close()
		told <- res.StatusCode
	}()
	until(t, "somebody waits", func() bool { return figure(h.metrics(), "cloakroom_feed_readers") == 1 })
	h.do("POST", "/auth/logout", "", "Authorization", second)
	if status := <-told; status != 200 {
		t.Fatalf("status %d", status)
	}
	until(t, "the answer is counted", func() bool { return figure(h.metrics(), "cloakroom_feed_readers") == 0 })
	m := h.metrics()
	wants(t, m, map[string]float64{`cloakroom_feed_answers_total{result="news"}`: 2, `cloakroom_feed_lag_seconds_count`: 1})
	if lag := figure(m, "cloakroom_feed_lag_seconds_sum"); lag < 0 || lag > 20 {
		t.Errorf("the lag was %v s", lag)
	}

	_, cursor = h.news("", "0")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	left := make(chan error, 1)
	go func() {
		_, err := h.feedFor(ctx, cursor, "30000")
		left <- err
	}()
	until(t, "somebody waits", func() bool { return figure(h.metrics(), "cloakroom_feed_readers") == 1 })
	leave()
	if err := <-left; err == nil {
		t.Error("who left got an answer")
	}
	until(t, "it is counted", func() bool { return figure(h.metrics(), `cloakroom_feed_answers_total{result="gone"}`) == 1 })
}

// TestEndOfAnEntry holds cloakroom.RevokedFor to what the engine does: the lag is measured from it.
func TestEndOfAnEntry(t *testing.T) {
	h := running(t, served(t), quick)
	bearer := "Bearer " + h.do("POST", "/auth/signup", bear).token(t)
	before := time.Now().Truncate(time.Microsecond)
	h.do("POST", "/auth/logout", "", "Authorization", bearer)
	after := time.Now()
	page, err := h.server.engine.stores.store.Revocations(t.Context(), "", 10, before)
	if err != nil || len(page.Entries) != 1 {
		t.Fatal(page, err)
	}
	if at := page.Entries[0].Until.Add(-cloakroom.RevokedFor); at.Before(before) || at.After(after) {
		t.Errorf("the engine keeps entries for %v", page.Entries[0].Until.Sub(before))
	}
}

func TestCourse(t *testing.T) {
	began := time.Now().Add(-time.Minute)
	entry := func(after time.Duration) cloakroom.Revocation {
		return cloakroom.Revocation{Until: began.Add(after + cloakroom.RevokedFor)}
	}
	changed := entry(time.Second)
	changed.Epoch = cloakroom.UserChanged
	for name, c := range map[string]struct {
		told  []cloakroom.Revocation
		news  bool
		since time.Duration // -1: nothing that it waited for
	}{
		"nothing":                  {nil, false, -1},
		"old":                      {[]cloakroom.Revocation{entry(-time.Hour)}, true, -1},
		"old and new":              {[]cloakroom.Revocation{entry(-time.Hour), entry(time.Second)}, true, time.Second},
		"what is not for services": {[]cloakroom.Revocation{changed}, false, -1},
		"kept for longer, so that nobody knows when it was written": {[]cloakroom.Revocation{entry(14 * 24 * time.Hour)}, true, -1},
		"the first of it": {[]cloakroom.Revocation{entry(2 * time.Second), entry(time.Second), entry(3 * time.Second)}, true, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			got := &course{began: began}
			got.told(c.told)
			if got.news != c.news || got.since.IsZero() != (c.since < 0) || c.since >= 0 && !got.since.Equal(began.Add(c.since)) {
				t.Errorf("got %+v", got)
			}
		})
	}
	var none *course // of every other request
	none.told([]cloakroom.Revocation{entry(0)})
	none.event(cloakroom.Event{Type: cloakroom.RefreshReused})
}

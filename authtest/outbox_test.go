package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestOutbox(t *testing.T) {
	var box authtest.Outbox
	keep := func(to, letter, id string) {
		t.Helper()
		if err := box.Send(t.Context(), cloakroom.Mail{ID: id, To: to, Letter: letter}); err != nil {
			t.Fatal(err)
		}
	}
	keep("ana@example.com", "verify_email", "1")
	keep("bob@example.com", "verify_email", "2")
	keep("ana@example.com", "notice", "3")
	keep("ana@example.com", "verify_email", "4")
	for _, c := range []struct{ to, letter, want string }{
		{"ana@example.com", "notice", "3"}, {"ana@example.com", "", "1"}, {"ana@example.com", "", "4"}, {"bob@example.com", "verify_email", "2"},
	} {
		if got := box.WaitFor(t, c.to, c.letter); got.ID != c.want {
			t.Errorf("%s to %s is %s, not %s", c.letter, c.to, got.ID, c.want)
		}
	}
	if n := len(box.Sent()); n != 4 {
		t.Errorf("%d mails", n)
	}
	refusal := errors.New("no")
	box.Fail(refusal)
	if err := box.Send(t.Context(), cloakroom.Mail{}); err != refusal {
		t.Errorf("error %v", err)
	}
	box.Fail(nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := box.Send(gone, cloakroom.Mail{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if n := len(box.Sent()); n != 4 {
		t.Errorf("%d mails after refusals", n)
	}
}

// Any number may wait while others send; each mail is given to one.
func TestOutboxWaits(t *testing.T) {
	var box authtest.Outbox
	var all sync.WaitGroup
	got := make(chan string, 50)
	for range cap(got) {
		all.Go(func() { got <- box.WaitFor(t, "ana@example.com", "notice").ID })
	}
	for i := range cap(got) {
		all.Go(func() {
			_ = box.Send(t.Context(), cloakroom.Mail{To: "eve@example.com", Letter: "notice"})
			_ = box.Send(t.Context(), cloakroom.Mail{ID: fmt.Sprint(i), To: "ana@example.com", Letter: "notice"})
		})
	}
	all.Wait()
	close(got)
	seen := map[string]bool{}
	for id := range got {
		seen[id] = true
	}
	if len(seen) != cap(got) {
		t.Errorf("%d of %d were given", len(seen), cap(got))
	}
}

// failing is a test that may fail.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestOutboxGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var box authtest.Outbox
		_ = box.Send(t.Context(), cloakroom.Mail{To: "ana@example.com", Letter: "notice"})
		tb, began := &failing{}, time.Now()
		var all sync.WaitGroup
		all.Go(func() { box.WaitFor(tb, "ana@example.com", "deletion") })
		all.Wait()
		if !strings.Contains(tb.said, "notice to ana@example.com") || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %q", time.Since(began), tb.said)
		}
	})
}

func TestLinkAndCode(t *testing.T) {
	for text, want := range map[string][2]string{
		"Go here\nhttps://example.com/a?token=x_y-z&b=1\n\n-- \nhttp://other.example": {"https://example.com/a?token=x_y-z&b=1", ""},
		"code\n\n    1234 5678\n\n": {"", "12345678"},
		"12345678":                  {"", "12345678"},
		"phone 1234 5678, id 123456789, 1 234 567": {"", ""},
		"": {"", ""},
	} {
		m := cloakroom.Mail{Text: text}
		if link, code := authtest.Link(m), authtest.Code(m); link != want[0] || code != want[1] {
			t.Errorf("%q has the link %q and the code %q", text, link, code)
		}
	}
}

func ExampleOutbox() {
	var t testing.TB = &testing.T{} // the t of a test

	outbox := &authtest.Outbox{} // goes into Config.Mailer
	_ = outbox.Send(context.Background(), cloakroom.Mail{
		To: "ana@example.com", Letter: "reset_password", Text: "Choose a new password\nhttps://example.com/reset?token=…\n",
	})

	m := outbox.WaitFor(t, "ana@example.com", "reset_password")
	fmt.Println(authtest.Link(m))
	// Output: https://example.com/reset?token=…
}

package cloakroom_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// Every letter can say from where it was asked for.
func TestLettersKnowWhoAsked(t *testing.T) {
	words := fstest.MapFS{}
	for _, name := range []string{"reset_password", "verify_email", "verify_new_email", "deletion"} {
		words["en/"+name+".txt"] = &fstest.MapFile{Data: []byte("Subject: x\n\nAsked for by {{Device}} at {{IP}}.\n\n[Go on]\n")}
	}
	p := newPostal(t, cloakroom.Config{Store: memory.New(), Mail: cloakroom.MailPolicy{Templates: words}})
	p.User("ana@example.com")
	p.unverified("bob@example.com")
	s, r, _ := p.admitted("ana@example.com")
	done(t, p.ForgotPassword(p.browser().request(), "ana@example.com"))
	done(t, p.RequestVerification(p.browser().request(), "bob@example.com"))
	done(t, p.RequestEmailChange(r, s, "new@example.com"))
	for to, letter := range map[string]string{"ana@example.com": "reset_password", "bob@example.com": "verify_email", "new@example.com": "verify_new_email"} {
		if m := p.box.WaitFor(t, to, letter); !strings.Contains(m.Text, "Asked for by Firefox on Linux at "+strings.Split(r.RemoteAddr, ":")[0]) {
			t.Errorf("%s: %s", letter, m.Text)
		}
	}
	_, err := p.DeleteAccount(httptest.NewRecorder(), r, s)
	done(t, err)
	if m := p.box.WaitFor(t, "ana@example.com", "deletion"); !strings.Contains(m.Text, "Asked for by Firefox on Linux at ") {
		t.Errorf("deletion: %s", m.Text)
	}
}

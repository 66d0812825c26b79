package server

import (
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

func TestSetupLink(t *testing.T) {
	cfg := settings(t)
	first := running(t, cfg, quick)
	at, token, found := strings.Cut(first.at.Setup, "?token=")
	if !found || at != "http://"+first.at.HTTP+"/auth/setup" || len(token) < 40 {
		t.Fatalf("got %q", first.at.Setup)
	}
	if strings.Contains(first.log.String(), token) {
		t.Errorf("the log has the link:\n%s", first.log)
	}
	if second := running(t, cfg, quick); second.at.Setup != "" {
		t.Errorf("another server on the same data has one, too: %q", second.at.Setup)
	}

	up := first.do("POST", "/auth/setup", `{"setup_token":"`+token+`","email":"ana@example.com","password":"wisteria-lantern-40"}`)
	if up.status != 201 {
		t.Fatalf("the link is good for nothing: %v", up)
	}
	user, err := first.server.engine.Auth.Users().ByEmail(t.Context(), "ana@example.com")
	if err != nil || !user.Is(cloakroom.RoleAdmin) {
		t.Errorf("%+v %v", user, err)
	}
	if again := first.do("POST", "/auth/setup", `{"setup_token":"`+token+`","email":"eve@example.com","password":"wisteria-lantern-40"}`); again.status < 400 {
		t.Errorf("good twice: %v", again)
	}
}

func TestSetupLinkOfServersThatStartAtOnce(t *testing.T) {
	cfg := settings(t)
	servers := make([]*Server, 4)
	for i := range servers {
		servers[i], _ = built(t, cfg, 0)
	}
	links := make([]string, len(servers))
	var wait sync.WaitGroup
	for i, s := range servers {
		wait.Go(func() { links[i] = s.setupLink(t.Context()) })
	}
	wait.Wait()
	told := 0
	for _, link := range links {
		if link != "" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("%d links: %q", told, links)
	}
}

func TestNoSetupLinkWhereThereIsAnAdministrator(t *testing.T) {
	s, log := built(t, settings(t), 0)
	_, err := s.engine.Auth.Users().Create(t.Context(), cloakroom.NewUser{Email: "ana@example.com", Secret: "wisteria-lantern-40", Roles: []string{cloakroom.RoleAdmin}})
	if err != nil {
		t.Fatal(err)
	}
	if link := s.setupLink(t.Context()); link != "" || len(log.lines(t, "no setup link")) > 0 {
		t.Errorf("got %q and %s", link, log)
	}
}

func TestSetupLinkNeedsTheStore(t *testing.T) {
	s, log := built(t, settings(t), 0)
	if err := s.engine.stores.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if link := s.setupLink(t.Context()); link != "" || len(log.lines(t, "no setup link")) != 1 {
		t.Errorf("got %q and %s", link, log)
	}
}

package main

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server"
)

type eventCommands struct {
	List *eventList `arg:"subcommand:list" help:"List events, newest first."`
}

type eventList struct {
	User   string `arg:"--user" help:"Only those of this user: id or e-mail. Of a user who is gone: the id." placeholder:"USER"`
	Before string `arg:"--before" help:"Only those before the event with this id: the next page." placeholder:"ID"`
	Limit  int    `arg:"--limit" default:"100" help:"List at most so many; 0 lists all."`
}

// eventJSON is an event as it was kept.
type eventJSON struct {
	ID        string              `json:"id"`
	Type      cloakroom.EventType `json:"type"`
	Time      time.Time           `json:"time"`
	UserID    string              `json:"user_id,omitempty"`
	SessionID string              `json:"session_id,omitempty"`
	IP        string              `json:"ip,omitempty"`
	UserAgent string              `json:"user_agent,omitempty"`
	RequestID string              `json:"request_id,omitempty"`
	Reason    string              `json:"reason,omitempty"`
	Details   map[string]string   `json:"details,omitempty"`
}

func eventOf(e cloakroom.Event) eventJSON {
	return eventJSON{e.ID, e.Type, e.Time, e.UserID, e.SessionID, e.IP, e.UserAgent, e.RequestID, e.Reason, e.Details}
}

// detailsOf are the details of an event on one line, in order of their names.
func detailsOf(e cloakroom.Event) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		words = append(words, name+"="+e.Details[name])
	}
	return strings.Join(words, " ")
}

var eventID = regexp.MustCompile(`^evt_[0-9a-f]{32}$`)

func (l eventList) Run(ctx context.Context, c *console) error {
	if l.Before != "" && !eventID.MatchString(l.Before) {
		return usage(errors.New("--before needs the id of an event, evt_ and 32 digits: that of the last one of the page before"))
	}
	return c.withEngine(ctx, existing, func(e *server.Engine) error {
		userID, err := l.userID(ctx, e)
		if err != nil {
			return err
		}
		t := c.table("TIME", "EVENT", "USER", "SESSION", "IP", "REASON", "ID", "DETAILS")
		n := 0
		for event, err := range e.Auth.Events().Before(ctx, userID, l.Before) {
			if err != nil {
				return err
			}
			if err := t.row(eventOf(event), moment(event.Time), string(event.Type), event.UserID, event.SessionID, event.IP, event.Reason, event.ID, detailsOf(event)); err != nil {
				return err
			}
			if n++; n == l.Limit {
				break
			}
		}
		return t.end()
	})
}

// userID takes an id as it is: the events of a user outlive the user.
func (l eventList) userID(ctx context.Context, e *server.Engine) (string, error) {
	if !strings.Contains(l.User, "@") {
		return l.User, nil
	}
	u, err := find(ctx, e, l.User)
	if err != nil {
		return "", err
	}
	return u.ID, nil
}

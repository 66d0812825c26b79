package cloakroom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/webhook"
)

// hook is a webhook at work. Each has a postman of its own, so that one that does not answer holds up no other.
type hook struct {
	Webhook
	secrets []webhook.Secret
	sender  webhook.Sender
	postman *postman
}

// hookPatience is more than a webhook.Sender has.
const hookPatience = 30 * time.Second

// newHooks are the webhooks of the Config, which has been checked.
func (a *Auth) newHooks() (hooks []*hook) {
	for _, w := range a.config.Webhooks {
		h := &hook{Webhook: w, sender: webhook.Sender{Allow: w.Allow}}
		for _, text := range w.Secrets {
			secret, _ := webhook.ParseSecret(text)
			h.secrets = append(h.secrets, secret)
		}
		h.postman = a.postman(hookKind(w.Name), hookPatience, func(batch []Parcel) [][]sending {
			return h.sort(batch, a.now)
		}, func(p Parcel) Event {
			return Event{Type: WebhookFailed, Reason: w.Name, Details: map[string]string{"parcel": p.ID}}
		})
		hooks = append(hooks, h)
	}
	return hooks
}

// hookKind is the kind of the parcels of one webhook.
func hookKind(name string) string { return parcelWebhook + " " + name }

// told reports whether the webhook is told of events of this type.
func (h *hook) told(t EventType) bool {
	if len(h.Events) > 0 {
		return slices.Contains(h.Events, t)
	}
	return slices.Contains(hookEvents, t)
}

// hookBody is the payload of a delivery, in the form that Standard Webhooks gives it.
type hookBody struct {
	Type      EventType `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      hookData  `json:"data"`
}

type hookData struct {
	Realm     string `json:"realm,omitempty"`
	UserID    string `json:"user_id,omitempty"`
	SessionID string `json:"session_id,omitempty"`
	eventData
}

// webhookParcels are what is to be sent because of an event.
func (a *Auth) webhookParcels(e Event, rest eventData) (parcels []Parcel) {
	for _, h := range a.hooks {
		if h.told(e.Type) {
			data, _ := json.Marshal(hookBody{e.Type, e.Time, hookData{e.Realm, e.UserID, e.SessionID, rest}}) // strings always marshal
			parcels = append(parcels, Parcel{Realm: a.config.Realm, Kind: h.postman.kind, DueAt: e.Time, Data: data})
		}
	}
	return parcels
}

// ofSession are the parcels of an event that turned out to be of this session.
func ofSession(parcels []Parcel, sessionID string) []Parcel {
	parcels = slices.Clone(parcels)
	for i, p := range parcels {
		var body hookBody
		if p.Kind == parcelMail || json.Unmarshal(p.Data, &body) != nil {
			continue
		}
		body.Data.SessionID = sessionID
		parcels[i].Data, _ = json.Marshal(body)
	}
	return parcels
}

// hurryHooks lets those look for something to send that are told of such events.
func (a *Auth) hurryHooks(t EventType) {
	for _, h := range a.hooks {
		if h.told(t) {
			h.postman.hurry()
		}
	}
}

// sort is the postman's: no delivery waits for another.
func (h *hook) sort(batch []Parcel, now func() time.Time) (queues [][]sending) {
	for _, p := range batch {
		queues = append(queues, []sending{{[]Parcel{p}, func(ctx context.Context) error { return h.send(ctx, p, now()) }}})
	}
	return queues
}

// send makes one delivery. What it sends is the same at every try but for the time and the signature.
func (h *hook) send(ctx context.Context, p Parcel, now time.Time) error {
	err := h.sender.Send(ctx, webhook.Delivery{URL: h.URL, Secrets: h.secrets, ID: p.ID, At: now, Body: p.Data})
	refusal, refused := errors.AsType[*webhook.Refusal](err)
	switch {
	case !refused:
		return err
	case refusal.Permanent:
		return fmt.Errorf("%w: %w", ErrRejected, err)
	case refusal.RetryAfter == 0 || p.Tries > len(parcelBackoff):
		return err
	}
	return postponed{now.Add(max(refusal.RetryAfter, parcelBackoff[max(0, p.Tries-1)]))}
}

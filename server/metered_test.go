package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// bare is a store that can do only what every store can.
type bare struct{ cloakroom.Store }

// caller is a store that wakes.
type caller struct{ cloakroom.Store }

var errHung = errors.New("hung up")

func (caller) Wake(_ context.Context, ring func()) error {
	ring()
	return errHung
}

type finding struct {
	cloakroom.Store
	cloakroom.Finder
}

type callingFinder struct {
	caller
	cloakroom.Finder
}

func TestMeteredCanWhatTheStoreCan(t *testing.T) {
	kept := memory.New()
	for name, s := range map[string]cloakroom.Store{
		"neither": bare{kept}, "finds": finding{kept, kept}, "wakes": caller{kept}, "both": callingFinder{caller{kept}, kept},
	} {
		t.Run(name, func(t *testing.T) {
			metered := newMetrics().store(s)
			_, finds := s.(cloakroom.Finder)
			if _, ok := metered.(cloakroom.Finder); ok != finds {
				t.Errorf("finds %v, metered %v", finds, ok)
			}
			_, wakes := s.(cloakroom.Waker)
			w, ok := metered.(cloakroom.Waker)
			if ok != wakes {
				t.Errorf("wakes %v, metered %v", wakes, ok)
			}
			rung := false
			if ok && (w.Wake(t.Context(), func() { rung = true }) != errHung || !rung) {
				t.Error("the call does not come through")
			}
		})
	}
}

// TestMeteredTimesEveryOperation calls each method of the contract once, with nothing.
func TestMeteredTimesEveryOperation(t *testing.T) {
	m := newMetrics()
	verbs := reflect.TypeFor[cloakroom.Store]()
	metered := reflect.ValueOf(m.store(bare{memory.New()}))
	for i := range verbs.NumMethod() {
		verb := metered.MethodByName(verbs.Method(i).Name)
		given := []reflect.Value{reflect.ValueOf(t.Context())}
		for n := 1; n < verb.Type().NumIn(); n++ {
			given = append(given, reflect.Zero(verb.Type().In(n)))
		}
		if verb.Type().IsVariadic() {
			given = given[:len(given)-1]
		}
		verb.Call(given)
	}
	if len(storeOps) != verbs.NumMethod() {
		t.Errorf("%d operations are named, the contract has %d", len(storeOps), verbs.NumMethod())
	}
	page := ask(m.handler(), "GET", "/metrics").Body.String()
	for _, op := range storeOps {
		if got := figure(page, `cloakroom_store_seconds_count{op="`+op+`"}`); got != 1 {
			t.Errorf("%s was timed %v times, not once", op, got)
		}
	}
}

// broken fails every look-up with err.
type broken struct {
	*memory.Store
	err error
}

func (b broken) Find(context.Context, cloakroom.TokenID, time.Time) (cloakroom.SessionRecord, cloakroom.User, error) {
	return cloakroom.SessionRecord{}, cloakroom.User{}, b.err
}

func (b broken) Session(context.Context, cloakroom.TokenID, time.Time) (cloakroom.SessionRecord, error) {
	return cloakroom.SessionRecord{}, b.err
}

func TestMeteredTellsAnswersFromFailures(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		result string
		failed float64
	}{
		{"there", nil, "hit", 0},
		{"absent", fmt.Errorf("row: %w", cloakroom.ErrNotFound), "miss", 0},
		{"exchanged", cloakroom.ErrMoved, "miss", 0},
		{"broken", errors.New("disk"), "error", 1},
		{"the client has gone", context.Canceled, "error", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMetrics()
			metered := m.store(broken{memory.New(), c.err})
			_, err := metered.Session(t.Context(), cloakroom.TokenID{}, time.Now())
			_, _, found := metered.(cloakroom.Finder).Find(t.Context(), cloakroom.TokenID{}, time.Now())
			if err != c.err || found != c.err {
				t.Errorf("%v became %v and %v", c.err, err, found)
			}
			page := ask(m.handler(), "GET", "/metrics").Body.String()
			if got := figure(page, `cloakroom_session_lookups_total{result="`+c.result+`"}`); got != 2 {
				t.Errorf("%s is %v of two", c.result, got)
			}
			if got := figure(page, `cloakroom_store_errors_total{op="session"}`); got != 2*c.failed {
				t.Errorf("errors are %v, want %v", got, 2*c.failed)
			}
		})
	}
}

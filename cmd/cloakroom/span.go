package main

import (
	"errors"
	"time"

	"github.com/cloakroom-auth/cloakroom/server/config"
)

// span is a time as flags have it, which is as the configuration has it.
type span time.Duration

func (s *span) UnmarshalText(text []byte) error {
	d, err := config.ParseDuration(string(text))
	if err != nil {
		return errors.New("expected TIME") // which misreadings knows
	}
	*s = span(d)
	return nil
}

package config

import (
	"errors"
	"time"
)

// ParseDuration reads a duration as the configuration has it: 90s, 12h, 14d, 1d12h. What is less than zero is an error.
func ParseDuration(text string) (time.Duration, error) {
	d, ok := parseDuration(text)
	if !ok || d < 0 {
		return 0, errors.New("not a duration, such as 90s, 12h or 14d")
	}
	return d, nil
}

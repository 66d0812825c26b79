//go:build !darwin && !linux

package doctor

import "errors"

// cannotWrite is not asked: the first write tells.
func cannotWrite(string) error { return nil }

func freeBytes(string) (uint64, error) { return 0, errors.New("not on this system") }

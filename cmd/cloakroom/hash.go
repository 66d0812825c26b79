package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cloakroom-auth/cloakroom/internal/legacyhash"
)

type hashCommands struct {
	Identify *hashIdentify `arg:"subcommand:identify" help:"Read hashes of passwords from standard input, one a line, and say what an import would make of each."`
}

type hashIdentify struct{}

// hashJSON is what there is to know of a hash. It has nothing of the hash itself.
type hashJSON struct {
	Line     int    `json:"line"`
	Kind     string `json:"kind,omitempty"`     // empty: none that is known
	Strength string `json:"strength,omitempty"` // slow or fast
	Import   string `json:"import"`             // kept, wrapped, refused or, of the mark that there is no password, none
}

// Run exits with 1 when a hash would be refused.
func (hashIdentify) Run(ctx context.Context, c *console) error {
	if isTerminal(c.in) {
		c.say("type or paste hashes, one a line, and end with Ctrl-D")
	}
	in := bufio.NewScanner(c.in)
	in.Buffer(nil, maxLine)
	t := c.table("LINE", "KIND", "STRENGTH", "IMPORT")
	refused := false
	n := 1
	for ; in.Scan() && ctx.Err() == nil; n++ {
		h := identified(n, strings.TrimSpace(in.Text()))
		refused = refused || h.Import == "refused"
		if err := t.row(h, strconv.Itoa(n), orDash(h.Kind), orDash(h.Strength), h.Import); err != nil {
			return err
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return hinted(fmt.Errorf("line %d has more than %d bytes, and was not read, nor what follows", n, maxLine), "give hashes, one a line")
	}
	if in.Err() != nil {
		return fmt.Errorf("standard input: %w", in.Err())
	}
	if refused {
		return exitCode(notDone)
	}
	return nil
}

func identified(line int, text string) hashJSON {
	kind, strength, ok := legacyhash.Identify(text)
	switch {
	case legacyhash.Unusable(text):
		return hashJSON{Line: line, Kind: "no-password", Import: "none"}
	case !ok:
		return hashJSON{Line: line, Import: "refused"}
	case strength == legacyhash.Fast:
		return hashJSON{line, kind, strength, "wrapped"}
	}
	return hashJSON{line, kind, strength, "kept"}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

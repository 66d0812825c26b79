package config

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

func same(s string) string { return s }

// some is any text but the empty one.
var some = kind[string]{parse: func(text string) (string, error) {
	if text == "" {
		return "", refuse("give a value, or leave the key out for its default", "is empty")
	}
	return text, nil
}, text: same}

var (
	address  = kind[string]{parse: parseAddress, text: same}
	baseURL  = kind[string]{parse: parseBaseURL, text: same}
	origin   = kind[string]{parse: parseOrigin, text: same}
	domain   = kind[string]{parse: parseDomain, text: same}
	cookie   = kind[string]{parse: parseToken, text: same}
	audience = kind[string]{parse: parseAudience, text: same}
	header   = kind[string]{parse: parseHeader, text: same}
	network  = kind[netip.Prefix]{parse: parseNetwork, text: netip.Prefix.String}
	database = kind[DSN]{parse: parseDatabase, text: func(d DSN) string { return string(d) }, show: DSN.String}
	ledger   = kind[DSN]{parse: parseLedger, text: database.text, show: DSN.String}
	secret   = kind[Secret]{parse: parseSecret, text: func(s Secret) string { return hex.EncodeToString(s) }, show: Secret.String}
	mirror   = kind[string]{parse: parseMirror, text: same}
	role     = kind[string]{parse: parseRole, text: same}
	rpID     = kind[string]{parse: parseRPID, text: same}
	site     = kind[string]{parse: parseSite, text: same}
	sender   = kind[string]{parse: parseSender, text: same}
	locale   = kind[string]{parse: parseLocale, text: same}
	client   = kind[Client]{parse: parseClient, text: func(c Client) string { return c.ID + ":" + hex.EncodeToString(c.SHA256[:]) }, show: Client.String}

	page          = kind[string]{parse: parsePage, text: same}
	passkeyOrigin = kind[string]{parse: parsePasskeyOrigin, text: same}
	mailServer    = kind[string]{parse: parseMailServer, text: same}
	mailPassword  = kind[MailPassword]{parse: func(text string) (MailPassword, error) { return MailPassword(text), nil }, text: func(p MailPassword) string { return string(p) }, show: MailPassword.String}
	link          = kind[Link]{parse: parseLink, text: func(l Link) string { return l.Letter + ":" + l.Path }}
)

// optional also takes the empty text, for the zero value.
func optional[T any](k kind[T]) kind[T] {
	parse := k.parse
	k.parse = func(text string) (T, error) {
		if text == "" {
			var zero T
			return zero, nil
		}
		return parse(text)
	}
	return k
}

// offOr also takes the word off, for the zero value.
func offOr[T comparable](k kind[T]) kind[T] {
	var off T
	return kind[T]{
		parse: func(text string) (T, error) {
			if text == "off" {
				return off, nil
			}
			return k.parse(text)
		},
		text: func(v T) string {
			if v == off {
				return "off"
			}
			return k.text(v)
		},
	}
}

// word is one of a few words.
func word(words ...string) kind[string] {
	mend := "write " + alternatives(words)
	return kind[string]{parse: func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", refuse(mend, "%s is not one of its values", quote(text))
		}
		return text, nil
	}, text: same}
}

// alternatives lists words as in "a, b or c".
func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// boolean is one word for true and another for false.
func boolean(yes, no string) kind[bool] {
	words := word(yes, no)
	return kind[bool]{
		parse: func(text string) (bool, error) {
			text, err := words.parse(text)
			return text == yes, err
		},
		text: func(v bool) string {
			if v {
				return yes
			}
			return no
		},
	}
}

func integer(least, most int) kind[int] {
	mend := fmt.Sprintf("write a number from %d to %d", least, most)
	return kind[int]{parse: func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, refuse(mend, "%s is not a whole number", quote(text))
		}
		if n < least || n > most {
			return 0, refuse(mend, "%d is out of range", n)
		}
		return n, nil
	}, text: strconv.Itoa}
}

func duration(least, most time.Duration) kind[time.Duration] {
	mend := fmt.Sprintf("write a duration from %s to %s, such as 90s, 12h or 14d", durationText(least), durationText(most))
	return kind[time.Duration]{parse: func(text string) (time.Duration, error) {
		d, ok := parseDuration(text)
		if !ok {
			return 0, refuse(mend, "%s is not a duration", quote(text))
		}
		if d < least || d > most {
			return 0, refuse(mend, "%s is out of range", quote(text))
		}
		return d, nil
	}, text: durationText}
}

// units of memory, the largest first.
var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

// size is an amount of memory, with a unit or without.
func size(least, most int64) kind[int64] {
	mend := fmt.Sprintf("write a size from %s to %s", sizeText(least), sizeText(most))
	return kind[int64]{parse: func(text string) (int64, error) {
		n, ok := parseSize(text)
		if !ok {
			return 0, refuse(mend, "%s is not a size", quote(text))
		}
		if n < least || n > most {
			return 0, refuse(mend, "%s is out of range", quote(text))
		}
		return n, nil
	}, text: sizeText}
}

func parseSize(text string) (n int64, ok bool) {
	for _, unit := range units {
		if digits, found := strings.CutSuffix(text, unit.name); found {
			n, err := strconv.ParseUint(digits, 10, 63)
			if err != nil || n > math.MaxInt64/uint64(unit.bytes) {
				return 0, false
			}
			return int64(n) * unit.bytes, true
		}
	}
	return 0, false
}

// sizeText writes a size in the largest unit that leaves no rest.
func sizeText(n int64) string {
	for _, unit := range units {
		if n%unit.bytes == 0 {
			return strconv.FormatInt(n/unit.bytes, 10) + unit.name
		}
	}
	return ""
}

// parseDuration reads what time.ParseDuration reads, with days before it if need be: 14d, 1d12h.
func parseDuration(text string) (time.Duration, bool) {
	head, rest, found := strings.Cut(text, "d")
	if !found {
		d, err := time.ParseDuration(text)
		return d, err == nil
	}
	days, err := strconv.ParseUint(head, 10, 16)
	if err != nil {
		return 0, false
	}
	d := time.Duration(days) * day
	if rest == "" {
		return d, true
	}
	more, err := time.ParseDuration(rest)
	return d + more, err == nil && 0 <= more && more < day
}

// durationText writes a duration without its zeros: 336h, not 336h0m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

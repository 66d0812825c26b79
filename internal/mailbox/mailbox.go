// Package mailbox knows e-mail addresses as names of accounts: the one spelling that stands for all, and what can be an
// address of somebody. It sends nothing.
package mailbox

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// RFC 5321 §4.5.3.1: the longest local part, and the longest path without its brackets, in bytes.
const (
	maxLocal = 64
	maxAll   = 254
)

// Normalize returns the one spelling of an address: Unicode NFC, lower case, no surrounding space. It never strips dots
// or +tags: those may be different people.
func Normalize(s string) string {
	return norm.NFC.String(strings.ToLower(norm.NFC.String(strings.TrimSpace(s))))
}

// Valid accepts what can be one mailbox of somebody (RFC 5321, without quoting, comments and address literals), and
// nothing that could be read as two, or as a header.
func Valid(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	if !found || len(local) > maxLocal || len(s) > maxAll || !utf8.ValidString(s) || strings.ContainsFunc(s, special) {
		return false
	}
	return dotted(local, maxLocal) && !strings.Contains(domain, "@") && hostname(domain)
}

func special(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`()<>[]:;,\"`, r)
}

// dotted holds for words of 1 to max bytes with single dots between them.
func dotted(s string, max int) bool {
	for word := range strings.SplitSeq(s, ".") {
		if word == "" || len(word) > max {
			return false
		}
	}
	return true
}

func hostname(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return dotted(s, 63) // RFC 1035 §2.3.4
}

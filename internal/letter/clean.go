package letter

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How many characters are left of a value.
const (
	maxValue   = 100
	maxAddress = 254 // RFC 5321 §4.5.3.1.3
	maxSubject = 150
)

// clean makes one line of s, without what is not seen: control characters, and marks that change the direction of what
// follows. It keeps the joiners that some scripts are written with. What is longer than max characters is cut.
func clean(s string, max int) string {
	s = strings.Map(visible, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > max {
		s = strings.TrimSpace(string([]rune(s)[:max-1])) + "…"
	}
	return s
}

func visible(r rune) rune {
	const nonJoiner, joiner = '\u200c', '\u200d'
	switch {
	case r == nonJoiner || r == joiner:
		return r
	case unicode.IsSpace(r) || unicode.In(r, unicode.Zl, unicode.Zp):
		return ' '
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
		return -1
	}
	return r
}

// linkish finds what mail programs make a link of by themselves.
var linkish = regexp.MustCompile(`(?i)://|@|\bwww\b|[.。．｡]\p{L}{2,}`)

// plain is clean for words that strangers choose. What would become a link is left out.
func plain(s string) string {
	s = clean(s, maxValue)
	if linkish.MatchString(s) {
		return ""
	}
	return s
}

package password

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-auth/cloakroom"
)

// shortestWord is the least number of letters that make a part of a name, or of an address, a word of its own: less
// would refuse too much. Names that the operator lists count whole at any length.
const shortestWord = 4

// contextual reports whether a password, in NFC and lower case, is one of the names around this account, or consists
// of such words alone once everything but letters is dropped: "ana.garcia", "Acme2026!", "garcia-acme-1". A password that
// has anything else in it passes.
func contextual(folded string, own []string, u cloakroom.User) bool {
	local, domain, _ := strings.Cut(u.Email, "@")
	var words []string
	for i, name := range slices.Concat(own, []string{u.Email, local, domain, u.Name}) {
		name = strings.ToLower(norm.NFC.String(name))
		if name != "" && name == folded {
			return true
		}
		parts := strings.FieldsFunc(name, notLetter)
		whole := strings.Join(parts, "")
		if i < len(own) || long(whole) {
			words = append(words, whole)
		}
		words = append(words, slices.DeleteFunc(parts, func(p string) bool { return !long(p) })...)
	}
	return consists(strings.Join(strings.FieldsFunc(folded, notLetter), ""), words)
}

// consists reports whether s is a row of the words, each as often as you like.
func consists(s string, words []string) bool {
	reached := make([]bool, len(s)+1) // reached[i]: s[:i] is such a row
	reached[0] = true
	for i := range s {
		if !reached[i] {
			continue
		}
		for _, w := range words {
			if strings.HasPrefix(s[i:], w) {
				reached[i+len(w)] = true
			}
		}
	}
	return s != "" && reached[len(s)]
}

func long(word string) bool { return utf8.RuneCountInString(word) >= shortestWord }

func notLetter(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }

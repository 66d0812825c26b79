package cloakroom

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a user says about itself ends up in mails, in the language tag of a page and in the src of an image, so each field takes
// one form and nothing else.

const (
	maxLocale  = 35 // RFC 5646 §4.4.1: room for every tag that is not made of extensions
	maxPicture = 2048
)

// languageTag is langtag and privateuse of RFC 5646 §2.1, without the grandfathered ones.
var languageTag = regexp.MustCompile(`(?i)^(?:` +
	`(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})` + // language and extlang
	`(?:-[a-z]{4})?` + // script
	`(?:-(?:[a-z]{2}|[0-9]{3}))?` + // region
	`(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*` + // variant
	`(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*` + // extension
	`(?:-x(?:-[a-z0-9]{1,8})+)?` + // privateuse
	`|x(?:-[a-z0-9]{1,8})+)$`)

func validLocale(tag string) bool { return len(tag) <= maxLocale && languageTag.MatchString(tag) }

// validPicture accepts an address that a browser can only fetch: nothing that it would run, and nothing that tells a password.
func validPicture(s string) bool {
	if len(s) > maxPicture || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil
}

// e164 is a number as ITU-T E.164 §6 has it; nobody's is shorter than seven digits, and no country's code begins with 0.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// NormalizePhone returns a phone number without what people put between its digits: spaces, dashes, dots, slashes, parentheses.
func NormalizePhone(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("-./()", r) {
			return -1
		}
		return r
	}, s)
}

// checkProfile returns what of a user's profile may not be stored.
func checkProfile(u *User) (bad FieldErrors) {
	if u.Locale != "" && !validLocale(u.Locale) {
		bad = append(bad, FieldError{Field: "locale", Code: "invalid_locale", Message: "must be a language tag, like de or de-AT, of at most 35 characters"})
	}
	if u.Picture != "" && !validPicture(u.Picture) {
		bad = append(bad, FieldError{Field: "picture", Code: "invalid_picture", Message: "must be an https address of at most 2,048 bytes"})
	}
	if u.Phone != "" && !e164.MatchString(u.Phone) {
		bad = append(bad, FieldError{Field: "phone_number", Code: "invalid_phone", Message: "must be a number with its country's code, like +4366012345678"})
	}
	return bad
}

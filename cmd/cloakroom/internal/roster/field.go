package roster

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/legacyhash"
)

// maxFields bounds how many fields a record may have: more are no list of accounts.
const maxFields = 1000

// What a field must be. A Refusal names the field before it.
var (
	errText   = errors.New("must be text")
	errFlag   = errors.New("must be true or false")
	errNames  = errors.New("must be a list of names")
	errMoment = errors.New("must be a time, like 2024-05-31T14:00:00Z, or seconds or milliseconds since 1970")
)

// set puts what a list says into the field of this name. The value is as encoding/json has it with json.Number; what is written
// without types comes as a string. Not known: there is no such field.
func (a *Account) set(name string, value any) (known bool, err error) {
	switch name {
	case "external_id":
		err = text(&a.ExternalID, value)
	case "id": // of the system that wrote the list, so external to us
		if a.ExternalID == "" {
			err = text(&a.ExternalID, value)
		}
	case "email":
		err = text(&a.Email, value)
	case "email_verified":
		err = flag(&a.EmailVerified, value)
	case "name":
		err = text(&a.Name, value)
	case "roles":
		err = names(&a.Roles, value)
	case "locale":
		err = text(&a.Locale, value)
	case "picture":
		err = text(&a.Picture, value)
	case "phone_number":
		err = text(&a.Phone, value)
	case "created_at":
		err = moment(&a.CreatedAt, value)
	case "banned":
		err = flag(&a.Banned, value)
	case "reset_required":
		err = flag(&a.ResetRequired, value)
	case "password_hash":
		err = text(&a.PasswordHash, value)
		if legacyhash.Unusable(a.PasswordHash) {
			a.PasswordHash = "" // the account has no password there, and is none the worse here
		}
	default:
		return false, nil
	}
	return true, err
}

func text(to *string, value any) error {
	switch v := value.(type) {
	case nil:
	case string:
		*to = v
	case json.Number:
		*to = v.String()
	default:
		return errText
	}
	return nil
}

func flag(to *bool, value any) error {
	switch v := value.(type) {
	case nil:
	case bool:
		*to = v
	case string:
		switch strings.ToLower(v) {
		case "true", "t", "yes", "y", "1":
			*to = true
		case "", "false", "f", "no", "n", "0":
			*to = false
		default:
			return errFlag
		}
	default:
		return errFlag
	}
	return nil
}

func names(to *[]string, value any) error {
	switch v := value.(type) {
	case nil:
	case string:
		*to = strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(",;| ", r) })
	case []any:
		list := make([]string, len(v))
		for i := range v {
			name, is := v[i].(string)
			if !is {
				return errNames
			}
			list[i] = name
		}
		*to = list
	default:
		return errNames
	}
	return nil
}

// layouts are how databases and languages write a time. Without a zone it is UTC.
var layouts = [...]string{
	time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05Z07", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02",
}

func moment(to *time.Time, value any) error {
	var written string
	if text(&written, value) != nil {
		return errMoment
	}
	if written == "" {
		return nil
	}
	if n, err := strconv.ParseFloat(written, 64); err == nil {
		return since1970(to, n)
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, written); err == nil {
			*to = t.UTC()
			return nil
		}
	}
	return errMoment
}

// since1970 takes a number for seconds, or for milliseconds if it would else lie after the year 5138.
func since1970(to *time.Time, n float64) error {
	const seconds = 1e11
	switch {
	case math.IsNaN(n) || n < 0 || n >= 1000*seconds:
		return errMoment
	case n < seconds:
		n *= 1000
	}
	*to = time.UnixMilli(int64(n)).UTC()
	return nil
}

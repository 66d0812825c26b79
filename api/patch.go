package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

// clearable is a member of a merge patch (RFC 7396): left out, it changes nothing; null, or the empty string, clears what is
// there.
type clearable struct {
	given bool
	text  string
}

func (c *clearable) UnmarshalJSON(text []byte) error {
	c.given = true
	return json.Unmarshal(text, &c.text) // null leaves it empty
}

// apply puts what the patch says into a field.
func (c clearable) apply(to *string) {
	if c.given {
		*to = c.text
	}
}

// decodePatch is decode for a merge patch of the own account. What an account has and a patch cannot change is refused rather
// than ignored: whoever sends it believes that it counts.
func decodePatch(w http.ResponseWriter, r *http.Request, into any) error {
	members, err := membersOf(w, r, mediaPatch, mediaJSON)
	if err != nil {
		return err
	}
	var bad cloakroom.FieldErrors
	writable := fieldsOf(reflect.TypeOf(into).Elem())
	for _, f := range fieldsOf(reflect.TypeFor[accountJSON]()) {
		_, given := members[f.name]
		if given && !slices.ContainsFunc(writable, func(w field) bool { return w.name == f.name }) {
			bad = append(bad, cloakroom.FieldError{Field: f.name, Code: "not_writable", Message: "cannot be changed here"})
		}
	}
	if bad != nil {
		return bad
	}
	return fill(reflect.ValueOf(into).Elem(), members)
}

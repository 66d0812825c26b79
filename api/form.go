package api

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/problem"
)

// decodeForm reads a form, or JSON as decode does, into a struct of strings. In a form a parameter without a value counts
// as left out, and one that is there twice is refused (RFC 6749 §3.2), also when we do not know it. One that is missing is an invalid request in
// both.
func decodeForm(w http.ResponseWriter, r *http.Request, into any) error {
	switch mediaOf(r.Header) {
	case mediaJSON:
		return orMissing(decode(w, r, into))
	case mediaForm:
	default:
		return failure{problem.UnsupportedMediaType, "send Content-Type: " + mediaForm + ", or " + mediaJSON}
	}
	text, err := read(w, r)
	if err != nil {
		return err
	}
	values, err := once(string(text))
	if err != nil {
		return err
	}
	v := reflect.ValueOf(into).Elem()
	for _, f := range fieldsOf(v.Type()) {
		value := values.Get(f.name)
		if value == "" && !f.optional {
			return missing(f.name)
		}
		v.FieldByIndex(f.index).SetString(value)
	}
	return nil
}

func missing(name string) error {
	return failure{problem.InvalidRequest, "the parameter " + name + " is missing"}
}

// orMissing is an error of decode, in the words of RFC 6749 §5.2 where a member is missing.
func orMissing(err error) error {
	bad, _ := errors.AsType[cloakroom.FieldErrors](err)
	for _, f := range bad {
		if f.Code == codeRequired {
			return missing(f.Field)
		}
	}
	return err
}

// once reads form-encoded parameters, each of them given once.
func once(encoded string) (url.Values, error) {
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, failure{problem.InvalidRequest, "the parameters are not form-encoded"}
	}
	for name, given := range values {
		if len(given) > 1 {
			return nil, failure{problem.InvalidRequest, "the parameter " + name + " is given twice"}
		}
	}
	return values, nil
}

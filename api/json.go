package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/problem"
)

// Bounds of a body.
const (
	maxBody  = 64 << 10 // bytes
	maxDepth = 16       // objects and arrays within each other
)

// decode reads the JSON body of r into a struct. Member names are matched exactly; unknown ones are ignored. Known ones
// must be there, unless they are optional (omitempty), and must have the type of their field; null is no type.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	members, err := membersOf(w, r, mediaJSON)
	if err != nil {
		return err
	}
	return fill(reflect.ValueOf(into).Elem(), members)
}

// membersOf reads the JSON body of r, which says to be of one of these media types.
func membersOf(w http.ResponseWriter, r *http.Request, media ...string) (map[string]json.RawMessage, error) {
	if !slices.Contains(media, mediaOf(r.Header)) {
		return nil, failure{code: problem.UnsupportedMediaType}
	}
	text, err := read(w, r)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

// empty reports whether r has no body. What it must read ahead to know is put back.
func empty(r *http.Request) bool {
	if r.ContentLength >= 0 || r.Body == nil {
		return r.ContentLength <= 0
	}
	ahead := bufio.NewReaderSize(r.Body, 16)
	r.Body = struct {
		io.Reader
		io.Closer
	}{ahead, r.Body}
	_, err := ahead.Peek(1)
	return err == io.EOF
}

const (
	mediaJSON = "application/json"
	mediaForm = "application/x-www-form-urlencoded"
	mediaJWT  = "application/jwt"          // RFC 7519 §10.3.1
	mediaKeys = "application/jwk-set+json" // RFC 7517 §8.5.2

	mediaPatch = "application/merge-patch+json" // RFC 7396 §4
)

// mediaOf is what the body says it is, or "" if that is unclear, compressed or not in UTF-8. That no HTML form can say
// application/json is part of the defence against cross-site requests.
func mediaOf(h http.Header) string {
	if len(h["Content-Type"]) > 1 || h.Get("Content-Encoding") != "" {
		return ""
	}
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, stated := params["charset"]
	if err != nil || stated && !strings.EqualFold(charset, "utf-8") {
		return ""
	}
	return media
}

// read returns the whole body if it is not too large, whether or not it states its length.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, failure{code: problem.PayloadTooLarge}
	}
	if r.Body == nil {
		return nil, nil
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, failure{code: problem.PayloadTooLarge}
	}
	if err != nil {
		return nil, failure{problem.InvalidRequest, "the body could not be read"}
	}
	return text, nil
}

// parse takes one JSON object apart. It is stricter than encoding/json where two readers of one text could understand
// two things: double names, half surrogate pairs, bytes that are not UTF-8.
func parse(text []byte) (map[string]json.RawMessage, error) {
	malformed := func(why string) error { return failure{problem.InvalidJSON, why} }
	switch {
	case !utf8.Valid(text):
		return nil, malformed("the body is not UTF-8")
	case !json.Valid(text):
		return nil, malformed("the body is not one JSON value")
	case bytes.TrimLeft(text, " \t\r\n")[0] != '{':
		return nil, malformed("the body is not a JSON object")
	case halfSurrogate(text):
		return nil, malformed(`a string has half of a \u surrogate pair`)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if why := inspect(d, 1); why != "" {
		return nil, malformed(why)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, malformed("the body is not a JSON object")
	}
	return members, nil
}

// inspect walks over the next value of valid JSON and says what is wrong with its structure, or "".
func inspect(d *json.Decoder, depth int) string {
	t, err := d.Token()
	if err != nil {
		return "the body is not one JSON value"
	}
	opening, nests := t.(json.Delim)
	if !nests {
		return ""
	}
	if depth > maxDepth {
		return "values are nested deeper than " + strconv.Itoa(maxDepth)
	}
	seen := map[string]bool{}
	for d.More() {
		if opening == '{' {
			t, _ := d.Token()
			name, _ := t.(string)
			if seen[name] {
				return "an object has one name twice"
			}
			seen[name] = true
		}
		if why := inspect(d, depth+1); why != "" {
			return why
		}
	}
	_, _ = d.Token() // the closing one
	return ""
}

// halfSurrogate reports whether valid JSON has a \u escape that is half of a pair (RFC 8259 §8.2): encoding/json would
// silently make it U+FFFD.
func halfSurrogate(text []byte) bool {
	low := func(u uint64) bool { return u >= 0xdc00 && u < 0xe000 }
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++ // to what is escaped
		u, ok := escaped(text[i:])
		if !ok || u < 0xd800 || u >= 0xe000 {
			continue
		}
		next := text[i+5:]
		if len(next) == 0 || next[0] != '\\' {
			return true
		}
		if v, ok := escaped(next[1:]); low(u) || !ok || !low(v) {
			return true
		}
		i += 5 // to the backslash of the second half; the loop steps over it
	}
	return false
}

// escaped reads uXXXX.
func escaped(text []byte) (u uint64, ok bool) {
	if len(text) < 5 || text[0] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(string(text[1:5]), 16, 16)
	return u, err == nil
}

// mustBe says what a value of this type must be.
func mustBe(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[objectText]():
		return "must be an object"
	case t == reflect.TypeFor[clearable]():
		return "must be a string or null"
	case t == reflect.TypeFor[time.Time]():
		return "must be a time, like 2026-01-31T12:00:00Z"
	case t.Kind() == reflect.Slice:
		return "must be a list of strings"
	case t.Kind() == reflect.Int64:
		return "must be a whole number"
	case t.Kind() == reflect.Pointer:
		return mustBe(t.Elem())
	case t.Kind() == reflect.Bool:
		return "must be true or false"
	}
	return "must be a string"
}

const codeRequired = "required"

// fill puts members into the fields of a struct and tells of every one that does not fit.
func fill(v reflect.Value, members map[string]json.RawMessage) error {
	var bad cloakroom.FieldErrors
	for _, f := range fieldsOf(v.Type()) {
		raw, given := members[f.name]
		switch {
		case !given && f.optional:
		case !given:
			bad = append(bad, cloakroom.FieldError{Field: f.name, Code: codeRequired, Message: "is missing"})
		case string(raw) == "null" && !f.nullable || json.Unmarshal(raw, v.FieldByIndex(f.index).Addr().Interface()) != nil:
			bad = append(bad, cloakroom.FieldError{Field: f.name, Code: "wrong_type", Message: mustBe(f.typ)})
		}
	}
	if bad != nil {
		return bad
	}
	return nil
}

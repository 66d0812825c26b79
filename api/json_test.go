package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cloakroom-auth/cloakroom/api"
)

// TestBody sends bodies that must be refused before anything is counted or hashed.
func TestBody(t *testing.T) {
	w := open(t)
	w.user("ana@example.com")
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	good := `"email":"ana@example.com","password":"` + password + `"`

	for name, body := range map[string]string{
		"S95 an array": `[{` + good + `}]`, "S95 a string": `"login"`, "S95 null": `null`, "S95 a number": `1`, "S95 cut off": `{` + good,
		"S95 two values": `{` + good + `}{}`, "S95 trailing text": `{` + good + `}x`, "S95 a comment": `{` + good + `/**/}`,
		"S95 single quotes": `{'email':'x'}`, "S95 trailing comma": `{` + good + `,}`, "S95 only space": "  ", "S95 NUL": "{" + good + "}\x00",
		"a byte order mark": "\ufeff{" + good + "}", "UTF-16": "{\x00\"\x00e\x00", "Latin-1": `{"email":"ana` + "\xe9" + `@example.com","password":"x"}`,
		"overlong UTF-8":                        `{"email":"` + "\xc0\x80" + `","password":"x"}`,
		"a raw newline in a string":             "{\"email\":\"a\nb\",\"password\":\"x\"}",
		"one name twice":                        `{` + good + `,"email":"eve@example.com"}`,
		"one name twice, once escaped":          `{` + good + `,"\u0065mail":"eve@example.com"}`,
		"one unknown name twice, further down":  `{` + good + `,"x":[{"a":1,"a":2}]}`,
		"too deep":                              `{` + good + `,"x":` + deep(16) + `}`,
		"far too deep":                          `{` + good + `,"x":` + deep(20000) + `}`,
		"half a surrogate pair":                 `{` + good + `,"name":"\ud83d"}`,
		"half a surrogate pair, then text":      `{` + good + `,"name":"\ud83dx"}`,
		"half a surrogate pair, then an escape": `{` + good + `,"name":"\ud83d\u0041"}`,
		"two first halves":                      `{` + good + `,"name":"\ud83d\ud83d"}`,
		"the second half alone":                 `{` + good + `,"name":"\ude00"}`,
		"two second halves":                     `{` + good + `,"name":"\ude00\ude00"}`,
		"the halves swapped":                    `{` + good + `,"name":"\ude00\ud83d"}`,
		"half a surrogate pair in a name":       `{` + good + `,"\uD800":1}`,
	} {
		t.Run("400 "+name, func(t *testing.T) { w.refuses(t, body).fails(400, "invalid_json") })
	}

	for name, c := range map[string]struct{ body, field, code string }{
		"S96 no e-mail":                        {`{"password":"x"}`, "email", "required"},
		"S96 no password":                      {`{"email":"ana@example.com"}`, "password", "required"},
		"S96 nothing":                          {`{}`, "password", "required"},
		"S96 names are matched by case":        {`{"Email":"ana@example.com","password":"x"}`, "email", "required"},
		"S97 password is a number":             {`{"email":"ana@example.com","password":1}`, "password", "wrong_type"},
		"S97 password is null":                 {`{"email":"ana@example.com","password":null}`, "password", "wrong_type"},
		"S97 password is empty":                {`{"email":"ana@example.com","password":""}`, "password", "required"},
		"S97 password is an object":            {`{"email":"ana@example.com","password":{"$ne":""}}`, "password", "wrong_type"},
		"e-mail is a list":                     {`{"email":["ana@example.com"],"password":"x"}`, "email", "wrong_type"},
		"e-mail is empty":                      {`{"email":"","password":"x"}`, "email", "required"},
		"remember is a string":                 {`{` + good + `,"remember":"true"}`, "remember", "wrong_type"},
		"remember is null":                     {`{` + good + `,"remember":null}`, "remember", "wrong_type"},
		"delivery is a number":                 {`{` + good + `,"delivery":1}`, "delivery", "wrong_type"},
		"NUL in the e-mail":                    {`{"email":"ana\u0000@example.com","password":"x"}`, "email", "invalid_email"},
		"a line break in the e-mail":           {`{"email":"ana\r\n@example.com","password":"x"}`, "email", "invalid_email"},
		"S102 e-mail of 5,000 characters":      {`{"email":"` + strings.Repeat("a", 5000) + `","password":"x"}`, "email", "too_long"},
		"S102 password of 60,000 characters":   {`{"email":"ana@example.com","password":"` + strings.Repeat("x", 60000) + `"}`, "password", "too_long"},
		"both fields are named":                {`{"email":1,"password":2}`, "password", "wrong_type"},
		"a surrogate pair is fine, a type not": {`{"email":"\ud83d\ude00","password":7}`, "password", "wrong_type"},
	} {
		t.Run("422 "+name, func(t *testing.T) { w.refuses(t, c.body).blames(c.field, c.code) })
	}

	t.Run("S100 413 by its stated length", func(t *testing.T) {
		w.refuses(t, `{`+good+`,"x":"`+strings.Repeat("x", api.MaxBody)+`"}`).fails(413, "payload_too_large")
	})
	t.Run("S100 413 without a stated length", func(t *testing.T) {
		body := `{` + good + `,"x":"` + strings.Repeat("x", api.MaxBody) + `"}`
		for _, path := range []string{"/auth/login", "/auth/anonymous"} {
			w.client().send(w.chunked(t, path, body)).fails(413, "payload_too_large")
		}
	})
	t.Run("exactly the limit will do, and so does the deepest nesting", func(t *testing.T) {
		body := `{` + good + `,"deep":` + deep(api.MaxDepth-1) + `,"x":"`
		body += strings.Repeat("x", api.MaxBody-len(body)-2) + `"}`
		w.client().post("/auth/login", body).is(200)
		w.client().send(w.chunked(t, "/auth/login", body)).is(200)
	})
	t.Run("escapes, big numbers and pairs are JSON", func(t *testing.T) {
		w.client().post("/auth/login", `{"em\u0061il":"ana@example.com","password":"`+password+`","x":1e999,"y":"\ud83d\ude00\\ud83d","z":"\"\\"}`).is(200)
	})
	t.Run("a body that may be absent, sent in chunks", func(t *testing.T) {
		c := w.client()
		r := w.chunked(t, "/auth/anonymous", "")
		r.Header.Del("Content-Type")
		c.send(r).is(201)
		c.send(w.chunked(t, "/auth/logout", `{"scope":"this"}`)).is(204)
		if c.signedIn() {
			t.Error("still there")
		}
		w.client().post("/auth/anonymous", `[]`).fails(400, "invalid_json")
	})
	t.Run("a compressed body is no JSON", func(t *testing.T) {
		w.client().with("Content-Encoding", "gzip").post("/auth/login", `{`+good+`}`).fails(415, "unsupported_media_type")
	})
}

// refuses sends a body to login and asserts that nothing was counted and nothing hashed.
func (w *world) refuses(t *testing.T, body string) answer {
	t.Helper()
	asked, counts := w.asked.Load(), w.store.counts.Load()
	a := w.client().post("/auth/login", body)
	a.t = t
	if w.asked.Load() != asked || w.store.counts.Load() != counts {
		t.Error("it was counted or hashed")
	}
	if a.cookie() != "" || strings.Contains(a.text, "goroutine") || strings.Contains(a.text, ".go:") {
		t.Errorf("%v %s", a.header, a.text)
	}
	return a
}

// chunked is a request whose length is not stated.
func (w *world) chunked(t *testing.T, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", w.url+path, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	return r
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"a":"\ud83d\ude00"}`, `{"a":"\\ud83d"}`, `{"a":"\ud83d"}`, `{"a":{"b":[1,{"b":2,"b":3}]}}`, `[]`, ``, ` `, "\x00",
		`{"a":"\\\ud800"}`, strings.Repeat(`{"a":`, 17) + `1` + strings.Repeat(`}`, 17), `{"a":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		members, err := api.Parse(text)
		if err != nil {
			return
		}
		// What was accepted is one thing only: written again it is accepted again, and nothing was replaced.
		var plain map[string]any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&plain); err != nil || plain == nil || len(plain) != len(members) {
			t.Fatalf("%q: %d members, encoding/json has %d, %v", text, len(members), len(plain), err)
		}
		for name, raw := range members {
			if !utf8.ValidString(name) || !json.Valid(raw) {
				t.Errorf("%q: member %q: %q", text, name, raw)
			}
		}
		again, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.Parse(again); err != nil {
			t.Errorf("%q is fine, %q is not: %v", text, again, err)
		}
		if strings.Contains(strings.ToLower(string(again)), `\ufffd`) != strings.Contains(strings.ToLower(string(text)), `\ufffd`) {
			t.Errorf("%q became %q", text, again)
		}
	})
}

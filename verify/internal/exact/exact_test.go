package exact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/verify/internal/exact"
)

func TestObject(t *testing.T) {
	for doc, want := range map[string][]string{
		`{}`:                               {},
		" \t\r\n{ } \n":                    {},
		`{"a":1}`:                          {"a=1"},
		`{"a" : "x,}]" , "b":[1,{"c":2}]}`: {`a="x,}]"`, `b=[1,{"c":2}]`},
		`{"a":"\"","A":null,"":true}`:      {`a="\""`, `A=null`, `=true`},
		`{"\u0061b":{"}":"{"},"c":-1.5e3}`: {`ab={"}":"{"}`, `c=-1.5e3`},
		`{"a":"\\"}`:                       {`a="\\"`},
		`{"é":"é"}`:                        {`é="é"`},
		"{\"a\":1\n,\"b\":[]\t}":           {"a=1", "b=[]"},
	} {
		members, err := exact.Object([]byte(doc))
		got := []string{}
		for _, m := range members {
			got = append(got, m.Name+"="+string(m.Value))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", doc, got, err)
		}
	}
}

func TestObjectRefuses(t *testing.T) {
	many := "{"
	for i := range exact.MaxMembers {
		many += fmt.Sprintf(`"%d":0,`, i)
	}
	for doc, want := range map[string]error{
		``:                      exact.ErrSyntax,
		`null`:                  exact.ErrSyntax,
		`[]`:                    exact.ErrSyntax,
		`"a"`:                   exact.ErrSyntax,
		`{`:                     exact.ErrSyntax,
		`{"a"}`:                 exact.ErrSyntax,
		`{"a":1,}`:              exact.ErrSyntax,
		`{a:1}`:                 exact.ErrSyntax,
		`{'a':1}`:               exact.ErrSyntax,
		`{"a":01}`:              exact.ErrSyntax,
		`{"a":NaN}`:             exact.ErrSyntax,
		`{"a":1}{"a":1}`:        exact.ErrSyntax,
		`{"a":1} x`:             exact.ErrSyntax,
		`{"a":1}` + "\x00":      exact.ErrSyntax,
		"\ufeff{}":              exact.ErrSyntax,
		"{\"a\":\"\xff\"}":      exact.ErrText,
		`{"\ud800":1}`:          exact.ErrText,
		`{"a":1,"a":1}`:         exact.ErrDuplicate,
		`{"a":1,"\u0061":2}`:    exact.ErrDuplicate,
		many + `"last":0}`:      exact.ErrMembers,
		strings.Repeat("[", 99): exact.ErrDepth,
		`{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`: exact.ErrDepth,
	} {
		if members, err := exact.Object([]byte(doc)); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, %v", doc, members, err)
		}
	}
	if _, err := exact.Object([]byte(`{"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`)); err != nil {
		t.Errorf("sixteen levels: %v", err)
	}
}

func TestValues(t *testing.T) {
	for value, want := range map[string]int64{`0`: 0, `1700000000`: 1700000000, `999999999999999`: 999999999999999, `9007199254740991`: 1<<53 - 1} {
		if n, ok := exact.Number([]byte(value)); !ok || n != want {
			t.Errorf("%s: %d, %v", value, n, ok)
		}
	}
	for _, value := range []string{``, `-1`, `-0`, `1.0`, `1e3`, `"1"`, `null`, `9007199254740992`, `00000000000000001`, `99999999999999999999`, `true`, `[1]`} {
		if n, ok := exact.Number([]byte(value)); ok {
			t.Errorf("%s is taken for %d", value, n)
		}
	}
	for _, value := range []string{``, `"`, `null`, `1`, `"\ud800"`, `"\udc00\ud800"`, "\"\ufffd\"", `["a"]`} {
		if text, ok := exact.String([]byte(value)); ok {
			t.Errorf("%s is taken for %q", value, text)
		}
	}
	if text, ok := exact.String([]byte(`"\ud83d\ude00"`)); !ok || text != "😀" {
		t.Errorf("%q, %v", text, ok)
	}
	if texts, ok := exact.Strings([]byte(`[ "a" , "b\n" ]`)); !ok || !slices.Equal(texts, []string{"a", "b\n"}) {
		t.Errorf("%q, %v", texts, ok)
	}
	for _, value := range []string{``, `null`, `"a"`, `[1]`, `["a",null]`, `[["a"]]`, `{"0":"a"}`} {
		if texts, ok := exact.Strings([]byte(value)); ok {
			t.Errorf("%s is taken for %q", value, texts)
		}
	}
}

// FuzzObject: whatever is taken, encoding/json takes too, and both see the same members.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,{"b":"\\\""}],"c":"x"}`, `{"a":1,"a":2}`, `{"\u0041":null,"b":-1e9}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		members, err := exact.Object(doc)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(doc, &want); err != nil || len(want) != len(members) {
			t.Fatalf("%q: %d members, %v", doc, len(members), err)
		}
		for _, m := range members {
			if !bytes.Equal(m.Value, want[m.Name]) {
				t.Errorf("%q: %q is %q and not %q", doc, m.Name, m.Value, want[m.Name])
			}
		}
	})
}

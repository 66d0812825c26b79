package roster_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/cmd/cloakroom/internal/roster"
	"github.com/cloakroom-auth/cloakroom/internal/legacyhash"
)

// project is of the example in Firebase's manual.
var project = legacyhash.Firebase{
	SignerKey:     "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
	SaltSeparator: "Bw==", Rounds: 8, MemCost: 14,
}

// listed is what a list says, account by account: each on a line, or why it is none, or why it ended.
func listed(t testing.TB, f roster.Format, text string) (accounts []roster.Account, refused []string, ignored []string, end error) {
	t.Helper()
	l := roster.List{Format: f, Firebase: project, Ignored: func(name string) { ignored = append(ignored, name) }}
	for a, err := range l.Read(strings.NewReader(text)) {
		if r, ok := errors.AsType[*roster.Refusal](err); ok {
			if r.Line != a.Line || r.Code == "" {
				t.Errorf("line %d is refused as line %d with code %q", a.Line, r.Line, r.Code)
			}
			refused = append(refused, r.Error())
			continue
		}
		if end != nil {
			t.Fatal("it goes on after its end")
		}
		if end = err; err == nil {
			accounts = append(accounts, a)
		}
	}
	return accounts, refused, ignored, end
}

var made = time.Date(2024, 5, 31, 14, 0, 0, 0, time.UTC)

func TestNDJSON(t *testing.T) {
	accounts, refused, ignored, err := listed(t, roster.NDJSON, "\ufeff"+`{"external_id":"7","id":"not this","email":"ana@example.com","email_verified":true,"name":"Ana","roles":["admin","editor"],"locale":"de","picture":"https://example.com/a.png","phone_number":"+4366012345678","created_at":"2024-05-31T16:00:00+02:00","banned":true,"password_hash":"x\ny"}

{"id":8,"email":null,"roles":null,"created_at":1717164000,"shoe_size":43}
[1]
{"email":"a"}{"email":"b"}
{"email":["a"]}
{"roles":[1]}
{"banned":"perhaps"}
{"created_at":"yesterday"}
null
{"created_at":1717164000000,"shoe_size":44,"email_verified":"yes","reset_required":true}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []roster.Account{
		{
			Line: 1, ImportedUser: cloakroom.ImportedUser{
				ExternalID: "7", Email: "ana@example.com", EmailVerified: true, Name: "Ana", Roles: []string{"admin", "editor"}, Locale: "de",
				Picture: "https://example.com/a.png", Phone: "+4366012345678", CreatedAt: made, Banned: true, PasswordHash: "x\ny",
			},
		},
		{Line: 3, ImportedUser: cloakroom.ImportedUser{ExternalID: "8", CreatedAt: made}},
		{Line: 11, ImportedUser: cloakroom.ImportedUser{CreatedAt: made, EmailVerified: true, ResetRequired: true}},
	}
	if !reflect.DeepEqual(accounts, want) {
		t.Errorf("accounts are %+v, want %+v", accounts, want)
	}
	wantRefused := []string{
		"line 4: is not one JSON object", "line 5: is not one JSON object", "line 6: email must be text", "line 7: roles must be a list of names",
		"line 8: banned must be true or false", "line 9: created_at must be a time, like 2024-05-31T14:00:00Z, or seconds or milliseconds since 1970",
		"line 10: is not one JSON object",
	}
	if !reflect.DeepEqual(refused, wantRefused) {
		t.Errorf("refused are %q", refused)
	}
	if !reflect.DeepEqual(ignored, []string{"shoe_size"}) {
		t.Errorf("ignored are %q", ignored)
	}
}

func TestLongLineIsLeftOut(t *testing.T) {
	long := `{"email":"` + strings.Repeat("a", 3<<20) + `"}`
	accounts, refused, _, err := listed(t, roster.NDJSON, long+"\n"+`{"email":"b"}`+"\n"+long)
	if err != nil || len(accounts) != 1 || accounts[0].Line != 2 || len(refused) != 2 || refused[0] != "line 1: has more than 1 MiB" {
		t.Errorf("accounts %+v, refused %q, %v", accounts, refused, err)
	}
}

func TestCSV(t *testing.T) {
	for name, text := range map[string]string{
		"commas":     "External_ID,email,email_verified,roles,created_at,shoe_size\n7,ana@example.com,yes,\"admin,editor\",2024-05-31 14:00:00,43\n",
		"semicolons": "\ufeffExternal_ID;email;email_verified;roles;created_at;shoe_size\r\n7;ana@example.com;1;admin editor;2024-05-31T14:00:00Z;43\r\n",
		"tabs":       "External_ID\temail\temail_verified\troles\tcreated_at\tshoe_size\n7\tana@example.com\tTRUE\tadmin|editor\t1717164000\t43",
	} {
		t.Run(name, func(t *testing.T) {
			accounts, refused, ignored, err := listed(t, roster.CSV, text)
			want := []roster.Account{{Line: 2, ImportedUser: cloakroom.ImportedUser{ExternalID: "7", Email: "ana@example.com", EmailVerified: true, Roles: []string{"admin", "editor"}, CreatedAt: made}}}
			if err != nil || refused != nil || !reflect.DeepEqual(accounts, want) {
				t.Errorf("accounts are %+v, refused %q, %v", accounts, refused, err)
			}
			if !reflect.DeepEqual(ignored, []string{"shoe_size"}) {
				t.Errorf("ignored are %q", ignored)
			}
		})
	}
}

func TestCSVRefuses(t *testing.T) {
	accounts, refused, _, err := listed(t, roster.CSV, "email,name,banned\na,\"two\nlines\",\nb,c\nb\"c,d,e\nf,g,perhaps\nh,i,no\n")
	if err != nil || len(accounts) != 2 || accounts[0].Name != "two\nlines" || accounts[1].Line != 7 {
		t.Errorf("accounts %+v, %v", accounts, err)
	}
	want := []string{"line 4: has 2 fields, the first line has 3", "line 5: has a quote where none can be", "line 6: banned must be true or false"}
	if !reflect.DeepEqual(refused, want) {
		t.Errorf("refused %q", refused)
	}
	for name, text := range map[string]string{
		"no header":            "ana@example.com,Ana\n",
		"a name twice":         "email,name,Email\n",
		"a quote without end":  "email,name\n\"a,b\n" + strings.Repeat("c,d\n", 1<<20),
		"JSON by another name": `{"email":"a"}` + "\n",
	} {
		accounts, _, _, err := listed(t, roster.CSV, text)
		if err == nil || len(accounts) > 0 {
			t.Errorf("%s: %d accounts, %v", name, len(accounts), err)
		}
	}
}

// TestCSVLosesNothingInSilence: what a stray quote swallows is told of.
func TestCSVLosesNothingInSilence(t *testing.T) {
	const rows = 1000
	list := func(at map[int]string) string {
		var text strings.Builder
		text.WriteString("email,name,banned\n")
		for n := 2; n <= rows; n++ {
			row := fmt.Sprintf("u%d@example.com,Ana,no", n)
			if other, given := at[n]; given {
				row = other
			}
			text.WriteString(row + "\n")
		}
		return text.String()
	}
	for name, c := range map[string]struct {
		at       map[int]string
		accounts int
		refused  []string
		end      string
	}{
		"a quote that stays open":               {map[int]string{3: `a,"b,no`}, 1, nil, "a quote is opened here that is not closed"},
		"a quote that another row closes badly": {map[int]string{3: `a,"b,no`, 500: `c,"d",no`}, 1, nil, "a quote is opened here that is not closed"},
		"two that make one record": {map[int]string{3: `a,"b,no`, 500: `c"`}, 1 + 500,
			[]string{"line 3: has 2 fields, the first line has 3; by its quotes it is all of lines 3 to 500"}, ""},
		"one on the last line": {map[int]string{1000: `a,"b,no`}, rows - 2, []string{"line 1000: has a quote where none can be"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			accounts, refused, _, err := listed(t, roster.CSV, list(c.at))
			if len(accounts) != c.accounts || !reflect.DeepEqual(refused, c.refused) {
				t.Errorf("%d accounts, want %d; refused %q", len(accounts), c.accounts, refused)
			}
			if (err == nil) != (c.end == "") || err != nil && !strings.HasPrefix(err.Error(), c.end) {
				t.Errorf("ended with %v", err)
			}
		})
	}
	for a, err := range (roster.List{Format: roster.CSV}).Read(strings.NewReader(list(map[int]string{3: `a,"b,no`}))) {
		if err != nil && a.Line != 3 {
			t.Errorf("line %d: %v", a.Line, err)
		}
	}
	if _, _, _, err := listed(t, roster.CSV, "email,name\ra,b\rc,d\r"); err == nil || !strings.Contains(err.Error(), "CR alone") {
		t.Errorf("lines of old: %v", err)
	}
}

func TestWhatIsNoUTF8(t *testing.T) {
	for f, text := range map[roster.Format]string{
		roster.NDJSON:   "{\"email\":\"b\xf6b@example.com\"}\n{\"email\":\"ana@example.com\"}\n",
		roster.CSV:      "email\nb\xf6b@example.com\nana@example.com\n",
		roster.Firebase: "[{\"email\":\"b\xf6b@example.com\"},\n{\"email\":\"ana@example.com\"}]",
		roster.Keycloak: "[{\"email\":\"b\xf6b@example.com\"},\n{\"email\":\"ana@example.com\"}]",
	} {
		accounts, refused, _, err := listed(t, f, text)
		if err != nil || len(accounts) != 1 || len(refused) != 1 || !strings.HasSuffix(refused[0], "is not UTF-8") {
			t.Errorf("%s: %+v, refused %q, %v", f, accounts, refused, err)
		}
	}
}

func TestWhatFollowsAnObject(t *testing.T) {
	for _, rest := range []string{"}", "]", "}}garbage", ",", "x", "\"", "{}", "null"} {
		accounts, refused, _, err := listed(t, roster.NDJSON, `{"email":"ana@example.com"}`+rest)
		if err != nil || len(accounts) != 0 || len(refused) != 1 {
			t.Errorf("%s: %+v, refused %q, %v", rest, accounts, refused, err)
		}
	}
	if accounts, _, _, _ := listed(t, roster.NDJSON, `{"email":"ana@example.com"}`+" \t\r\n"); len(accounts) != 1 {
		t.Error("white space is something")
	}
}

func TestFirebase(t *testing.T) {
	accounts, refused, _, err := listed(t, roster.Firebase, `{"users": [
 {"localId":"f1","email":"ana@example.com","emailVerified":true,"displayName":"Ana","photoUrl":"https://example.com/a.png","phoneNumber":"+4366012345678",
  "createdAt":"1717164000000","lastSignedInAt":"1","disabled":true,"customAttributes":"{}","providerUserInfo":[{"providerId":"password"}],
  "passwordHash":"lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==","salt":"42xEC+ixf3L2lw=="},
 {"localId":"f2"},
 {"localId":"f3","passwordHash":"?","salt":"?"},
 {"localId":4},
 "f5"
]}`)
	if err != nil || len(accounts) != 2 {
		t.Fatalf("accounts %+v, %v", accounts, err)
	}
	h, err := legacyhash.Parse(accounts[0].PasswordHash)
	if err != nil || !h.Matches([]byte("user1password")) {
		t.Errorf("the hash is none: %v", err)
	}
	accounts[0].PasswordHash = ""
	want := []roster.Account{
		{Line: 2, Item: 1, ImportedUser: cloakroom.ImportedUser{ExternalID: "f1", Email: "ana@example.com", EmailVerified: true, Name: "Ana", Picture: "https://example.com/a.png", Phone: "+4366012345678", CreatedAt: made, Banned: true}},
		{Line: 5, Item: 2, ImportedUser: cloakroom.ImportedUser{ExternalID: "f2"}},
	}
	if !reflect.DeepEqual(accounts, want) {
		t.Errorf("accounts are %+v", accounts)
	}
	wantRefused := []string{
		"line 6: passwordHash or salt cannot be read, or the parameters of the project are wrong",
		"line 7: localId is of another type", "line 8: is not an object",
	}
	if !reflect.DeepEqual(refused, wantRefused) {
		t.Errorf("refused %q", refused)
	}
}

func TestKeycloak(t *testing.T) {
	const secret = `"secretData":"{\"value\":\"YpWwemYfvERxpxZMNtfcu4ahMbSc26JRJZmo/sOKLho=\",\"salt\":\"MDEyMzQ1Njc4OTo7PD0+Pw==\"}"`
	const how = `"credentialData":"{\"hashIterations\":1500,\"algorithm\":\"pbkdf2-sha256\"}"`
	accounts, refused, ignored, err := listed(t, roster.Keycloak, `{"realm":"shop","roles":{"realm":[{"name":"editor"}]},"users":[
{"id":"k1","username":"ana","email":"ana@example.com","emailVerified":true,"enabled":false,"firstName":"Ana","lastName":"Lee","createdTimestamp":1717164000000,
 "realmRoles":["default-roles-shop","editor","offline_access","uma_authorization"],"attributes":{"locale":["de"],"phoneNumber":["+4366012345678"]},
 "credentials":[{"type":"password",`+secret+`,`+how+`},{"type":"otp"}]},
{"id":"k2","username":"bob","enabled":true},
{"id":"k3","serviceAccountClientId":"billing"},
{"id":"k4","credentials":[{"type":"password","secretData":"{}","credentialData":"{}"}]}
],"clients":[{"clientId":"billing"}]}`)
	if err != nil || len(accounts) != 2 {
		t.Fatalf("accounts %+v, %v", accounts, err)
	}
	h, err := legacyhash.Parse(accounts[0].PasswordHash)
	if err != nil || !h.Matches([]byte("motör-head 1")) {
		t.Errorf("the hash is none: %v", err)
	}
	accounts[0].PasswordHash = ""
	want := []roster.Account{
		{Line: 2, Item: 1, ImportedUser: cloakroom.ImportedUser{ExternalID: "k1", Email: "ana@example.com", EmailVerified: true, Name: "Ana Lee", Roles: []string{"editor"}, Locale: "de", Phone: "+4366012345678", CreatedAt: made, Banned: true}},
		{Line: 5, Item: 2, ImportedUser: cloakroom.ImportedUser{ExternalID: "k2", Name: "bob"}},
	}
	if !reflect.DeepEqual(accounts, want) {
		t.Errorf("accounts are %+v", accounts)
	}
	if len(refused) != 2 || !strings.HasPrefix(refused[0], "line 6: serviceAccountClientId ") || !strings.HasPrefix(refused[1], "line 7: credentials ") {
		t.Errorf("refused %q", refused)
	}
	if !reflect.DeepEqual(ignored, []string{"credentials of type otp"}) {
		t.Errorf("ignored %q", ignored)
	}
}

func TestDocumentEnds(t *testing.T) {
	for text, want := range map[string]string{
		``:                       "the document is cut off",
		`{"users":[{"id":"a"},`:  "the document is cut off",
		`{"users":[{"id":"a"}`:   "the document is cut off",
		`{"users":[{"id":"a"} x`: "the document is not JSON",
		`{"users":{}}`:           `there is no list of users: neither the document nor its member "users" is one`,
		`{"user":[]}`:            `there is no list of users: neither the document nor its member "users" is one`,
		`"users"`:                `there is no list of users: neither the document nor its member "users" is one`,
		`{"users":[{"id":"` + strings.Repeat("a", 2<<20) + `"}]}`: "an account takes more than 1048576 bytes of the list, or the list is of another format",
	} {
		if _, _, _, err := listed(t, roster.Keycloak, text); err == nil || err.Error() != want {
			t.Errorf("%.30s: %v, want %s", text, err, want)
		}
	}
	accounts, _, _, err := listed(t, roster.Keycloak, `[{"id":"a"},`+"\n"+`{"id":"b"}]`)
	if err != nil || len(accounts) != 2 || accounts[1].Line != 2 {
		t.Errorf("of a bare list: %+v, %v", accounts, err)
	}
}

// endless is a list that is made while it is read.
type endless struct {
	head, record string
	n            int
	rest         string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		if e.rest = e.record; e.n == 0 {
			e.rest = e.head + e.record
		}
		e.n++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// TestStreams reads the beginning of lists without an end, and no more than that.
func TestStreams(t *testing.T) {
	for f, list := range map[roster.Format]*endless{
		roster.NDJSON:   {record: `{"email":"ana@example.com"}` + "\n"},
		roster.CSV:      {head: "email\n", record: "ana@example.com\n"},
		roster.Firebase: {head: `{"users":[{"email":"ana@example.com"}`, record: `,{"email":"ana@example.com"}`},
		roster.Keycloak: {head: `{"other":[[{"a":{}}]],"users":[{"email":"ana@example.com"}`, record: `,{"email":"ana@example.com"}`},
	} {
		n := 0
		for a, err := range (roster.List{Format: f}).Read(list) {
			if err != nil || a.Email != "ana@example.com" {
				t.Fatalf("%s: %+v, %v", f, a, err)
			}
			if n++; n == 200_000 {
				break
			}
		}
		if n != 200_000 || list.n > 300_000 {
			t.Errorf("%s: %d accounts of a list of which %d were read", f, n, list.n)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("ndjson", `{"email":"a","roles":["b"],"created_at":1}`+"\n{")
	f.Add("csv", "email;roles\na;b\n\"")
	f.Add("firebase", `{"users":[{"createdAt":"1"}]}`)
	f.Add("keycloak", `{"a":[{}],"users":[{"credentials":[{"type":"password"}]}]}`)
	f.Fuzz(func(t *testing.T, format, text string) {
		last := 0
		accounts, refused, _, _ := listed(t, roster.Format(format), text)
		for _, a := range accounts {
			if a.Line < last || a.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("line %d after line %d", a.Line, last)
			}
			last = a.Line
		}
		if len(accounts)+len(refused) > len(text)+1 {
			t.Fatalf("%d accounts, %d refused", len(accounts), len(refused))
		}
	})
}

func ExampleList_Read() {
	list := roster.List{Format: roster.CSV}
	for account, err := range list.Read(strings.NewReader("email,banned\nana@example.com,no\nbob@example.com,perhaps\n")) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(account.Email)
	}
	// Output:
	// ana@example.com
	// line 3: banned must be true or false
}

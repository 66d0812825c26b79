package main

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexflint/go-arg"
)

func words(line string) []string {
	all := strings.Fields(line)
	for i := range all {
		all[i] = strings.ReplaceAll(all[i], `""`, "")
	}
	return all
}

func TestRead(t *testing.T) {
	everywhere := commands{Config: "c.yaml", Data: "d", JSON: true, Set: settings{"a": "1,2;3", "b": "x=y", "c": ""}}
	for args, want := range map[string]struct {
		global commands
		runner runner
	}{
		"":                                {commands{}, &developCommand{}},
		"--listen a:1":                    {commands{}, &developCommand{Listen: "a:1"}},
		"develop --listen=a:1":            {commands{}, &developCommand{Listen: "a:1"}},
		"--data d --listen a:1 --json":    {commands{Data: "d", JSON: true}, &developCommand{Listen: "a:1"}},
		"--":                              {commands{}, &developCommand{}},
		"serve --listen :1":               {commands{}, &serveCommand{Listen: ":1"}},
		"user add a@b --role x --role y":  {commands{}, &userAdd{Email: "a@b", Role: names{"x", "y"}}},
		"user add --role=x,y --role z a":  {commands{}, &userAdd{Email: "a", Role: names{"x", "y", "z"}}},
		"user add --password-stdin a":     {commands{}, &userAdd{Email: "a", PasswordStdin: true}},
		"user add --verified --name n a":  {commands{}, &userAdd{Email: "a", Name: "n", Verified: true}},
		"user add --verified=false a":     {commands{}, &userAdd{Email: "a"}},
		"user set-role u x y":             {commands{}, &userSetRole{User: "u", Role: []string{"x", "y"}}},
		"user set-role --none u":          {commands{}, &userSetRole{User: "u", None: true}},
		"user set-role u --none x":        {commands{}, &userSetRole{User: "u", Role: []string{"x"}, None: true}},
		"user set-role u -- --none -x":    {commands{}, &userSetRole{User: "u", Role: []string{"--none", "-x"}}},
		"user delete u --yes":             {commands{}, &userDelete{User: "u", Yes: true}},
		`user get ""`:                     {commands{}, &userGet{}},
		"user get -":                      {commands{}, &userGet{User: "-"}},
		"user get -- --help":              {commands{}, &userGet{User: "--help"}},
		"session revoke s --user u":       {commands{}, &sessionRevoke{Session: "s", User: "u"}},
		"session revoke --user=-u -- -s":  {commands{}, &sessionRevoke{Session: "-s", User: "-u"}},
		"user list --role=":               {commands{}, &userList{}},
		"user list --role= --json":        {commands{JSON: true}, &userList{}},
		"user list --role=--json":         {commands{}, &userList{Role: "--json"}},
		"user list --role=a=b":            {commands{}, &userList{Role: "a=b"}},
		"user list --role a --role b":     {commands{}, &userList{Role: "b"}},
		"event list":                      {commands{}, &eventList{Limit: 100}},
		"event list --limit=-1":           {commands{}, &eventList{Limit: -1}},
		"event list --limit 0 --before x": {commands{}, &eventList{Before: "x"}},
		"user import - --format csv":      {commands{}, &userImport{File: "-", Format: "csv", FirebaseSaltSeparator: "Bw==", FirebaseRounds: 8, FirebaseMemCost: 14}},
		"apikey add --name=n --scope a,b": {commands{}, &apikeyAdd{Name: "n", Scope: names{"a", "b"}}},
		"apikey rotate k --overlap 90m":   {commands{}, &apikeyRotate{Key: "k", Overlap: span(90 * time.Minute)}},
		"secret rotate":                   {commands{}, &secretRotate{Keep: 2}},
		"backup create -":                 {commands{}, &backupCreate{File: "-"}},
		"store copy --from-config f":      {commands{}, &storeCopy{FromConfig: "f"}},
		"--version":                       {commands{About: true}, versionCommand{}},
		"version":                         {commands{}, &versionCommand{}},

		"--config c.yaml --data d --json --set a=1,2;3 --set=b=x=y --set c= user list":      {everywhere, &userList{}},
		"--json --config=c.yaml user --data=d --set a=1,2;3 --set b=x=y list --set=c=":      {everywhere, &userList{}},
		"user list --set=a=1,2;3 --set b=x=y --set=c= --json=true --config c.yaml --data d": {everywhere, &userList{}},
	} {
		l, err := read(words(args))
		if err != nil {
			t.Errorf("%q: %v", args, err)
			continue
		}
		got := commands{Config: l.grammar.Config, Data: l.grammar.Data, Set: l.grammar.Set, JSON: l.grammar.JSON, About: l.grammar.About}
		if !reflect.DeepEqual(got, want.global) || !reflect.DeepEqual(l.command, want.runner) {
			t.Errorf("%q: %+v and %T%+[3]v", args, got, l.command)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"dance":      "unexpected argument dance",
		"user dance": "unexpected argument dance",
		"apikey add --name n --scope s --expires hunter": "--expires needs a time, such as 72h, 30m or 14d",
		"apikey add --name n":                            "apikey add needs --scope=SCOPE,...",
		"-- dance":                                       "unexpected argument dance",
		"-- help":                                        "unexpected argument help",
		"user help":                                      "unexpected argument help",
		"-":                                              "unexpected argument -",
		"User list":                                      "unexpected argument User",
		"user":                                           "user needs a command: add, get, list, ban, unban, delete, set-role, set-password, verify, require-reset, restore, factors, reset-factors, import, export",
		"user --json":                                    "user needs a command: add, get, list, ban, unban, delete, set-role, set-password, verify, require-reset, restore, factors, reset-factors, import, export",
		"user add":                                       "user add needs EMAIL",
		"user set-role --none":                           "user set-role needs USER",
		"session revoke --user u":                        "session revoke needs SESSION",
		"session revoke s":                               "session revoke needs --user=USER",
		"introspection add shop hunter":                  "too many arguments for introspection add",
		"user list -- --json":                            "too many arguments for user list",
		"-- --json":                                      "unexpected argument --json",
		"--listen :1 serve":                              "too many arguments for develop",
		"--port 80":                                      "unknown flag --port",
		"serve --port=80":                                "unknown flag --port",
		"user list --listen :1":                          "unknown flag --listen",
		"--user u event list":                            "unknown flag --user",
		"user add a --password=hunter":                   "unknown flag --password",
		"user add a --no-verified":                       "unknown flag --no-verified",
		"user add a -phunter":                            "unknown flag -p; a value that begins with a dash is written --flag=VALUE, and an argument comes after --",
		"-json user list":                                "unknown flag -j; a value that begins with a dash is written --flag=VALUE, and an argument comes after --",
		"---json user list":                              "unknown flag --; a value that begins with a dash is written --flag=VALUE, and an argument comes after --",
		"--=x user list":                                 "unknown flag --",
		"event list --limit -1":                          "unknown flag -1; a value that begins with a dash is written --flag=VALUE, and an argument comes after --",
		"user list --role":                               "--role needs a value, written --role=VALUE if it begins with a dash",
		"user list --role --json":                        "--role needs a value, written --role=VALUE if it begins with a dash",
		"--listen":                                       "--listen needs a value, written --listen=VALUE if it begins with a dash",
		"--set hunter config print":                      "--set needs KEY=VALUE",
		"config print --set=hunter":                      "--set needs KEY=VALUE",
		"config print --set=":                            "--set needs KEY=VALUE",
		"config print --set":                             "--set needs a value, written --set=VALUE if it begins with a dash",
		"event list --limit hunter":                      "--limit needs a whole number",
		"event list --limit=hunter":                      "--limit needs a whole number",
		"event list --limit=":                            "--limit needs a whole number",
		"event list --json=hunter":                       "--json needs true, false, or nothing",
		"user get \x1b[2J -- x":                          "too many arguments for user get",
		"user \x1b[2J":                                   "unexpected argument �[2J",
	} {
		_, err := read(words(args))
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestReadHelp(t *testing.T) {
	for args, want := range map[string]string{
		"--help":                       "",
		"-h":                           "",
		"--json --help":                "",
		"--help user list":             "user list",
		"user --help list":             "user list",
		"user list -h":                 "user list",
		"user add --help":              "user add",
		"user add --role x --help":     "user add",
		"user --help":                  "user",
		"develop --help --listen 1":    "develop",
		"session revoke --help x -- y": "session revoke",
		"help":                         "",
		"help --json":                  "",
		"help help":                    "",
		"help dance":                   "",
		"help user":                    "user",
		"help user add":                "user add",
		"help user add --role x":       "user add",
		"help --help session revoke":   "session revoke",
	} {
		l, err := read(words(args))
		if !errors.Is(err, arg.ErrHelp) || !slices.Equal(l.name, words(want)) {
			t.Errorf("%q: %v, %v", args, l.name, err)
		}
	}
}

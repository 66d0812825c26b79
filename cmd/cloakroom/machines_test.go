package main

import (
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

// machine is a server that things are kept on.
type machine interface {
	Kill() error
	Start() error
}

// machines is the key of a story's machines by name.
type machines struct{}

func machineOf(ts *testscript.TestScript, name string) machine {
	m, ok := ts.Value(machines{}).(map[string]machine)[name]
	if !ok {
		ts.Fatalf("there is no machine %s", name)
	}
	return m
}

func startDatabase(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "database NAME")
	p, err := testbed.StartPostgres(ts.MkAbs("machine-" + args[0]))
	ts.Check(err)
	began(ts, args[0], p, p.DSN(""))
}

func startCache(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "cache NAME")
	v, err := testbed.StartValkey(ts.MkAbs("machine-"+args[0]), "appendonly yes")
	ts.Check(err)
	began(ts, args[0], v, "valkey://"+v.Addr()+"/")
}

// began keeps a machine that runs until the story ends.
func began(ts *testscript.TestScript, name string, m machine, url string) {
	ts.Defer(func() { _ = m.Kill() })
	ts.Value(machines{}).(map[string]machine)[name] = m
	file := ts.MkAbs(name + ".url")
	ts.Check(os.WriteFile(file, []byte(url+"\n"), 0o600))
	ts.Setenv(name, file)
}

func down(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "down NAME")
	ts.Check(machineOf(ts, args[0]).Kill())
}

func up(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "up NAME")
	ts.Check(machineOf(ts, args[0]).Start())
}

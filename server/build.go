package server

import (
	"runtime"
	"runtime/debug"
)

// Build says which program this is.
type Build struct {
	Version string `json:"version"`          // of the module, "(devel)" when built from a checkout
	Commit  string `json:"commit,omitempty"` // of the source, with + behind it when that was changed
	Go      string `json:"go"`
	System  string `json:"system"` // operating system/processor
}

// ReadBuild reads what the Go tools wrote into the program.
func ReadBuild() Build {
	b := Build{Version: "(devel)", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	changed := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	if b.Commit != "" {
		b.Commit += changed
	}
	return b
}

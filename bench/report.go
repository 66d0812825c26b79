package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// report is a whole run.
type report struct {
	Date     time.Time `json:"date"`
	Machine  machine   `json:"machine"`
	Go       string    `json:"go"`
	Node     string    `json:"node,omitempty"`
	Seconds  float64   `json:"seconds"` // of one measurement
	Repeats  int       `json:"repeats"`
	Sessions sizes     `json:"sessions"`
	Rows     []line    `json:"rows"`
}

// sizes are how many sessions the rows have that depend on it.
type sizes struct {
	Most   int `json:"most"`   // T12, T13
	Fewest int `json:"fewest"` // T12
	Other  int `json:"other"`  // T11, T13 in memory, T17; T16 a tenth
}

// machine is what the figures are of.
type machine struct {
	System    string  `json:"system"`
	Processor string  `json:"processor,omitempty"`
	Cores     int     `json:"cores"`
	MemoryGiB float64 `json:"memory_gib,omitempty"`
}

// report sums a run up, as of now.
func (b *bench) report(table []line) report {
	return report{
		Date: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Go: runtime.Version(), Node: b.nodeVersion(),
		Seconds: b.each.Seconds(), Repeats: b.repeats, Sessions: sizes{b.most, b.fewest, b.sessions}, Rows: table,
	}
}

// nodeVersion is empty where peers from Node were not measured.
func (b *bench) nodeVersion() string {
	if b.node.dir == "" {
		return ""
	}
	text, err := exec.Command("node", "--version").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func thisMachine() machine {
	m := machine{System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Processor: procField("/proc/cpuinfo", "model name")}
	kib, _, _ := strings.Cut(procField("/proc/meminfo", "MemTotal"), " ")
	if n, err := strconv.ParseFloat(kib, 64); err == nil {
		m.MemoryGiB = float64(int(n/1024/1024*10)) / 10
	}
	return m
}

// procField is the value of the first line of a file that begins with name and a colon, or empty.
func procField(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// outputs are the files that a run leaves behind, if they have a name.
type outputs struct{ json, svg string }

func (o outputs) write(r report) error {
	var errs []error
	if o.json != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		errs = append(errs, err, writeFile(o.json, append(text, '\n')))
	}
	if o.svg != "" {
		errs = append(errs, writeFile(o.svg, []byte(chartOf(r))))
	}
	return errors.Join(errs...)
}

func writeFile(name string, text []byte) error { return os.WriteFile(name, text, 0o644) }

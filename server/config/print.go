package config

import (
	"bufio"
	"encoding/json"
	"io"
	"regexp"
	"strings"
)

// Setting is one key with the value that counts. Secrets are redacted.
type Setting struct {
	Key    string   `json:"key"`
	Values []string `json:"values"` // one, or any number when List
	List   bool     `json:"list"`
	Source string   `json:"source"` // "default", "flag", the name of a variable, or file:line
}

// Settings lists every key in the order of the documentation.
func (c Config) Settings() []Setting {
	list := make([]Setting, len(keys))
	for i, k := range keys {
		list[i] = Setting{Key: k.name, Values: k.show(&c), List: k.list, Source: c.source(k.name)}
		if k.derived != nil && list[i].Values[0] == "" {
			list[i].Values[0] = k.derived(c)
		}
	}
	return list
}

// YAML writes every key with the value that counts, and behind it where the value came from. What is written can be
// read again, except for secrets, which are redacted.
func (c Config) YAML(w io.Writer) error {
	b := bufio.NewWriter(w)
	open := ""
	for i, s := range c.Settings() {
		section, name := keys[i].section(), s.Key
		if section != open && section != "" {
			_, _ = b.WriteString(section + ":\n")
		}
		if open = section; section != "" {
			name = "  " + strings.TrimPrefix(name, section+".")
		}
		_, _ = b.WriteString(name + ": " + s.yaml() + "  # " + oneLine(s.Source) + "\n")
	}
	return b.Flush() // a Writer keeps its first error for Flush
}

func (s Setting) yaml() string {
	values := make([]string, len(s.Values))
	k, _ := keyNamed(s.Key)
	for i, v := range s.Values {
		if values[i] = v; !k.mappings { // whose JSON is YAML
			values[i] = yamlText(v)
		}
	}
	if s.List {
		return "[" + strings.Join(values, ", ") + "]"
	}
	return values[0]
}

// plain is what needs no quotes in YAML, in lists neither.
var plain = regexp.MustCompile(`^[A-Za-z0-9./][A-Za-z0-9./:_-]*[A-Za-z0-9/]$|^[A-Za-z0-9]$`)

// yamlText writes a text as YAML; a JSON string is one.
func yamlText(text string) string {
	if plain.MatchString(text) && !strings.EqualFold(text, "null") {
		return text
	}
	quoted, _ := json.Marshal(text) // a string always has a JSON form
	return string(quoted)
}

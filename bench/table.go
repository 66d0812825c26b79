package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// line is one line of the table: one figure of ours, what peers have in its place, and what it should be.
type line struct {
	Row    string `json:"row"`
	What   string `json:"what"`
	Ours   figure `json:"ours"`
	Note   string `json:"note,omitempty"` // what else was seen
	Peers  []peer `json:"peers,omitempty"`
	Target limit  `json:"target"`
}

// peer is the figure of somebody else.
type peer struct {
	Name string `json:"name"`
	figure
	Note string `json:"note,omitempty"`
}

func (p peer) String() string { return p.Name + " " + noted(p.figure.String(), p.Note) }

func noted(text, note string) string {
	if note == "" {
		return text
	}
	return text + "; " + note
}

// MarshalJSON adds whether the target is met.
func (l line) MarshalJSON() ([]byte, error) {
	type plain line
	return json.Marshal(struct {
		plain
		Met string `json:"met"`
	}{plain(l), l.Target.met(l.Ours)})
}

// printTable prints the table in Markdown.
func printTable(out io.Writer, table []line) error {
	var text strings.Builder
	text.WriteString("| row | what | ours | peers | target | met |\n|---|---|---|---|---|---|\n")
	for _, l := range table {
		peers := make([]string, len(l.Peers))
		for i, p := range l.Peers {
			peers[i] = p.String()
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s |\n", l.Row, l.What,
			noted(l.Ours.String(), l.Note), strings.Join(peers, " · "), l.Target.text(l.Ours.Unit), l.Target.met(l.Ours))
	}
	_, err := io.WriteString(out, text.String())
	return err
}

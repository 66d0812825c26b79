package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// line is one line of the table: one figure of ours, what peers have in its place, and what it should be.
type line struct {
	Row     string `json:"row"`
	What    string `json:"what"`
	Ours    figure `json:"ours,omitzero"`
	Missing string `json:"missing,omitempty"` // why there is no figure
	Note    string `json:"note,omitempty"`    // what else was seen
	Peers   []peer `json:"peers,omitempty"`
	Target  limit  `json:"target"`
	// OverTrivial says that the figures are requests in a second over those of the trivial handler in the same turn.
	OverTrivial bool `json:"over_trivial,omitempty"`
}

// peer is the figure of somebody else.
type peer struct {
	Name    string `json:"name"`
	Figure  figure `json:"figure,omitzero"`
	Note    string `json:"note,omitempty"`
	Missing string `json:"missing,omitempty"`
}

func (p peer) String() string { return p.Name + " " + shown(p.Figure, p.Note, p.Missing) }

func shown(f figure, note, missing string) string {
	switch {
	case missing != "":
		return "not measured: " + missing
	case note == "":
		return f.String()
	}
	return f.String() + "; " + note
}

// met says whether the target is met. What was not measured does not meet it.
func (l line) met() string {
	if l.Missing != "" {
		return "no"
	}
	return l.Target.met(l.Ours)
}

// MarshalJSON adds whether the target is met.
func (l line) MarshalJSON() ([]byte, error) {
	type plain line
	return json.Marshal(struct {
		plain
		Met string `json:"met"`
	}{plain(l), l.met()})
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
			shown(l.Ours, l.Note, l.Missing), strings.Join(peers, " · "), l.Target.text(l.Ours.Unit), l.met())
	}
	_, err := io.WriteString(out, text.String())
	return err
}

package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// chart draws a run as horizontal bars in SVG: one group for each line, with a bar of ours and one for each peer. It has
// no script, follows the reader's choice of light or dark, and says in words what it shows.
type chart struct {
	body strings.Builder
	over strings.Builder // what goes over the rest of a group
	y    float64         // where the next thing goes
}

// The measures of a chart, in pixels.
const (
	chartWidth  = 960
	margin      = 24
	labelWidth  = 196 // names of bars
	valueWidth  = 200 // figures behind the bars
	barsBegin   = margin + labelWidth
	barsEnd     = chartWidth - margin - valueWidth
	barHeight   = 12
	barStep     = 18
	groupSpace  = 16
	labelRunes  = 28
	headerRunes = 128
)

// chartOf draws all lines of a run: those over the trivial handler on one scale of their own, and the others by how far
// they are from their targets.
func chartOf(r report) string {
	var c chart
	c.heading(r)
	ratios, others := apart(r.Rows)
	if len(ratios) > 0 {
		c.section("Requests per second over a trivial handler (1 = as fast); more is better")
		s := scaleOfRatios(ratios)
		for _, l := range ratios {
			c.group(l, s)
		}
	}
	if len(others) > 0 {
		c.section("Beside the target (the upright line), on a logarithmic scale; to the left of it is better")
		s := scaleOfTargets(others)
		for _, l := range others {
			c.group(l, s)
		}
	}
	return c.document(r)
}

// apart takes the lines over the trivial handler from the others.
func apart(all []line) (ratios, others []line) {
	for _, l := range all {
		if l.OverTrivial {
			ratios = append(ratios, l)
		} else {
			others = append(others, l)
		}
	}
	return ratios, others
}

func (c *chart) heading(r report) {
	c.y = margin + 20
	c.text(margin, "title", "", "Cloakroom beside its peers")
	c.y += 20
	m := r.Machine
	c.text(margin, "quiet", "", clipRunes(fmt.Sprintf("%s, %s, %d cores %s, %s; median of %d turns, thin lines from the least to the most",
		r.Date.Format("2006-01-02"), r.Go, m.Cores, m.Processor, m.System, r.Repeats), headerRunes))
	c.y += 6
}

func (c *chart) section(words string) {
	c.y += 30
	c.text(margin, "section", "", words)
	c.y += 4
}

// group draws one line of the table.
func (c *chart) group(l line, s scale) {
	c.y += groupSpace + 8
	c.text(margin, "row", "", clipRunes(l.Row+"  "+l.What, headerRunes-28))
	c.text(chartWidth-margin, "quiet", "end", "target "+l.Target.text(l.Ours.Unit))
	c.y += 6
	top := c.y
	c.bar("ours", "Cloakroom", l, l.Ours, l.Missing, s)
	for _, p := range l.Peers {
		if p.Missing == "" && p.Figure.Unit != l.Ours.Unit && l.Missing == "" {
			continue // it tells of something else, such as how often in a second
		}
		c.bar("peer", p.Name, l, p.Figure, p.Missing, s)
	}
	if at, ok := s.target(l); ok {
		fmt.Fprintf(&c.body, `<line class="target" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", at, top, at, c.y+2)
	}
	c.body.WriteString(c.over.String())
	c.over.Reset()
}

func (c *chart) bar(class, name string, l line, f figure, missing string, s scale) {
	c.y += barStep
	c.text(barsBegin-8, "name", "end", clipRunes(strings.TrimRight(name, ","), labelRunes))
	if missing != "" {
		text(&c.over, barsBegin, c.y, "over quiet", "", clipRunes("not measured: "+missing, headerRunes-labelRunes))
		return
	}
	from, to, least, most := s.place(l, f)
	middle := c.y - 4
	fmt.Fprintf(&c.body, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="2"/>`+"\n",
		class, min(from, to), middle-barHeight/2, max(1, math.Abs(to-from)), barHeight)
	if most > least {
		fmt.Fprintf(&c.body, `<line class="spread" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", least, middle, most, middle)
	}
	text(&c.over, max(from, to, most)+8, c.y, "over", "", f.String())
}

func (c *chart) text(x float64, class, anchor, words string) {
	text(&c.body, x, c.y, class, anchor, words)
}

func text(out *strings.Builder, x, y float64, class, anchor, words string) {
	if anchor != "" {
		anchor = ` text-anchor="` + anchor + `"`
	}
	fmt.Fprintf(out, `<text class="%s" x="%.1f" y="%.1f"%s>%s</text>`+"\n", class, x, y, anchor, escaped(words))
}

// style has both palettes. Bars differ in lightness, too, so that they can be told apart without colours.
const style = `text{font-family:system-ui,sans-serif;font-size:12px;fill:#1c2024}
.page{fill:#fff}.title{font-size:20px;font-weight:600}.section{font-size:14px;font-weight:600}.row{font-weight:600}
.over{paint-order:stroke;stroke:#fff;stroke-width:4px}.quiet{fill:#5b636b}.ours{fill:#0b6bcb}.peer{fill:#a9b4bf}.spread{stroke:#1c2024;stroke-width:1}
.target{stroke:#c2410c;stroke-width:1.5;stroke-dasharray:3 2}
@media (prefers-color-scheme:dark){text{fill:#e6e9ec}.page{fill:#14171a}.over{stroke:#14171a}.quiet{fill:#a0a8b0}.ours{fill:#4ea1f3}.peer{fill:#56606a}
.spread{stroke:#e6e9ec}.target{stroke:#fb923c}}`

func (c *chart) document(r report) string {
	height := c.y + margin
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %d %.0f" role="img" aria-labelledby="t d">`+"\n",
		chartWidth, height, chartWidth, height)
	fmt.Fprintf(&out, "<title id=\"t\">Cloakroom beside its peers</title>\n<desc id=\"d\">%s</desc>\n<style>%s</style>\n", escaped(inWords(r)), style)
	fmt.Fprintf(&out, `<rect class="page" width="%d" height="%.0f"/>`+"\n", chartWidth, height)
	out.WriteString(c.body.String())
	out.WriteString("</svg>\n")
	return out.String()
}

// inWords says what the chart shows to those who do not see it.
func inWords(r report) string {
	var text strings.Builder
	for _, l := range r.Rows {
		fmt.Fprintf(&text, "%s, %s: Cloakroom %s", l.Row, l.What, shown(l.Ours, "", l.Missing))
		for _, p := range l.Peers {
			fmt.Fprintf(&text, ", %s %s", p.Name, shown(p.Figure, "", p.Missing))
		}
		fmt.Fprintf(&text, "; target %s, met: %s. ", l.Target.text(l.Ours.Unit), l.met())
	}
	return strings.TrimSpace(text.String())
}

func escaped(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a Builder takes everything
	return out.String()
}

func clipRunes(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}

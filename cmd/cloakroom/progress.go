package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/archive"
)

// progress shows how far something long is: as a bar that moves on a terminal, as a line a second elsewhere. What is done at
// once is not worth a word.
type progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	told     string // what is done, in other words than so many of so many
	stage    archive.Stage
	began    time.Time // of the stage
	shown    time.Time
	drawn    bool // there is a bar to wipe
}

func (c *console) progress() *progress {
	return &progress{out: c.talk, terminal: isTerminal(c.talk), now: time.Now}
}

const (
	barWidth = 30
	barPause = 100 * time.Millisecond
	sayPause = time.Second
)

// watch is told that so many of so many are done at this stage.
func (p *progress) watch(stage archive.Stage, done, of int64) {
	now := p.now()
	if stage != p.stage {
		p.stage, p.began, p.shown = stage, now, now
		return
	}
	pause := sayPause
	if p.terminal {
		pause = barPause
	}
	if now.Sub(p.shown) < pause {
		return
	}
	p.shown = now
	line := p.line(now, done, of)
	if !p.terminal {
		fmt.Fprintln(p.out, line)
		return
	}
	fmt.Fprint(p.out, "\r\x1b[K", line)
	p.drawn = true
}

// line says how far it is.
func (p *progress) line(now time.Time, done, of int64) string {
	told := p.told
	if told == "" {
		told = fmt.Sprintf("%d of %d", done, of)
	} else if of <= 0 { // nobody knows how much there is
		return fmt.Sprintf("%s: %s", p.stage, told)
	}
	percent := int64(100)
	if of > 0 {
		percent = min(100, 100*done/of)
	}
	if !p.terminal {
		return fmt.Sprintf("%s: %s, %d %%", p.stage, told, percent)
	}
	full := int(percent * barWidth / 100)
	bar := strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
	return fmt.Sprintf("%s [%s] %3d %%  %s%s", p.stage, bar, percent, told, p.left(now, done, of))
}

// left says how long it may still take, when that can be told.
func (p *progress) left(now time.Time, done, of int64) string {
	spent := now.Sub(p.began)
	if done <= 0 || done >= of || spent < 2*time.Second {
		return ""
	}
	left := time.Duration(float64(spent) / float64(done) * float64(of-done))
	return ", " + left.Round(time.Second).String() + " left"
}

// end wipes the bar.
func (p *progress) end() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// watched is a Sink that is watched at one stage.
type watched struct {
	archive.Sink
	stage    archive.Stage
	watch    func(archive.Stage, int64, int64)
	done, of int64
}

func (w *watched) Begin(counts archive.Counts) error {
	w.of = counts.All()
	return w.Sink.Begin(counts)
}

func (w *watched) Add(i archive.Item) error {
	w.done++
	w.watch(w.stage, w.done, w.of)
	return w.Sink.Add(i)
}

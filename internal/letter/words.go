package letter

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// other is said of a happening that has no words of its own.
const other = "other"

// happeningWords are the entries of words.txt that say what has happened.
var happeningWords = []string{
	"new_device", "password_changed", "password_reset", "password_set", "email_changed", "factor_added", "factor_removed",
	"factor_locked", "factors_reset", "reset_required", "recovery_codes_changed", "recovery_code_used", "deletion_scheduled", "deletion_undone",
	"sessions_revoked", "user_banned", "api_key_created", "impersonated", other,
}

// phraseWords are the other entries, but for the months, each with the values that it can say.
var phraseWords = map[string][]string{
	"greeting": letterValues,
	"footer":   letterValues,
	"minute":   {"Count"}, "minutes": {"Count"},
	"hour": {"Count"}, "hours": {"Count"},
	"day": {"Count"}, "days": {"Count"},
	"first":  {"Day"}, // of a month
	"date":   {"Day", "Month", "Year"},
	"moment": {"Date", "Clock"},
}

// words are the words of a language that are not of one letter.
type words struct {
	entries map[string]phrase
	months  []string
}

// words reads lines such as "hours: {{Count}} hours". An overlay may have words for happenings that we do not know.
func (p *proof) words(file string) *words {
	w := &words{entries: map[string]phrase{}}
	source, found := p.open(file)
	if !found {
		return w
	}
	for i, line := range strings.Split(source, "\n") {
		at := place{file, i + 1}
		key, value, found := strings.Cut(strings.TrimSpace(line), ":")
		names, general := phraseWords[key]
		switch {
		case key == "":
		case !found:
			p.mark(at, "the line %q has no colon", key)
		case key == "months":
			if w.months = strings.Fields(value); len(w.months) != 12 {
				p.mark(at, "months: there are %d, not 12", len(w.months))
			}
		case general:
			w.entries[key] = p.phrase(at, value, names)
		default:
			w.entries[key] = p.phrase(at, value, happeningValues[1:])
		}
	}
	for _, key := range slices.Concat(slices.Sorted(maps.Keys(phraseWords)), happeningWords) {
		if w.entries[key] == nil {
			p.mark(place{file: file}, "%s: is missing", key)
		}
	}
	if w.months == nil {
		p.mark(place{file: file}, "months: is missing")
	}
	return w
}

// what says what has happened.
func (w *words) what(happening string, v values) string {
	entry := w.entries[happening]
	if _, general := phraseWords[happening]; general || entry == nil {
		entry = w.entries[other]
	}
	return entry.say(v)
}

// moment gives a day, and the day with the time, in UTC. The zero time is not said.
func (w *words) moment(t time.Time) (day, full string) {
	if t.IsZero() {
		return "", ""
	}
	t = t.UTC()
	number := strconv.Itoa(t.Day())
	if number == "1" {
		number = w.entries["first"].say(values{"Day": number})
	}
	day = w.entries["date"].say(values{"Day": number, "Month": w.months[t.Month()-1], "Year": strconv.Itoa(t.Year())})
	return day, w.entries["moment"].say(values{"Date": day, "Clock": t.Format("15:04")})
}

// life says how long something lives, in the largest unit that says it whole.
func (w *words) life(d time.Duration) string {
	unit, count := "minute", max(1, int(d/time.Minute))
	switch {
	case count%(24*60) == 0:
		unit, count = "day", count/(24*60)
	case count%60 == 0:
		unit, count = "hour", count/60
	}
	if count != 1 {
		unit += "s"
	}
	return w.entries[unit].say(values{"Count": strconv.Itoa(count)})
}

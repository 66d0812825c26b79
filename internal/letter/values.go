package letter

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	textlanguage "golang.org/x/text/language"
)

// What phrases can say: Data in words of the language, and cleaned.
var (
	letterValues = []string{
		"Site", "Base", "Name", "To", "Link", "Code", "Life", "Address", "IP", "Device",
		"Until", // day and time, in UTC
		"Day",   // the day alone
	}

	// pageValues are those that only HTML can say, beside the others.
	pageValues = []string{"Greeting", "Body", "Footer", "Subject", "Lang", "Dir"}

	// happeningValues are those of the block for a happening. What comes first: it is made of the others.
	happeningValues = []string{"What", "When", "IP", "Device", "Detail", "Address", "Until"}
)

// values puts Data into words.
func (l *language) values(d Data) (values, error) {
	if !absolute(d.Link) {
		return nil, errors.New("needs a link that is an absolute http or https address")
	}
	v := values{
		"Site": clean(d.Site, maxValue), "Base": clean(d.Base, maxAddress), "Name": plain(d.Name),
		"To": clean(d.To, maxAddress), "Link": d.Link, "Code": grouped(clean(d.Code, maxValue)), "Life": l.words.life(d.Life),
		"Address": clean(d.Address, maxAddress), "IP": address(d.IP), "Device": plain(d.Device),
		"Lang": l.tag.String(), "Dir": direction(l.tag),
	}
	v["Day"], v["Until"] = l.words.moment(d.Until)
	v["Greeting"], v["Footer"] = l.words.entries["greeting"].say(v), l.words.entries["footer"].say(v)
	return v, nil
}

// happenings puts into words what has happened, in a letter of some values.
func (l *language) happenings(list []Happening, of values) []values {
	var told []values
	for _, h := range list {
		_, when := l.words.moment(h.At)
		v := values{
			"When": when, "IP": address(h.IP), "Device": plain(h.Device), "Detail": plain(h.Detail),
			"Address": of["Address"], "Until": of["Until"],
		}
		v["What"] = l.words.what(h.Type, v)
		told = append(told, v)
	}
	return told
}

// absolute holds for an address that a button may lead to.
func absolute(link string) bool {
	u, err := url.Parse(link)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") && !strings.ContainsFunc(link, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r)
	})
}

// address is an IP address as such, or nothing.
func address(s string) string {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return ip.WithZone("").Unmap().String()
}

// grouped sets a code of eight apart in the middle, as it is easier to read.
func grouped(code string) string {
	if len(code) != 8 {
		return code
	}
	return code[:4] + " " + code[4:]
}

// direction is how a language is written.
func direction(tag textlanguage.Tag) string {
	script, _ := tag.Script()
	switch script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg":
		return "rtl"
	}
	return "ltr"
}

package letter

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// kind is what a block of a letter is.
type kind string

const (
	paragraph  kind = "paragraph"
	action     kind = "action"     // a button with the link
	code       kind = "code"       // something to copy
	happenings kind = "happenings" // a list
)

// required are the blocks of a letter that are more than prose, in order: a letter that asks to confirm must have a link.
var required = map[string][]kind{
	VerifyEmail:    {action},
	VerifyNewEmail: {action},
	ResetPassword:  {action},
	Mailcode:       {code, action},
	SignupKnown:    {action},
	Deletion:       {action},
	Notice:         {happenings, action},
}

// template is one letter in one language.
type template struct {
	subject phrase
	blocks  []block
	html    phrase
}

// block is a part of a letter before values are filled in.
type block struct {
	kind  kind
	prose phrase
}

// template reads a letter: the subject, and blocks between empty lines.
func (p *proof) template(file string, needs []kind) *template {
	t := &template{}
	source, found := p.open(file)
	if !found {
		return t
	}
	var lines []string
	var special []kind
	for i, line := range append(strings.Split(source, "\n"), "") {
		switch {
		case i == 0:
			subject, found := strings.CutPrefix(line, "Subject: ")
			if !found {
				p.mark(place{file, 1}, `the first line must begin with "Subject: "`)
			}
			t.subject = p.phrase(place{file, 1}, subject, letterValues)
		case strings.TrimSpace(line) != "":
			lines = append(lines, line)
		case lines != nil:
			b := p.block(place{file, i + 1 - len(lines)}, strings.Join(lines, "\n"))
			t.blocks = append(t.blocks, b)
			if b.kind != paragraph {
				special = append(special, b.kind)
			}
			lines = nil
		}
	}
	if !slices.Equal(special, needs) {
		p.mark(place{file: file}, "has the special blocks %v, needs %v", special, needs)
	}
	return t
}

func (p *proof) block(at place, source string) block {
	source = strings.TrimSpace(source)
	if strings.HasPrefix(source, "[") && strings.HasSuffix(source, "]") {
		return block{action, p.phrase(at, source[1:len(source)-1], letterValues)}
	}
	if prose, found := strings.CutPrefix(source, "# "); found {
		return block{code, p.phrase(at, prose, letterValues)}
	}
	if prose, found := strings.CutPrefix(source, "* "); found {
		return block{happenings, p.phrase(at, prose, happeningValues)}
	}
	return block{paragraph, p.phrase(at, source, letterValues)}
}

// fill writes a letter. A block that comes out empty is left out.
func (t *template) fill(v values, told []values) Letter {
	var text, body strings.Builder
	for _, b := range t.blocks {
		if b.kind == happenings {
			b.list(&text, &body, told)
		} else if prose := b.prose.say(v); prose != "" {
			b.fill(&text, &body, prose, v["Link"])
		}
	}
	v["Subject"] = clean(t.subject.say(v), maxSubject)
	page := v.escaped()
	page["Body"] = strings.TrimSuffix(body.String(), "\n")
	return Letter{
		Subject: v["Subject"],
		Text:    wrap(v["Greeting"]) + "\n\n" + text.String() + "-- \n" + v["Footer"] + "\n",
		HTML:    t.html.say(page) + "\n",
		Locale:  v["Lang"],
	}
}

func (b block) fill(text, body *strings.Builder, prose, link string) {
	inHTML, linkInHTML := html.EscapeString(prose), html.EscapeString(link)
	switch b.kind {
	case action:
		fmt.Fprintf(text, "%s\n%s\n\n", prose, link)
		fmt.Fprintf(body, "<p><a class=\"button\" href=\"%s\">%s</a></p>\n<p><small>%[1]s</small></p>\n", linkInHTML, inHTML)
	case code:
		fmt.Fprintf(text, "    %s\n\n", prose)
		fmt.Fprintf(body, "<p class=\"code\">%s</p>\n", inHTML)
	default:
		fmt.Fprintf(text, "%s\n\n", wrap(prose))
		fmt.Fprintf(body, "<p>%s</p>\n", inHTML)
	}
}

// list writes the block once for each happening. In HTML the lines after the first are small.
func (b block) list(text, body *strings.Builder, told []values) {
	if len(told) == 0 {
		return
	}
	body.WriteString("<ul>\n")
	for _, v := range told {
		lines := strings.Split(b.prose.say(v), "\n")
		fmt.Fprintf(text, "* %s\n\n", strings.Join(lines, "\n  "))
		fmt.Fprintf(body, "<li>%s", html.EscapeString(lines[0]))
		for _, line := range lines[1:] {
			fmt.Fprintf(body, "<small>%s</small>", html.EscapeString(line))
		}
		body.WriteString("</li>\n")
	}
	body.WriteString("</ul>\n")
}

// lineLength is the most characters in a line of prose (RFC 3676 §4.2 asks for 78 or less).
const lineLength = 72

// wrap breaks a paragraph into lines, at spaces but not at those that must not break.
func wrap(s string) string {
	var out strings.Builder
	length := 0
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' }) {
		n := len([]rune(word))
		switch {
		case length == 0:
		case length+1+n > lineLength:
			out.WriteByte('\n')
			length = 0
		default:
			out.WriteByte(' ')
			length++
		}
		out.WriteString(word)
		length += n
	}
	return out.String()
}

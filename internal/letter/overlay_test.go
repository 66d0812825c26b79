package letter

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

func TestOverlay(t *testing.T) {
	set, err := New(fstest.MapFS{
		"en/reset_password.txt": {Data: []byte("Subject: Oh {{Name}}\r\n\r\nforgotten again?\r\n\r\n[Mend]\r\n")},
		"de/notice.html":        {Data: []byte(`<p lang={{Lang}}>{{Name}}{{Body}}`)},
		".git/config":           {Data: []byte("not looked at")},
		"en/.notice.txt.swp":    {Data: []byte("nor this")},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := given()
	d.Name = "<b>"
	l, err := set.Write(ResetPassword, "en", d)
	if want := "Hello <b>,\n\nforgotten again?\n\nMend\n" + d.Link + "\n\n-- \nExample · https://example.com\n"; err != nil || l.Text != want || l.Subject != "Oh <b>" {
		t.Errorf("%v: %q, %q", err, l.Subject, l.Text)
	}
	if !strings.Contains(l.HTML, "<p>forgotten again?</p>") || !strings.Contains(l.HTML, "Hello &lt;b&gt;,") {
		t.Errorf("HTML:\n%s", l.HTML)
	}
	if l, err = set.Write(Notice, "de", d); err != nil || !strings.HasPrefix(l.HTML, "<p lang=de>&lt;b&gt;<p>in Ihrem Konto") || !strings.Contains(l.Text, "Guten Tag") {
		t.Errorf("%v:\n%s", err, l.HTML)
	}
}

// An overlay may bring a language. It is written from right to left where its script is.
func TestOverlayLanguage(t *testing.T) {
	folder := fstest.MapFS{}
	for _, name := range append(slices.Clone(names), "words") {
		source, err := embedded.ReadFile("templates/en/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		folder["ar/"+name+".txt"] = &fstest.MapFile{Data: source}
	}
	set, err := New(folder)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := set.Write(VerifyEmail, "ar-EG", given()); err != nil || l.Locale != "ar" || !strings.Contains(l.HTML, `<html lang="ar" dir="rtl">`) {
		t.Errorf("%v:\n%.100s", err, l.HTML)
	}
	delete(folder, "ar/notice.txt")
	if _, err := New(folder); err == nil || !strings.Contains(err.Error(), "ar/notice.txt: is missing") {
		t.Errorf("half a language: %v", err)
	}
}

// Every mistake is told at once, with file and line.
func TestOverlayMistakes(t *testing.T) {
	_, err := New(fstest.MapFS{
		"readme.md":          {Data: []byte("hello")},
		"en/welcome.txt":     {Data: []byte("Subject: x")},
		"no-language/x/y":    {Data: []byte("x")},
		"layout.html":        {Data: []byte("\n{{?}}\n")},
		"en/notice.txt":      {Data: []byte("no subject")},
		"de/notice.txt":      {Data: []byte("Subject: x\n\n\n{{?Name}}\n \n{{/}}\n")},
		"fr/words.txt":       {Data: []byte("greeting: Salut\nfooter {{Site}}\nmonths: janvier\nhours: {{?Count}}\nminute:")},
		"es/notice.html":     {Data: []byte("<p>\n{{")},
		"es/verify_email.go": {Data: []byte("x")},
	})
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{
		"readme.md: no template has this name", "en/welcome.txt: no", "no-language/x/y: no", `layout.html:2: there is no value ""`,
		"en/notice.txt:1: the first line must begin", "de/notice.txt:4: {{?Name}} is not ended", "de/notice.txt:6: {{/}} belongs to no section",
		"fr/words.txt:2: the line", "fr/words.txt:3: months: there are 1", "fr/words.txt:4: {{?Count}} is not ended", "fr/words.txt: days: is missing",
		"fr/words.txt: minute: is missing", "es/notice.html:2: {{ without }}", "es/verify_email.go: no",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("does not tell %q:\n%v", want, err)
		}
	}
}

func TestOverlayMistake(t *testing.T) {
	for _, test := range []struct{ file, source, says string }{
		{"en/verify_email.txt", "Subject: x\n\n{{Token}}\n\n[Go]", `en/verify_email.txt:3: there is no value "Token" here; there are Site, Base, `},
		{"en/verify_email.txt", "Subject: {{Body}}\n\n[Go]", `:1: there is no value "Body"`},
		{"en/verify_email.txt", "Subject: {{.Site}}\n\n[Go]", `there is no value ".Site"`},
		{"en/verify_email.txt", "Subject: x\n\na\nb {{?Name}}x{{:}}y{{:}}z{{/}}\n\n[Go]", ":4: {{?Name}} is not ended by {{/}}"},
		{"en/verify_email.txt", "Subject: x{{:}}\n\n[Go]", ":1: {{:}} belongs to no section"},
		{"en/notice.txt", "Subject: x\n\n* {{Site}}\n\n[Go]", `:3: there is no value "Site" here; there are What, When, `},
		{"en/mailcode.txt", "Subject: x\n\n[Go]", "en/mailcode.txt: has the special blocks [action], needs [code action]"},
		{"de/verify_email.txt", "Subject: x\n\nno link", "needs [action]"},
		{"layout.html", "{{Nothing}}", `layout.html:1: there is no value "Nothing"`},
		{"en/verify_email.html", "\n<a href='{{Nothing}}'>", "en/verify_email.html:2: "},
		{"en/deletion.html", "<script>\n{{Name}}", "en/deletion.html:2: {{Name}} stands in a tag, a comment, a script or a style"},
		{"en/deletion.html", "<STYLE>{{Name}}</style>", "stands in"},
		{"en/deletion.html", "<!-- {{Name}} -->", "stands in"},
		{"en/deletion.html", "<a title=\"> {{Name}}\">", "stands in"},
		{"en/deletion.html", "<a title='\"> {{Name}}'>", "stands in"},
		{"en/deletion.html", "<a href={{Name}}>", "stands in"},
		{"en/deletion.html", "<a {{Name}}", "stands in"},
		{"en/deletion.html", "<p{{?Name}} class=x{{/}}>", "{{?Name}} stands in"},
		{"en/deletion.html", "{{?Name}}<a title='{{/}}{{Link}}'>", "{{/}} stands in"},
		{"fr/words.txt", "other: {{What}}", `:1: there is no value "What" here; there are When, `},
	} {
		_, err := New(fstest.MapFS{test.file: {Data: []byte(test.source)}})
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s, %q: %v does not tell %q", test.file, test.source, err, test.says)
		}
	}
}

// An overlay may use each value and each rule, in HTML wherever it may stand.
func TestOverlayRules(t *testing.T) {
	for _, test := range []struct{ source, name, want string }{
		{"{{Name}}", "Ana", "Ana"},
		{"{{ Name }}", "Ana", "Ana"},
		{"a{{?Name}} {{Name}}{{/}}.", "Ana", "a Ana."},
		{"a{{?Name}} {{Name}}{{/}}.", "", "a."},
		{"{{?Name}}some{{:}}none{{/}}", "Ana", "some"},
		{"{{?Name}}some{{:}}none{{/}}", "", "none"},
		{"{{?Name}}{{?Code}}both{{:}}Name{{/}}{{:}}{{?Code}}Code{{:}}neither{{/}}{{/}}", "Ana", "Name"},
		{"{{?Name}}{{?Code}}both{{:}}Name{{/}}{{:}}{{?Code}}Code{{:}}neither{{/}}{{/}}", "", "neither"},
		{"<a href=\"{{Link}}\">1 < 2 {{Name}}</a> }}", "<&\"'>", "<a href=\"https://e.example/?a&amp;b\">1 < 2 &lt;&amp;&#34;&#39;&gt;</a> }}"},
		{"<!--[if mso]><v:rect href='{{Link}}'><![endif]--><style>@media x{a{}}</style>{{Name}}", "Ana",
			"<!--[if mso]><v:rect href='https://e.example/?a&amp;b'><![endif]--><style>@media x{a{}}</style>Ana"},
	} {
		set, err := New(fstest.MapFS{"en/verify_email.html": {Data: []byte(test.source)}})
		if err != nil {
			t.Errorf("%q: %v", test.source, err)
			continue
		}
		l, err := set.Write(VerifyEmail, "en", Data{Name: test.name, Link: "https://e.example/?a&b"})
		if err != nil || l.HTML != test.want+"\n" {
			t.Errorf("%q with the name %q: %v, %q", test.source, test.name, err, l.HTML)
		}
	}
}

// What a phrase may name has a value, else words would be missing without a mistake.
func TestEveryValue(t *testing.T) {
	l := newSet(t).languages[0]
	d := given()
	d.Happenings[1].Device = "Chrome"
	v, err := l.values(d)
	if err != nil {
		t.Fatal(err)
	}
	told := l.happenings(d.Happenings, v)[1]
	for _, name := range letterValues {
		if v[name] == "" {
			t.Errorf("a letter has no %s", name)
		}
	}
	for _, name := range happeningValues {
		if told[name] == "" {
			t.Errorf("a happening has no %s", name)
		}
	}
	for _, name := range pageValues {
		set, err := New(fstest.MapFS{"en/notice.html": {Data: []byte("{{" + name + "}}")}})
		if err != nil {
			t.Fatal(err)
		}
		if l, err := set.Write(Notice, "en", d); err != nil || l.HTML == "\n" {
			t.Errorf("a page has no %s: %v", name, err)
		}
	}
	manual, err := os.ReadFile("../../docs/letters.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range slices.Concat(names, letterValues, happeningValues, pageValues, slices.Collect(maps.Keys(phraseWords)), happeningWords) {
		if !strings.Contains(string(manual), "`"+word+"`") {
			t.Errorf("docs/letters.md does not tell of %s", word)
		}
	}
}

// Whatever an overlay says, reading it ends, its mistakes are told of lines that it has, and strangers make no markup in what
// is free of them.
func FuzzProof(f *testing.F) {
	for _, source := range []string{
		"Subject: {{Site}}\n\na{{?Name}} {{Name}}{{:}}b{{/}}\n\n[Go]", "greeting: {{Name}}\nmonths: a\n", "{{?A}}{{:}}{{:}}{{/}}{{", "* {{What}}\n# x",
		`<a href="{{Link}}" title='{{Site}}'>{{Name}}</a><!-- {{Base}} --><style>{{Dir}}</style>`, "<script>{{Name}}", "<p{{?Name}}>", "<x \"'>{{Name}}<",
	} {
		f.Add(source)
	}
	ours := map[string]string{"Lang": "en", "Dir": "ltr", "Site": "x", "Base": "https://x.example", "Link": "https://x.example"}
	f.Fuzz(func(t *testing.T, source string) {
		p := &proof{files: map[string]string{"file": source}}
		p.words("file")
		p.template("file", nil)
		clean := &proof{files: p.files}
		page := clean.html("file")
		for _, mistake := range append(p.mistakes, clean.mistakes...) {
			_, at, _ := strings.Cut(mistake.Error(), ":")
			if line, err := strconv.Atoi(strings.Split(at, ":")[0]); err == nil && (line < 1 || line > 1+strings.Count(source, "\n")) {
				t.Errorf("%q: there is no such line: %v", source, mistake)
			}
		}
		if clean.mistakes != nil {
			return
		}
		hostile, tame := values{}, values{}
		for _, name := range slices.Concat(letterValues, pageValues) {
			hostile[name], tame[name] = `"'><script>`, "x"
		}
		maps.Copy(hostile, ours)
		maps.Copy(tame, ours)
		got, want := page.say(hostile.escaped()), page.say(tame.escaped())
		for _, mark := range []string{"<", ">", "'", `"`, "{{"} {
			if strings.Count(got, mark) != strings.Count(want, mark) {
				t.Errorf("%q becomes %q, not %q", source, got, want)
			}
		}
	})
}

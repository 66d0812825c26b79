package letter

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	textlanguage "golang.org/x/text/language"
)

//go:embed templates
var embedded embed.FS

const (
	english    = "en"
	layoutFile = "layout.html"
	wordsFile  = "words.txt"
)

// Set is all letters in all languages. It is safe for concurrent use while Fallback is left alone.
type Set struct {
	// Fallback is the language for whoever speaks none of ours. Empty, or none of ours: English.
	Fallback string

	languages []*language // English first
	matcher   textlanguage.Matcher
}

// language is what is said in one language.
type language struct {
	tag     textlanguage.Tag
	words   *words
	letters map[string]*template
}

// New reads the embedded templates, each of which a file of the overlay replaces; nil replaces none. A language that only the
// overlay has needs all letters and words.txt. Files whose names begin with a dot are not looked at. The error tells all
// mistakes at once, with file and line: a name that no template has, a value that is not known, a section without an end, a
// letter without its button.
func New(overlay fs.FS) (*Set, error) {
	ours, _ := fs.Sub(embedded, "templates") // it is there: this program would not have been compiled
	p := &proof{files: map[string]string{}}
	p.gather(ours)
	p.gather(overlay)
	set, layout := &Set{}, p.html(layoutFile)
	for _, tag := range tags(p.files) {
		set.languages = append(set.languages, p.language(tag, layout))
	}
	if p.mistakes != nil {
		return nil, errors.Join(p.mistakes...)
	}
	set.matcher = textlanguage.NewMatcher(set.tags())
	return set, nil
}

// gather takes the files of a folder over those that are there.
func (p *proof) gather(folder fs.FS) {
	if folder == nil {
		return
	}
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(d.Name(), ".") && name != ".":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		case !known(name):
			p.mark(place{file: name}, "no template has this name; there are %s, and in a folder for each language %s, %s.txt and .html",
				layoutFile, wordsFile, strings.Join(names, ".txt and .html, "))
			return nil
		}
		content, err := fs.ReadFile(folder, name)
		p.files[name] = strings.ReplaceAll(string(content), "\r\n", "\n")
		return err
	})
	if err != nil {
		p.mistakes = append(p.mistakes, err)
	}
}

// names of all letters.
var names = []string{VerifyEmail, VerifyNewEmail, ResetPassword, Mailcode, SignupKnown, Deletion, Notice}

// known holds for a name that a file may have.
func known(name string) bool {
	folder, file := path.Split(name)
	if folder == "" {
		return file == layoutFile
	}
	if _, err := textlanguage.Parse(path.Clean(folder)); err != nil {
		return false
	}
	base, ext := strings.TrimSuffix(file, path.Ext(file)), path.Ext(file)
	return file == wordsFile || slices.Contains(names, base) && (ext == ".txt" || ext == ".html")
}

// tags lists the languages of the files, English first.
func tags(files map[string]string) []string {
	found := map[string]bool{}
	for name := range files {
		if folder, _ := path.Split(name); folder != "" {
			found[path.Clean(folder)] = true
		}
	}
	delete(found, english)
	return append([]string{english}, slices.Sorted(maps.Keys(found))...)
}

// language reads the files of one language.
func (p *proof) language(tag string, layout phrase) *language {
	l := &language{textlanguage.Make(tag), p.words(path.Join(tag, wordsFile)), map[string]*template{}}
	for _, name := range names {
		t := p.template(path.Join(tag, name+".txt"), required[name])
		t.html = layout
		if page := path.Join(tag, name+".html"); p.files[page] != "" {
			t.html = p.html(page)
		}
		l.letters[name] = t
	}
	return l
}

func (s *Set) tags() []textlanguage.Tag {
	list := make([]textlanguage.Tag, len(s.languages))
	for i, l := range s.languages {
		list[i] = l.tag
	}
	return list
}

// speak finds the language for a locale. A locale is what a user has chosen or a program has sent, so it may be anything.
func (s *Set) speak(locale string) *language {
	for _, want := range []string{locale, s.Fallback} {
		tag, err := textlanguage.Parse(want)
		if err != nil || tag.IsRoot() {
			continue
		}
		if _, i, confidence := s.matcher.Match(tag); confidence > textlanguage.Low {
			return s.languages[i]
		}
	}
	return s.languages[0]
}

// Write writes a letter in the language that fits locale best: a BCP 47 tag, empty, or anything. Errors: an unknown name, and
// Data that make no letter of this kind, such as no Link.
func (s *Set) Write(name, locale string, d Data) (Letter, error) {
	letter, err := s.speak(locale).write(name, d)
	if err != nil {
		return Letter{}, fmt.Errorf("letter %q: %w", name, err)
	}
	return letter, nil
}

func (l *language) write(name string, d Data) (Letter, error) {
	t := l.letters[name]
	if t == nil {
		return Letter{}, errors.New("there is none of this name")
	}
	v, err := l.values(d)
	if err != nil {
		return Letter{}, err
	}
	return t.fill(v, l.happenings(d.Happenings, v)), nil
}

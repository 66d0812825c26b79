package config

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// variables is how the names of our environment variables begin.
const variables = "CLOAKROOM_"

// maxFile is how much of a file is read, in bytes. It bounds how deep the nesting of a file can be, too.
const maxFile = 64 << 10

// Source is where a configuration comes from; later fields override earlier ones.
type Source struct {
	// Path is the YAML file. Empty: none.
	Path string
	// Environ is the environment in the form of os.Environ. Only names that begin with CLOAKROOM_ are looked at, and
	// those must be known.
	Environ []string
	// Flags are values by the names of their keys, such as session.idle.
	Flags map[string]string
}

// Check is Load and Validate in one: the error holds the problems of both.
func Check(source Source, mode Mode) (Config, error) {
	c, errs := load(source)
	errs = append(errs, c.problems(mode)...)
	return c, errs.err()
}

// Load reads a configuration. Its error is an Errors with all problems of all sources, and the Config then has
// whatever could be read, with defaults in place of the rest: enough to Validate, not to run with.
func Load(source Source) (Config, error) {
	c, errs := load(source)
	return c, errs.err()
}

func load(source Source) (Config, Errors) {
	l := loader{config: Default()}
	l.config.sources, l.config.broken = map[string]string{}, map[string]bool{}
	if source.Path != "" {
		l.file(source.Path)
	}
	l.environment(source.Environ)
	l.flags(source.Flags)
	return l.config, l.errs
}

// A loader gathers values and problems from one source after the other.
type loader struct {
	config Config
	errs   Errors
}

func (l *loader) problem(where, key, reason, mend string) {
	l.errs = append(l.errs, Problem{Where: where, Key: key, Reason: reason, Mend: mend})
}

// set gives a key the value that stands at where.
func (l *loader) set(where string, k key, texts []string) {
	errs := k.read(&l.config, texts)
	if len(errs) == 0 {
		l.config.sources[k.name] = where
		delete(l.config.broken, k.name) // what a later source overrides does not count
		return
	}
	l.breakKey(where, k, errs...)
}

// breakKey notes that a key was given what cannot be read, so that Validate does not judge its default instead.
func (l *loader) breakKey(where string, k key, errs ...error) {
	l.config.broken[k.name] = true
	for _, err := range errs {
		l.errs = append(l.errs, problemOf(where, k.name, err))
	}
}

// environment reads variables, and files that variables name.
func (l *loader) environment(environ []string) {
	given := map[string]string{}
	for _, variable := range environ {
		if name, value, found := strings.Cut(variable, "="); found && strings.HasPrefix(name, variables) {
			given[name] = value
		}
	}
	for _, k := range keys {
		value, direct := given[k.env()]
		path, inFile := given[k.env()+"_FILE"]
		delete(given, k.env())
		delete(given, k.env()+"_FILE")
		switch {
		case direct && inFile:
			l.breakKey(k.env(), k, refuse("unset one of them", "is set together with %s_FILE", k.env()))
		case direct:
			l.set(k.env(), k, k.split(value))
		case inFile:
			l.valueFile(k, path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		l.problem("environment", name, "is not a known variable", meantVariable(name))
	}
}

// meantVariable is meant for variables. What all of them begin with makes none nearer.
func meantVariable(name string) string {
	bare, suffix := strings.TrimPrefix(name, variables), ""
	if cut, found := strings.CutSuffix(bare, "_FILE"); found {
		bare, suffix = cut, "_FILE"
	}
	all := names(func(k key) string { return strings.TrimPrefix(k.env(), variables) })
	if near := nearest(bare, all); near != "" {
		return "did you mean " + variables + near + suffix + "?"
	}
	return seeAll
}

// valueFile reads the value of a key from the file that its variable names, without the newline at its end.
func (l *loader) valueFile(k key, path string) {
	where := k.env() + "_FILE"
	data, err := readFile(path)
	if err != nil {
		l.breakKey(where, k, err)
		return
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if k.list && !k.mappings {
		l.set(where, k, k.splitLines(text))
		return
	}
	l.set(where, k, k.split(text))
}

// fromFlag is where the value of a flag came from.
const fromFlag = "flag"

func (l *loader) flags(flags map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if k, known := keyNamed(name); known {
			l.set(fromFlag, k, k.split(flags[name]))
		} else {
			l.unknown(fromFlag, name)
		}
	}
}

// unknown tells of a key that does not exist.
func (l *loader) unknown(where, name string) {
	candidates := append(names(func(k key) string { return k.name }), sections()...)
	l.problem(where, name, "is not a known key", meant(name, candidates))
}

func names(of func(key) string) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = of(k)
	}
	return list
}

// sections lists the names that group keys, such as session.
func sections() []string {
	list := slices.DeleteFunc(names(key.section), func(s string) bool { return s == "" })
	return slices.Compact(list)
}

// readFile reads a file of at most maxFile bytes. Its errors are faults, without the path: somebody may have put the
// secret itself where the path of its file belongs.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cannotRead(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, cannotRead(err)
	}
	if len(data) > maxFile {
		return nil, refuse("make it smaller", "the file has more than %d bytes", maxFile)
	}
	return data, nil
}

func cannotRead(err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return refuse("give the path of a file that can be read", "the file cannot be read: %v", err)
}

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alexflint/go-arg"
)

// line is a command line that was read.
type line struct {
	grammar *commands
	name    []string // of the command, such as user add
	command runner
}

// byDefault is the command of a line that names none.
const byDefault = "develop"

// read finds out what args say. Its error is arg.ErrHelp when they ask for help, wherever they do.
func read(args []string) (line, error) {
	args, help, err := plain(args)
	if err != nil {
		return line{}, err
	}
	args, word := wished(args)
	l, err := parse(args)
	if help || word {
		return l, arg.ErrHelp
	}
	if len(l.name) == 0 && (err == nil || unknownFlag(err)) { // which the default command may know
		l, err = parse(append([]string{byDefault}, args...))
	}
	switch {
	case err != nil:
		return l, l.misread(err)
	case l.grammar.About:
		l.command = versionCommand{}
	case l.command == nil:
		return l, fmt.Errorf("%s needs a command: %s", strings.Join(l.name, " "), strings.Join(pageOf(l.name).choices(), ", "))
	}
	return l, nil
}

// parse has the parser read args, and returns its error as it is.
func parse(args []string) (line, error) {
	l := line{grammar: &commands{}}
	p, err := arg.NewParser(arg.Config{Program: "cloakroom", IgnoreEnv: true}, l.grammar)
	if err != nil {
		panic(err) // the tags of the grammar are wrong, which a test sees
	}
	err = p.Parse(args)
	l.name = p.SubcommandNames()
	l.command, _ = p.Subcommand().(runner)
	return l, err
}

func unknownFlag(err error) bool { return strings.HasPrefix(err.Error(), "unknown argument") }

// plain takes the wish for help out of args, and writes the rest so that the parser takes it at its word: for that, -json and
// ---json are --json, and --name= says that the next argument is the value.
func plain(args []string) (words []string, help bool, err error) {
	for i, a := range args {
		switch flag, value, given := strings.Cut(a, "="); {
		case a == "--":
			return append(words, args[i:]...), help, nil
		case a == "-h" || a == "--help":
			help = true
		case len(a) > 1 && a[0] == '-' && a[1] != '-' || strings.HasPrefix(a, "---"):
			return nil, false, fmt.Errorf("unknown flag %s; a value that begins with a dash is written --flag=VALUE, and an argument comes after --", printable(string([]rune(a)[:2])))
		case strings.HasPrefix(a, "--") && given && value == "":
			words = append(words, flag, "")
		default:
			words = append(words, a)
		}
	}
	return words, help, nil
}

// misreadings are the parser's words for what is wrong, and ours, which leave out all that may be a secret.
var misreadings = []struct {
	theirs *regexp.Regexp
	ours   string
}{
	{regexp.MustCompile(`(?s)^invalid subcommand: (.*)$`), "unexpected argument $1"},
	{regexp.MustCompile(`(?s)^unknown argument (--[^=]*)`), "unknown flag $1"},
	{regexp.MustCompile(`(?s)^missing value for (.*)$`), "$1 needs a value, written $1=VALUE if it begins with a dash"},
	{regexp.MustCompile(`(?s)^error processing (--[^=:]*).*: expected KEY=VALUE$`), "$1 needs KEY=VALUE"},
	{regexp.MustCompile(`(?s)^error processing (--[^=:]*).*: strconv.ParseInt`), "$1 needs a whole number"},
	{regexp.MustCompile(`(?s)^error processing (--[^=:]*).*: expected TIME$`), "$1 needs a time, such as 72h, 30m or 14d"},
	{regexp.MustCompile(`(?s)^error processing (--[^=:]*).*: strconv.ParseBool`), "$1 needs true, false, or nothing"},
}

// misread says in our words what the parser found wrong.
func (l line) misread(err error) error {
	text := err.Error()
	for _, m := range misreadings {
		if found := m.theirs.FindStringSubmatchIndex(text); found != nil {
			return errors.New(printable(string(m.theirs.ExpandString(nil, m.ours, text, found))))
		}
	}
	name := strings.Join(l.name, " ")
	if value, missing := strings.CutSuffix(text, " is required"); missing {
		return fmt.Errorf("%s needs %s", name, pageOf(l.name).required(value))
	}
	return fmt.Errorf("too many arguments for %s", name) // nothing else is left; they may be a password
}

package main

import (
	"context"
	"io"

	"github.com/alecthomas/kong"
)

// commands is the grammar of the command line.
type commands struct {
	Config string            `help:"Read the configuration from this YAML file." placeholder:"FILE"`
	Data   string            `help:"Keep the data in this folder (the key data)." placeholder:"FOLDER"`
	Set    map[string]string `help:"Set a key of the configuration; may be repeated." placeholder:"KEY=VALUE" mapsep:"none"`
	JSON   bool              `name:"json" help:"Print JSON: one object, or one line for each of a list."`

	Develop developCommand `cmd:"" default:"withargs" help:"Run a server to try things, on loopback (the default command)."`
	Serve   serveCommand   `cmd:"" help:"Run the server."`
	User    userCommands   `cmd:"" help:"Accounts. USER is an id or an e-mail."`
	Session sessionCommand `cmd:"" help:"Sessions of a user."`
	Event   eventCommands  `cmd:"" help:"What happened to accounts, sessions and keys."`
	Secret  secretCommands `cmd:"" help:"The secrets that sign opaque tokens and seal the keys of signed ones."`
	Key     keyCommands    `cmd:"" help:"The keys of signed tokens."`

	Introspection introspectionCommands `cmd:"" help:"Services that may ask about tokens."`

	Migrate migrateCommand `cmd:"" help:"The schema of the database."`
	Conf    configCommands `cmd:"" name:"config" help:"The configuration."`
	Doctor  doctorCommand  `cmd:"" help:"Look for what is wrong, and say how to mend it."`
	Version versionCommand `cmd:"" help:"Print which program this is."`
}

// run does what args say and returns the exit code.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &console{env: env, in: stdin, out: stdout, talk: stderr}
	return c.report(c.execute(ctx, args))
}

// finished is how kong says that it has done all there was to do, such as printing help.
type finished int

func (c *console) execute(ctx context.Context, args []string) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case finished:
			err = exitCode(p)
		default:
			panic(p)
		}
	}()
	grammar := &commands{}
	parser, err := kong.New(grammar,
		kong.Name("cloakroom"), kong.Description("Sessions for your users: one on the server, any number of tickets for it."),
		kong.Writers(c.out, c.talk), kong.Exit(func(code int) { panic(finished(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(c))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return usage(err)
	}
	c.grammar = grammar
	return parsed.Run()
}

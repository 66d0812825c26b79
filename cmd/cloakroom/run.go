package main

import (
	"context"
	"errors"
	"io"

	"github.com/alexflint/go-arg"
)

// commands is the grammar of the command line. The tags here and in the structs of the commands tell how it is read, and
// --help shows them. There are no methods with computed names in it: the linker would have to keep every method of the
// program for them.
type commands struct {
	Config string   `arg:"--config" help:"Read the configuration from this YAML file." placeholder:"FILE"`
	Data   string   `arg:"--data" help:"Keep the data in this folder (the key data)." placeholder:"FOLDER"`
	Set    settings `arg:"--set" help:"Set a key of the configuration; may be repeated." placeholder:"KEY=VALUE"`
	JSON   bool     `arg:"--json" help:"Print JSON: one object, or one line for each of a list."`
	About  bool     `arg:"--version" help:"Print which program this is."`

	Develop *developCommand `arg:"subcommand:develop" help:"Run a server to try things, on loopback (the default command)."`
	Serve   *serveCommand   `arg:"subcommand:serve" help:"Run the server."`
	User    *userCommands   `arg:"subcommand:user" help:"Accounts. USER is an id or an e-mail."`
	Session *sessionCommand `arg:"subcommand:session" help:"Sessions of a user."`
	Event   *eventCommands  `arg:"subcommand:event" help:"What happened to accounts, sessions and keys."`
	Secret  *secretCommands `arg:"subcommand:secret" help:"The secrets that sign opaque tokens and seal the keys of signed ones."`
	Key     *keyCommands    `arg:"subcommand:key" help:"The keys of signed tokens."`
	Apikey  *apikeyCommands `arg:"subcommand:apikey" help:"Keys with which programs act as users."`
	Setup   *setupCommand   `arg:"subcommand:setup" help:"Print the link by which the first administrator makes an account; an earlier one is good no longer."`
	Hash    *hashCommands   `arg:"subcommand:hash" help:"Hashes of passwords that other systems have made."`

	Introspection *introspectionCommands `arg:"subcommand:introspection" help:"Services that may ask about tokens."`

	Migrate *migrateCommand `arg:"subcommand:migrate" help:"The schema of the database."`
	Backup  *backupCommands `arg:"subcommand:backup" help:"Backups of the database."`
	Restore *restoreCommand `arg:"subcommand:restore" help:"Put a backup into an empty database; everybody is signed out."`
	Store   *storeCommands  `arg:"subcommand:store" help:"The database as a whole."`
	Conf    *configCommands `arg:"subcommand:config" help:"The configuration."`
	Doctor  *doctorCommand  `arg:"subcommand:doctor" help:"Look for what is wrong, and say how to mend it."`
	Version *versionCommand `arg:"subcommand:version" help:"Print which program this is."`
}

// run does what args say and returns the exit code.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &console{env: env, in: stdin, out: stdout, talk: stderr}
	return c.report(c.execute(ctx, args))
}

// runner is a command: something that can be done.
type runner interface {
	Run(context.Context, *console) error
}

func (c *console) execute(ctx context.Context, args []string) error {
	l, err := read(args)
	switch {
	case errors.Is(err, arg.ErrHelp):
		return pageOf(l.name).write(c.out)
	case err != nil:
		return usage(err)
	}
	c.grammar = l.grammar
	return l.command.Run(ctx, c)
}

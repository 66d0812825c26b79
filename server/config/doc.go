// Package config reads the configuration of the server from one YAML file, the environment and flags, and says
// everything that is wrong with it at once.
//
//	c, err := config.Check(config.Source{Path: "cloakroom.yaml", Environ: os.Environ()}, config.Production)
//	if err != nil {
//		fmt.Fprintln(os.Stderr, err) // one line for each problem: where: key: reason; mend
//	}
//
// Every key is optional, and [Config] documents each. The environment overrides the file, flags override both. A key
// such as session.idle is called the same in the file (nested or dotted) and as a flag, and CLOAKROOM_SESSION_IDLE in
// the environment; CLOAKROOM_SESSION_IDLE_FILE names a file that holds the value instead, for secrets that are
// mounted. Lists are YAML lists in the file and separated by commas elsewhere; a file that a variable names may have them
// line by line, too. A list of mappings is written as YAML or JSON everywhere. What is not a known key is an error that names the one that was probably meant.
//
// [Load] reads; [Config.Validate] asks whether the values fit each other; [Check] does both. A problem never shows a
// secret, and neither does a Config, whichever way it is printed.
//
// Not here: what the values do. Of the rest of the program this package asks what can be the address of a mail server or of
// a webhook, and nothing else; it opens only the files that it is told to read, and never looks at the environment of the
// process itself.
package config

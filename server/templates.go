package server

import (
	"os"

	"github.com/cloakroom-auth/cloakroom/internal/letter"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// CheckTemplates reads the letters of mail.templates, and tells all that is wrong with them, with file and line: nil if nothing is, or
// if there are none. New does the same.
func CheckTemplates(cfg config.Config) config.Errors {
	if cfg.Mail.Templates == "" {
		return nil
	}
	_, err := letter.New(os.DirFS(cfg.Mail.Templates))
	if err == nil {
		return nil
	}
	mistakes := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		mistakes = several.Unwrap()
	}
	wrong := make(config.Errors, len(mistakes))
	for i, m := range mistakes {
		wrong[i] = config.Problem{Where: source(cfg, "mail.templates"), Key: "mail.templates", Reason: m.Error(), Mend: "mend the templates, or name another folder"}
	}
	return wrong
}

// source is where the value of a key came from.
func source(cfg config.Config, key string) string {
	for _, s := range cfg.Settings() {
		if s.Key == key {
			return s.Source
		}
	}
	return ""
}

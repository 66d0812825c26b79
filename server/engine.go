package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/internal/secretfile"
	"github.com/cloakroom-auth/cloakroom/mail"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// Engine is an Auth with what it stands on: the data folder, the secrets, the stores and the hashing pool. Several
// processes may open the same data at once; where the stores are servers, on any number of machines.
type Engine struct {
	Auth *cloakroom.Auth
	// SecretsLost is true when there was a database and no secrets file beside it, so that Open has made a new one.
	SecretsLost bool

	stores  stores
	hashing *argon.Pool
}

// Open opens the engine of a configuration. The data folder, the secrets file and the database are made when they are
// not there, the schema of a database server, too. Errors: those of config.Config.Validate for production or, when the
// configuration is good, all that is wrong with the folder, the file and the stores, joined; a server that is out of reach is
// among them within ten seconds.
func Open(cfg config.Config) (*Engine, error) {
	if err := cfg.Validate(config.Production); err != nil {
		return nil, err
	}
	cfg.Mail.Templates = "" // who writes no letter needs none
	return open(cfg, parts{
		store:  func(s cloakroom.Store) cloakroom.Store { return unsent{s} },
		mailer: func(cloakroom.Mailer) cloakroom.Mailer { return later{} },
	})
}

// unsent is the store of a command that ends soon: what it orders to be sent, mails and webhooks, is left to servers that stay.
type unsent struct{ cloakroom.Store }

func (unsent) ClaimParcels(context.Context, cloakroom.ParcelQuery) ([]cloakroom.Parcel, error) {
	return nil, nil
}

// SecretsLost says what Engine.SecretsLost means to an operator. Signed access tokens outlive the secrets, because the public
// keys that check them are stored in clear.
const SecretsLost = "the secrets file was missing; a new one was made; everybody is signed out, but for signed access tokens until they expire"

// Close writes down what is pending, at most until ctx ends, and closes the stores, which finish their writes first.
func (e *Engine) Close(ctx context.Context) error {
	return errors.Join(e.Auth.Close(ctx), e.stores.Shutdown())
}

// parts are what a Server adds to an engine. The zero value adds nothing.
type parts struct {
	store   func(cloakroom.Store) cloakroom.Store   // put around the database
	ledger  func(cloakroom.Ledger) cloakroom.Ledger // put around the store of sessions, where it is another one
	mailer  func(cloakroom.Mailer) cloakroom.Mailer // put around who sends mail; it gets nil where nobody does
	onEvent func(context.Context, cloakroom.Event)
	unasked func(context.Context, error) // told why nobody was asked whether a new password is known from a breach
	hashing argon.Config
}

func open(cfg config.Config, p parts) (*Engine, error) {
	if wrong := CheckTemplates(cfg); wrong != nil {
		return nil, wrong
	}
	if cfg.Database().Local() { // or nothing lies there: a server needs secrets that are given
		if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
			return nil, fmt.Errorf("data folder: %w", err)
		}
	}
	lost := secretsLost(cfg)
	secrets, secretsErr := secretsOf(cfg)
	pool, poolErr := argon.NewPool(p.hashing)
	kept, storesErr := openStores(cfg)
	if err := errors.Join(secretsErr, poolErr, storesErr); err != nil {
		return nil, errors.Join(err, kept.Shutdown())
	}
	settings := translate(cfg)
	settings.Secrets, settings.OnEvent = secrets, p.onEvent
	settings.Store, settings.Ledger = p.around(kept)
	settings.Methods, settings.SecondFactors = p.methods(cfg, pool)
	settings.Mailer = p.mails(cfg)
	settings.BaseURL = cmp.Or(settings.BaseURL, cfg.Issuer()) // a command may know no port yet, and sends no links
	if settings.Mailer == nil {
		if err := dropMails(context.Background(), kept.store); err != nil {
			return nil, errors.Join(fmt.Errorf("mails that nobody sends: %w", err), kept.Shutdown())
		}
	}
	auth, err := cloakroom.New(settings)
	if err != nil {
		return nil, errors.Join(inKeys(err), kept.Shutdown())
	}
	return &Engine{Auth: auth, SecretsLost: lost, stores: kept, hashing: pool}, nil
}

// around is the stores as the engine gets them.
func (p parts) around(s stores) (store cloakroom.Store, ledger cloakroom.Ledger) {
	store, ledger = s.store, s.ledger
	if p.store != nil {
		store = p.store(store)
	}
	if p.ledger != nil && ledger != nil {
		ledger = p.ledger(ledger)
	}
	return store, ledger
}

// mails is who sends mail, nil if nobody does.
func (p parts) mails(cfg config.Config) cloakroom.Mailer {
	var mailer cloakroom.Mailer
	if cfg.Mail.URL != "" {
		smtp, _ := mail.ParseURL(cfg.Mail.URL) // Validate has looked at it
		smtp.From, smtp.Password = cfg.Mail.From, mail.Password(cfg.Mail.Password)
		mailer = smtp
	}
	if p.mailer != nil {
		mailer = p.mailer(mailer)
	}
	return mailer
}

// inKeys names what the engine alone finds wrong as the operator knows it.
func inKeys(err error) error {
	if wrong, ok := errors.AsType[*cloakroom.ConfigError](err); ok && wrong.Field == "Mail.Templates" {
		wrong.Field = "mail.templates"
	}
	return err
}

// DatabasePath is the file of the database, where it is one (config.DSN.Local).
func DatabasePath(cfg config.Config) string {
	return strings.TrimPrefix(string(cfg.Database()), "sqlite:")
}

// SecretsPath is the file that the secrets are kept in, or "" when the configuration itself gives them.
func SecretsPath(cfg config.Config) string {
	if len(cfg.Secrets) > 0 {
		return ""
	}
	return filepath.Join(cfg.Data, "secrets")
}

// secretsOf are the secrets of the configuration or, when it has none, of the file in the data folder.
func secretsOf(cfg config.Config) ([]cloakroom.Secret, error) {
	if path := SecretsPath(cfg); path != "" {
		return readSecrets(path)
	}
	secrets := make([]cloakroom.Secret, len(cfg.Secrets))
	for i, s := range cfg.Secrets {
		secrets[i] = cloakroom.Secret(s)
	}
	return secrets, nil
}

// secretsLost reports whether there is a database whose secrets file is not there. Open makes the secrets first, so
// that programs that make a new folder at once do not see it so.
func secretsLost(cfg config.Config) bool {
	path := SecretsPath(cfg)
	return path != "" && !exists(path) && exists(DatabasePath(cfg))
}

// exists is false only for what is certainly not there.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// readSecrets reads the secrets file, and makes it when it is not there.
func readSecrets(path string) ([]cloakroom.Secret, error) {
	raw, err := secretfile.Load(path)
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	secrets := make([]cloakroom.Secret, len(raw))
	for i, s := range raw {
		secrets[i] = s
	}
	return secrets, nil
}

package cloakroom

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A factor is something that an account can be opened by, beside a password: a TOTP generator, passkeys, recovery codes, and
// devices that are remembered. Adding or removing one takes a fresh proof, ends all other sessions and renews this one.

const (
	ticketBinding = "binding"
	bindingLife   = 10 * time.Minute
	maxFactorName = 100 // characters
	maxFactors    = 50  // of a user, beside devices
)

// Factor is a credential as its owner sees it.
type Factor struct {
	ID        string // "method" or "method.id"
	Method    string
	Name      string
	CreatedAt time.Time
	UsedAt    time.Time // as far as its method writes uses down; CreatedAt before the first
	Second    bool      // a sign-in by another method asks for it
	About     any       // what its method tells, as a value for JSON; may be nil
}

// Factors lists what a user can prove itself by, in order of method and id.
func (a *Auth) Factors(ctx context.Context, userID string) ([]Factor, error) {
	user, err := a.Users().Get(ctx, userID)
	if err != nil {
		return nil, err
	}
	creds, err := a.directory.Credentials(ctx, userID)
	if err != nil {
		return nil, unavailable(err)
	}
	list := make([]Factor, len(creds))
	for i, c := range creds {
		list[i] = Factor{
			ID: factorID(c), Method: c.Method, Name: c.Name, CreatedAt: c.CreatedAt, UsedAt: c.UpdatedAt,
			Second: a.isSecondFactor(c.Method), About: a.describe(ctx, c),
		}
	}
	if issuer := user.issuer(); issuer != "" {
		list = append(list, Factor{ID: methodExternal, Method: methodExternal, Name: issuer, CreatedAt: user.CreatedAt, UsedAt: user.UpdatedAt})
	}
	return list, nil
}

func (a *Auth) describe(ctx context.Context, c Credential) any {
	if c.Method == methodDevice {
		return describeDevice(c)
	}
	m, known := a.methodNamed(c.Method)
	d, describes := m.(Describer)
	if !known || !describes {
		return nil
	}
	open := a.opened(ctx, m, []Credential{c})
	if len(open) == 0 {
		return nil
	}
	return d.Describe(open[0])
}

func factorID(c Credential) string {
	if c.ID == "" {
		return c.Method
	}
	return c.Method + "." + c.ID
}

// methodNamed finds a method in either list.
func (a *Auth) methodNamed(name string) (Method, bool) {
	if name == "" {
		return nil, false
	}
	if m, ok := method(a.config.Methods, name); ok {
		return m, true
	}
	return method(a.config.SecondFactors, name)
}

// isSecondFactor reports whether a credential of this method makes a sign-in ask for a second factor. Recovery codes only
// stand in for one.
func (a *Auth) isSecondFactor(name string) bool {
	m, ok := method(a.config.SecondFactors, name)
	if !ok || name == "" {
		return false
	}
	_, standsIn := m.(Generator)
	return !standsIn
}

// FactorOffer is a factor in the making.
type FactorOffer struct {
	Token     Token // give it back with the answer, see Auth.BindFactor
	Show      any   // for the user's device, as a value for JSON; of TOTP it has the secret
	ExpiresAt time.Time
}

// binding is what is kept between OfferFactor and BindFactor.
type binding struct {
	UserID    string `json:"user"`
	SessionID string `json:"session"`
	Method    string `json:"method"`
	Kept      []byte `json:"kept"` // sealed
}

// OfferFactor begins to add a factor to the session's own user. The session must be Sensitive. Errors: FieldErrors,
// ErrFactorExists, ErrImpersonated, *UnavailableError.
func (a *Auth) OfferFactor(r *http.Request, s *Session, methodName string) (*FactorOffer, error) {
	ctx := r.Context()
	m, b, err := a.binder(ctx, s, methodName)
	if err != nil {
		return nil, err
	}
	offer, err := m.Offer(ctx, b)
	if err != nil {
		return nil, known(err, ErrFactorExists, ErrFactorExists)
	}
	payload, err := json.Marshal(binding{s.User.ID, s.ID, m.Name(), a.keys.Load().seal.Seal(keptPlace(m.Name()), offer.Keep)})
	if err != nil {
		return nil, err
	}
	token, id := a.keys.Load().mint(kindTicket, bucketOf(s.User.ID))
	t := Ticket{Kind: ticketBinding, ID: id, Payload: payload, ExpiresAt: a.now().Add(bindingLife)}
	if err := a.ledger.Put(ctx, t); err != nil {
		return nil, unavailable(err)
	}
	return &FactorOffer{Token: token, Show: offer.Show, ExpiresAt: t.ExpiresAt}, nil
}

// binder finds the method by which a user can add a factor.
func (a *Auth) binder(ctx context.Context, s *Session, name string) (Binder, Binding, error) {
	if err := s.sure(); err != nil {
		return nil, Binding{}, err
	}
	m, _ := a.methodNamed(name)
	b, binds := m.(Binder)
	if !binds {
		return nil, Binding{}, FieldErrors{{"method", "unknown_value", "is no factor that can be added here"}}
	}
	all, err := a.directory.Credentials(ctx, s.User.ID)
	if err != nil {
		return nil, Binding{}, unavailable(err)
	}
	if len(all)-len(devicesOf(all)) >= maxFactors {
		return nil, Binding{}, FieldErrors{{"method", "too_many", "cannot be added: remove a factor first"}}
	}
	return b, Binding{User: *s.User, Credentials: a.opened(ctx, m, all)}, nil
}

// FactorAnswer completes an offer.
type FactorAnswer struct {
	Offer  string // FactorOffer.Token
	Answer string // the code, or what the device answered
	Name   string // for the owner to tell it from others; at most 100 characters; may be empty
}

// BindFactor adds the factor of an offer. All other sessions of the user end, this one goes on with a new token and at level 2.
// With the first second factor come recovery codes, which are told here and never again. Errors: ErrWrongAnswer and what
// Config.Veto says (the offer stays), ErrInvalidChallenge when the offer is over, FieldErrors, and those of ChangeSecret.
func (a *Auth) BindFactor(w http.ResponseWriter, r *http.Request, s *Session, in FactorAnswer) (*Grant, []string, error) {
	if err := checkFactorName(in.Name); err != nil {
		return nil, nil, err
	}
	if len(in.Answer) > maxAnswer {
		return nil, nil, FieldErrors{{"answer", "too_long", "is too long"}}
	}
	ticket, kept, err := a.bindingOf(r.Context(), s, in.Offer)
	if err != nil {
		return nil, nil, err
	}
	m, b, err := a.binder(r.Context(), s, kept.Method)
	if err != nil {
		return nil, nil, err
	}
	b.Answer = in.Answer
	if b.Kept, _, err = a.keys.Load().seal.Open(keptPlace(m.Name()), kept.Kept); err != nil {
		return nil, nil, ErrInvalidChallenge
	}
	c, err := m.Bind(r.Context(), b)
	if err != nil {
		return nil, nil, known(err, ErrInvalidCredentials, ErrWrongAnswer, ErrFactorExists, ErrFactorExists)
	}
	now := a.now()
	c.UserID, c.Method, c.CreatedAt, c.UpdatedAt = s.User.ID, m.Name(), now, now
	if in.Name != "" {
		c.Name = in.Name
	}
	return a.addFactor(w, r, s, m, c, ticket.ID)
}

// bindingOf reads an offer that was made to this session.
func (a *Auth) bindingOf(ctx context.Context, s *Session, text string) (Ticket, *binding, error) {
	id, _, ok := a.keys.Load().parse(kindTicket, text)
	if !ok || s == nil || s.Anonymous() {
		return Ticket{}, nil, ErrInvalidChallenge
	}
	t, err := a.ledger.Ticket(ctx, ticketBinding, id, a.now())
	if err != nil {
		return Ticket{}, nil, attemptError(err)
	}
	b := &binding{}
	if err := json.Unmarshal(t.Payload, b); err != nil {
		return Ticket{}, nil, err
	}
	if b.UserID != s.User.ID || b.SessionID != s.ID {
		return Ticket{}, nil, ErrInvalidChallenge
	}
	return t, b, nil
}

// addFactor uses an offer up and stores its factor, with recovery codes if it is the first second one.
func (a *Auth) addFactor(w http.ResponseWriter, r *http.Request, s *Session, m Method, c Credential, offer TokenID) (*Grant, []string, error) {
	creds, proved := []Credential{a.closed(m, c)}, ""
	var codes []string
	if a.isSecondFactor(m.Name()) {
		proved = m.Name()
		spare, secrets, err := a.firstCodes(r.Context(), s.User)
		if err != nil {
			return nil, nil, err
		}
		creds, codes = append(creds, spare...), secrets
	}
	e := userEdit{what: Event{Type: FactorAdded, Reason: m.Name(), Details: named(c)}, creds: creds}
	if err := a.mayChange(r, s, &e); err != nil {
		return nil, nil, err
	}
	if _, err := a.ledger.Take(r.Context(), ticketBinding, offer, a.now()); err != nil {
		return nil, nil, attemptError(err)
	}
	g, err := a.changeAllowed(w, r, s, s.User.Epoch, proved, e)
	if err != nil {
		return nil, nil, err
	}
	return g, codes, nil
}

func named(c Credential) map[string]string {
	if c.Name == "" {
		return nil
	}
	return map[string]string{"name": c.Name}
}

// atEpoch refuses an edit of a user whose sessions have ended since: what it was made from may be out of date.
func atEpoch(epoch int64) func(*User) error {
	return func(u *User) error {
		if u.Epoch != epoch {
			return ErrInvalidToken
		}
		return nil
	}
}

// RenameFactor gives a factor of the session's own user another name, where there can be several of its kind. (What there is one of
// is spent by its use, and that must not be written back.) Errors: ErrNotFound, FieldErrors, ErrImpersonated.
func (a *Auth) RenameFactor(r *http.Request, s *Session, id, name string) error {
	if err := checkFactorName(name); err != nil {
		return err
	}
	c, _, err := a.ownFactor(r.Context(), s, id)
	if err != nil {
		return err
	}
	if c.ID == "" {
		return FieldErrors{{"name", "not_allowed", "is for factors of which there can be several"}}
	}
	c.Name = name
	what := a.requested(r, Event{Type: FactorRenamed, SessionID: s.ID, Reason: c.Method, Details: named(c)})
	_, _, err = a.Users().edit(r.Context(), s.User.ID, userEdit{
		what: what, creds: []Credential{c}, check: stillThere(c), change: atEpoch(s.User.Epoch),
	})
	return err
}

// stillThere refuses to store a credential again that was removed meanwhile.
func stillThere(c Credential) func(all []Credential) error {
	return func(all []Credential) error {
		if !slices.ContainsFunc(all, func(have Credential) bool { return factorID(have) == factorID(c) }) {
			return ErrNotFound
		}
		return nil
	}
}

// RemoveFactor removes a factor of the session's own user, for a session that is Sensitive. With the last second factor go the recovery codes
// and remembered devices. All other sessions end, and this one goes on with a new token; forgetting a device ends none. Errors: ErrNotFound, ErrLastMethod when
// nothing would be left to sign in by, ErrImpersonated, and those of ChangeSecret.
func (a *Auth) RemoveFactor(w http.ResponseWriter, r *http.Request, s *Session, id string) (*Grant, error) {
	if id == methodExternal {
		return a.removeIdentity(w, r, s)
	}
	c, all, err := a.ownFactor(r.Context(), s, id)
	if err != nil {
		return nil, err
	}
	if !a.leavesMethod(s.User, all, c) && s.User.issuer() == "" {
		return nil, ErrLastMethod
	}
	e := userEdit{
		what:   Event{Type: FactorRemoved, Reason: c.Method, Details: named(c)},
		forget: func(all []Credential) []CredentialKey { return a.without(all, c) },
	}
	if c.Method == methodDevice {
		return a.forgetDevice(r, s, e)
	}
	if err := s.sure(); err != nil {
		return nil, err
	}
	return a.changeAccount(w, r, s, s.User.Epoch, "", e)
}

// without lists what goes when a factor does.
func (a *Auth) without(all []Credential, gone Credential) []CredentialKey {
	keys := []CredentialKey{{gone.Method, gone.ID}}
	left := slices.DeleteFunc(slices.Clone(all), func(c Credential) bool { return c.Method == gone.Method && c.ID == gone.ID })
	if slices.ContainsFunc(left, func(c Credential) bool { return a.isSecondFactor(c.Method) }) {
		return keys
	}
	for _, c := range left {
		m, _ := a.methodNamed(c.Method)
		if _, standsIn := m.(Generator); standsIn || c.Method == methodDevice {
			keys = append(keys, CredentialKey{c.Method, c.ID})
		}
	}
	return keys
}

// leavesMethod reports whether the user could still begin a sign-in without this credential.
func (a *Auth) leavesMethod(user *User, all []Credential, gone Credential) bool {
	if _, first := method(a.config.Methods, gone.Method); !first {
		return true
	}
	if a.config.MailCode.Allowed && user.EmailVerified {
		return true
	}
	return slices.ContainsFunc(all, func(c Credential) bool {
		_, first := method(a.config.Methods, c.Method)
		return first && (c.Method != gone.Method || c.ID != gone.ID)
	})
}

// ownFactor finds a credential of the session's own user, with the others.
func (a *Auth) ownFactor(ctx context.Context, s *Session, id string) (Credential, []Credential, error) {
	if err := s.inPerson(); err != nil {
		return Credential{}, nil, err
	}
	all, err := a.directory.Credentials(ctx, s.User.ID)
	if err != nil {
		return Credential{}, nil, unavailable(err)
	}
	i := slices.IndexFunc(all, func(c Credential) bool { return factorID(c) == id })
	if i < 0 {
		return Credential{}, nil, ErrNotFound
	}
	return all[i], all, nil
}

func checkFactorName(name string) error {
	switch {
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return FieldErrors{{"name", "invalid_name", "must be text without control characters"}}
	case utf8.RuneCountInString(name) > maxFactorName:
		return FieldErrors{{"name", "too_long", "must be at most 100 characters"}}
	}
	return nil
}

// removeIdentity takes the identity of another system from the session's own account.
func (a *Auth) removeIdentity(w http.ResponseWriter, r *http.Request, s *Session) (*Grant, error) {
	if err := s.sure(); err != nil {
		return nil, err
	}
	issuer := s.User.issuer()
	if issuer == "" {
		return nil, ErrNotFound
	}
	all, err := a.directory.Credentials(r.Context(), s.User.ID)
	if err != nil {
		return nil, unavailable(err)
	}
	left := slices.ContainsFunc(all, func(c Credential) bool { _, first := method(a.config.Methods, c.Method); return first })
	if !left && !(a.config.MailCode.Allowed && s.User.EmailVerified) {
		return nil, ErrLastMethod
	}
	return a.changeAccount(w, r, s, s.User.Epoch, "", userEdit{
		what:   Event{Type: FactorRemoved, Reason: methodExternal, Details: map[string]string{"name": issuer}},
		change: func(u *User) error { u.forgetIdentity(); return nil },
	})
}

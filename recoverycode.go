package cloakroom

import (
	"context"
	"net/http"
	"slices"
)

// firstCodes makes recovery codes for a user who has no second factor yet, where there is a method for them.
func (a *Auth) firstCodes(ctx context.Context, user *User) ([]Credential, []string, error) {
	if user.MFA {
		return nil, nil, nil
	}
	for _, m := range a.config.SecondFactors {
		if g, ok := m.(Generator); ok {
			c, codes, err := a.generate(ctx, g, user)
			return []Credential{c}, codes, err
		}
	}
	return nil, nil, nil
}

func (a *Auth) generate(ctx context.Context, g Generator, user *User) (Credential, []string, error) {
	codes, data, err := g.Generate(ctx, *user)
	if err != nil {
		return Credential{}, nil, unavailable(err)
	}
	now := a.now()
	c := Credential{UserID: user.ID, Method: g.Name(), Data: data, CreatedAt: now, UpdatedAt: now}
	return a.closed(g, c), codes, nil
}

// NewRecoveryCodes makes recovery codes in place of those there are, for a session that is Sensitive. They are told here and never again.
// Of several calls at once one makes them: whoever is told codes holds those that are good. Errors: FieldErrors while the user has no
// second factor that they could stand in for, ErrFactorExists when others were made or one was used meanwhile, ErrImpersonated,
// *UnavailableError.
func (a *Auth) NewRecoveryCodes(r *http.Request, s *Session, methodName string) ([]string, error) {
	m, _ := method(a.config.SecondFactors, methodName)
	g, generates := m.(Generator)
	if err := s.sure(); err != nil {
		return nil, err
	}
	switch {
	case !generates:
		return nil, FieldErrors{{"method", "unknown_value", "has no recovery codes"}}
	case !s.User.MFA:
		return nil, FieldErrors{{"method", "not_allowed", "stands in for a second factor, and there is none"}}
	}
	unchanged, err := a.unchanged(r.Context(), s.User.ID, g.Name())
	if err != nil {
		return nil, err
	}
	c, codes, err := a.generate(r.Context(), g, s.User)
	if err != nil {
		return nil, err
	}
	what := a.requested(r, Event{Type: RecoveryCodesChanged, SessionID: s.ID})
	_, _, err = a.Users().edit(r.Context(), s.User.ID, userEdit{
		what: what, creds: []Credential{c}, check: unchanged, change: atEpoch(s.User.Epoch),
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// unchanged returns a check that refuses to replace a credential of which there can be one by something else than it is now. One
// that is gone by then went with the epoch, see atEpoch.
func (a *Auth) unchanged(ctx context.Context, userID, methodName string) (func(all []Credential) error, error) {
	revision := func(all []Credential) int64 {
		i := slices.IndexFunc(all, func(c Credential) bool { return c.Method == methodName })
		if i < 0 {
			return 0
		}
		return all[i].Revision
	}
	all, err := a.directory.Credentials(ctx, userID)
	if err != nil {
		return nil, unavailable(err)
	}
	before := revision(all)
	return func(all []Credential) error {
		if now := revision(all); now != 0 && now != before {
			return ErrFactorExists
		}
		return nil
	}, nil
}

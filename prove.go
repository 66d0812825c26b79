package cloakroom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/cloakroom-auth/cloakroom/internal/seal"
)

// proven is a guess that was right: whose it was, what it proved, and the try that it was counted as.
type proven struct {
	user  *User
	proof Proof
	try   *try
}

// prove runs one guess through one method: counted first, evaluated then, told last. claim has what was presented. A wrong guess comes with
// its try.
func (a *Auth) prove(r *http.Request, m Method, claim Claim, account string, find func(context.Context) (User, error)) (proven, error) {
	ctx := r.Context()
	t, err := a.tryProof(r, account, guessable(m))
	if err != nil {
		return proven{}, err
	}
	claim, err = a.claim(ctx, m, claim, find)
	if err == nil {
		err = a.tryFactor(r, t, m, &claim)
	}
	if err != nil {
		t.giveBack(ctx)
		return proven{}, err
	}
	proof, err := m.Prove(ctx, claim)
	if err == nil && claim.User != nil && proof.Once {
		err = a.spendOnce(ctx, m, claim.Credentials, proof)
	}
	switch {
	case errors.Is(err, ErrInvalidCredentials),
		err == nil && claim.User == nil: // a method that proves nobody is broken; fail closed
		a.tellFailed(r, m, claim, err)
		a.lockFactor(r, t, &claim)
		return proven{try: t}, ErrInvalidCredentials
	case err != nil:
		t.giveBack(ctx)
		if fields, ok := errors.AsType[FieldErrors](err); ok {
			return proven{}, fields
		}
		return proven{}, unavailable(err)
	case claim.User.Banned():
		t.giveBack(ctx)
		a.tellFailed(r, m, claim, ErrBanned)
		return proven{}, ErrBanned
	}
	if proof.Credential != nil && !proof.Once {
		a.improve(ctx, m, *proof.Credential)
	}
	if g, ok := m.(Generator); ok && proof.Once {
		a.tellCodeUsed(r, g, claim.User, proof)
	}
	if proof.Suspicion != "" {
		a.keepAside(r, Event{Type: CredentialSuspect, UserID: claim.User.ID, Reason: proof.Suspicion})
	}
	return proven{claim.User, proof, t}, nil
}

// claim adds what is on file. An account that is not there is no error: the method does its work all the same.
func (a *Auth) claim(ctx context.Context, m Method, claim Claim, find func(context.Context) (User, error)) (Claim, error) {
	user, err := find(ctx)
	if errors.Is(err, ErrNotFound) || err == nil && (user.Realm != a.config.Realm || user.Leaving()) {
		return claim, nil
	}
	if err != nil {
		return claim, unavailable(err)
	}
	all, err := a.directory.Credentials(ctx, user.ID)
	if err != nil {
		return claim, unavailable(err)
	}
	claim.User, claim.Credentials = &user, a.opened(ctx, m, all)
	return claim, nil
}

// opened are the credentials of a method, readable. One that does not open counts as one that is not there.
func (a *Auth) opened(ctx context.Context, m Method, all []Credential) []Credential {
	list := slices.DeleteFunc(slices.Clone(all), func(c Credential) bool { return c.Method != m.Name() })
	if seals(m) {
		list = list[:a.openAll(ctx, list)]
	}
	return list
}

// openAll opens the data of credentials in place, those that open first, and returns how many that are.
func (a *Auth) openAll(ctx context.Context, list []Credential) (n int) {
	for _, c := range list {
		plain, _, err := a.keys.Load().seal.Open(credentialPlace(c), c.Data)
		if err != nil {
			a.emit(ctx, Event{Type: CredentialCorrupt, UserID: c.UserID, Reason: c.Method, Err: err})
			continue
		}
		c.Data = plain
		list[n] = c
		n++
	}
	return n
}

// closed is a credential as a store may have it.
func (a *Auth) closed(m Method, c Credential) Credential {
	if seals(m) {
		c.Data = a.keys.Load().seal.Seal(credentialPlace(c), c.Data)
	}
	return c
}

func seals(m Method) bool {
	s, ok := m.(Sealer)
	return ok && s.Seals()
}

func credentialPlace(c Credential) seal.Place {
	return seal.Place{Table: "credentials", Column: "data", Row: c.UserID + "/" + c.Method + "/" + c.ID}
}

// spendOnce stores what a proof has used up. Whoever was faster with the same has used it.
func (a *Auth) spendOnce(ctx context.Context, m Method, read []Credential, p Proof) error {
	if p.Credential == nil {
		return errors.New("a proof that counts once names no credential")
	}
	for next := *p.Credential; ; {
		c := a.closed(m, next)
		c.UpdatedAt = a.now()
		err := a.directory.SwapCredential(ctx, c)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return unavailable(err)
		}
		revision, err := a.sealedAnew(ctx, m, read, next)
		if err != nil {
			return err
		}
		next.Revision = revision
	}
}

// sealedAnew is the revision of a credential that has changed since it was read, if only its seal has: a secret was replaced at
// this moment. ErrInvalidCredentials: more than that has, or it is gone.
func (a *Auth) sealedAnew(ctx context.Context, m Method, read []Credential, c Credential) (int64, error) {
	all, err := a.directory.Credentials(ctx, c.UserID)
	if err != nil {
		return 0, unavailable(err)
	}
	was := slices.IndexFunc(read, func(r Credential) bool { return r.ID == c.ID })
	for _, now := range a.opened(ctx, m, all) {
		if now.ID == c.ID && now.Revision > c.Revision && was >= 0 && bytes.Equal(now.Data, read[was].Data) {
			return now.Revision, nil
		}
	}
	return 0, ErrInvalidCredentials
}

// improve stores a credential that the method made better. Nothing depends on it: the next sign-in tries again.
func (a *Auth) improve(ctx context.Context, m Method, c Credential) {
	c = a.closed(m, c)
	c.UpdatedAt = a.now()
	if err := a.directory.SwapCredential(ctx, c); err != nil && !errors.Is(err, ErrConflict) {
		a.emit(ctx, Event{Type: RequestFailed, UserID: c.UserID, Reason: "rehash", Err: err})
	}
}

// tellCodeUsed tells that one of the codes that stand in for a factor is used up.
func (a *Auth) tellCodeUsed(r *http.Request, m Generator, user *User, p Proof) {
	e := Event{Type: RecoveryCodeUsed, UserID: user.ID}
	if d, ok := m.(Describer); ok {
		e.Details = details(d.Describe(*p.Credential))
	}
	a.keepAsideOf(r, user, e)
}

// details are the members of a JSON object, as text.
func details(v any) map[string]string {
	text, err := json.Marshal(v)
	members := map[string]any{}
	if err != nil || json.Unmarshal(text, &members) != nil {
		return nil
	}
	list := map[string]string{}
	for name, value := range members {
		list[name] = fmt.Sprint(value)
	}
	return list
}

func (a *Auth) tellFailed(r *http.Request, m Method, c Claim, err error) {
	e := Event{Type: SignInFailed, Reason: "wrong_secret"}
	if c.User != nil {
		e.UserID = c.User.ID
	}
	switch {
	case errors.Is(err, ErrBanned):
		e.Reason = "banned"
	case c.User == nil:
		e.Reason = "unknown_account"
	case len(c.Credentials) == 0:
		e.Reason = "no_credential"
	case c.Second:
		e.Reason = "wrong_" + m.Name()
	}
	a.keepAside(r, e)
	if err != ErrInvalidCredentials && errors.Is(err, ErrInvalidCredentials) { // it carries a cause
		a.emitRequest(r, Event{Type: CredentialCorrupt, UserID: e.UserID, Err: err})
	}
}

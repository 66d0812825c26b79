package api

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

func (a *API) factors(w http.ResponseWriter, r *http.Request, who caller) error {
	return a.answerFactors(w, r, who.session.User.ID)
}

// answerFactors answers with what a user's account can be opened by.
func (a *API) answerFactors(w http.ResponseWriter, r *http.Request, userID string) error {
	all, err := a.Auth.Factors(r.Context(), userID)
	if err != nil {
		return err
	}
	page := factorsJSON{Items: make([]factorJSON, len(all))}
	for i, f := range all {
		page.Items[i] = factorOf(f)
	}
	return send(w, http.StatusOK, page)
}

func (a *API) offerFactor(w http.ResponseWriter, r *http.Request, who caller, in methodJSON) error {
	o, err := a.Auth.OfferFactor(r, who.session, in.Method)
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, factorOfferJSON{offerJSON{o.Token.Reveal(), o.ExpiresAt.UTC()}, o.Show})
}

func (a *API) bindFactor(w http.ResponseWriter, r *http.Request, who caller, in factorProofJSON) error {
	answer, err := secretOf(in.Code, in.Response)
	if err != nil {
		return err
	}
	if err := who.session.SetTerms(in.terms()); err != nil {
		return err
	}
	g, codes, err := a.Auth.BindFactor(w, r, who.session, cloakroom.FactorAnswer{Offer: in.Offer, Answer: answer, Name: in.Name})
	if err != nil {
		return err
	}
	return send(w, http.StatusCreated, factorAddedJSON{
		"factor_added", codes, userOf(g.Session.User), sessionOf(g.Session), tokensOf(g.Tokens),
	})
}

func (a *API) recoveryCodes(w http.ResponseWriter, r *http.Request, who caller, in generatorJSON) error {
	codes, err := a.Auth.NewRecoveryCodes(r, who.session, cmp.Or(in.Method, "recovery_code"))
	if err != nil {
		return err
	}
	return send(w, http.StatusOK, recoveryCodesJSON{codes})
}

func (a *API) renameFactor(w http.ResponseWriter, r *http.Request, who caller, in factorNameJSON) error {
	id, s := r.PathValue("id"), who.session
	if err := a.Auth.RenameFactor(r, s, id, in.Name); err != nil {
		return err
	}
	all, err := a.Auth.Factors(r.Context(), s.User.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(f cloakroom.Factor) bool { return f.ID == id })
	if i < 0 { // removed just now
		return cloakroom.ErrNotFound
	}
	return send(w, http.StatusOK, factorOf(all[i]))
}

func (a *API) removeFactor(w http.ResponseWriter, r *http.Request, who caller) error {
	g, err := a.Auth.RemoveFactor(w, r, who.session, r.PathValue("id"))
	return answerSignIn(w, g, err)
}

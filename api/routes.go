package api

import (
	"slices"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/problem"
)

// routes is the table: everything the API can do, and under which conditions. A route that changes something states who
// may call it, how cross-site requests are told, and what bounds it; a test refuses one that does not.
func routes() []route {
	return slices.Concat(signInRoutes(), sessionRoutes(), mailRoutes(), passwordRoutes(), userRoutes(), factorRoutes(), serviceRoutes(), adminRoutes())
}

// refusals are how an attempt to sign in can fail that was right as far as it went.
var refusals = fails{problem.InvalidCredentials, problem.InvalidChallenge, problem.UserBanned, problem.EmailNotVerified, problem.ResetRequired, problem.Forbidden}

// dead are links that are no good any more.
var dead = fails{problem.InvalidLink, problem.ExpiredLink}

func signInRoutes() []route {
	return []route{
		{"POST", "/signup", open, always, bySignup, "Make an account and sign in, or be mailed what to do", takes((*API).signup), nil,
			gives{{201, resultJSON{}}, {202, verificationSentJSON{}}}, fails{problem.EmailTaken, problem.SignupClosed, problem.Forbidden}},
		{"POST", "/login", open, always, byLogin, "Sign in", takes((*API).login), nil,
			gives{{200, resultJSON{}}, {200, challengeJSON{}}, {204, nil}}, refusals},
		{"POST", "/login/options", open, always, byBegin, "What a device is to sign, as a step of a sign-in or to begin one", takes((*API).loginOptions), nil,
			gives{{200, optionsJSON{}}}, fails{problem.InvalidChallenge}},
		{"POST", "/login/verify", open, always, byLogin, "Give the proof that a challenge asks for", takes((*API).loginVerify), nil,
			gives{{200, resultJSON{}}, {200, challengeJSON{}}}, fails{problem.Unauthenticated, problem.InvalidToken, problem.FactorLocked}.or(refusals)},
		{"POST", "/mailcode", open, always, byBegin, "Be mailed a code and a link to sign in by", takes((*API).mailCode), nil,
			gives{{202, codeSentJSON{}}}, fails{problem.Unauthenticated, problem.InvalidToken, problem.InvalidChallenge, problem.UserBanned, problem.NotFound}},
		{"POST", "/mailcode/verify", open, always, byLogin, "Sign in by that code or link, here or from another browser", fromLink((*API).mailCodeVerify), nil,
			gives{{200, resultJSON{}}, {200, challengeJSON{}}, {200, numbersJSON{}}, {200, doneJSON{}}, {202, doneJSON{}}},
			fails{problem.WrongAnswer, problem.Unauthenticated, problem.InvalidToken, problem.NotFound}.or(refusals).or(dead)},
		{"POST", "/step-up", enrolling, byCookie, unlimited, "Begin to prove this session anew (RFC 9470)", mayTake((*API).stepUp), nil,
			gives{{200, challengeJSON{}}}, fails{problem.Impersonated}},
		{"DELETE", "/impersonation", enrolling, byCookie, unlimited, "Stop acting as somebody else", bare((*API).stopImpersonating), nil,
			gives{{200, resultJSON{}}, {204, nil}}, nil},
		{"POST", "/setup", open, always, unlimited, "Make the first administrator", takes((*API).setup), nil,
			gives{{201, resultJSON{}}}, fails{problem.EmailTaken, problem.Forbidden}.or(dead)},
		{"POST", "/anonymous", optional, always, byGuest, "Begin a guest session, or keep the session there is", mayTake((*API).anonymous), nil,
			gives{{201, resultJSON{}}, {200, resultJSON{}}}, fails{problem.InvalidToken}},
		{"POST", "/logout", open, byCookie, unlimited, "End this session, the others, or all", mayTake((*API).logout), nil,
			gives{{204, nil}}, nil},
		{"POST", "/refresh", holder, byCookie, unlimited, "Exchange a refresh token for the next pair", mayTake((*API).refresh), nil,
			gives{{200, refreshedJSON{}}}, fails{problem.RefreshTokenMissing, problem.InvalidRefreshToken, problem.RefreshTokenReused, problem.RefreshTokenMismatch, problem.UserBanned}},
		{"POST", "/token", live, byCookie, unlimited, "A short signed token for a service, from any live credential", mayTake((*API).token), nil,
			gives{{200, tokensJSON{}}}, fails{problem.StepUpRequired}},
	}
}

func sessionRoutes() []route {
	return []route{
		{"GET", "/session", optional, safe, unlimited, "Who is there, if anybody", bare((*API).session), nil,
			gives{{200, stateJSON{}}}, nil},
		{"GET", "/me", enrolling, safe, unlimited, "The signed-in user", bare((*API).me), nil,
			gives{{200, meJSON{}}}, nil},
		{"GET", "/sessions", enrolling, safe, unlimited, "The user's sessions, newest first", bare((*API).sessions), pageQuery{},
			gives{{200, pageJSON{}}}, nil},
		{"DELETE", "/sessions", enrolling, byCookie, unlimited, "End all sessions but this one", bare((*API).revokeOthers), nil,
			gives{{204, nil}}, fails{problem.Impersonated}},
		{"DELETE", "/sessions/{id}", enrolling, byCookie, unlimited, "End one session", bare((*API).revoke), nil,
			gives{{204, nil}}, fails{problem.Impersonated, problem.NotFound}},
	}
}

func mailRoutes() []route {
	return []route{
		{"POST", "/email/verification", optional, byCookie, byBegin, "Be mailed how to verify an e-mail", mayTake((*API).emailVerification), nil,
			gives{{202, doneJSON{}}}, fails{problem.NotFound}},
		{"POST", "/email/verify", open, always, byLogin, "Verify the e-mail of an account, and sign in", fromLink((*API).emailVerify), nil,
			gives{{200, resultJSON{}}, {200, challengeJSON{}}}, fails{problem.PasswordSet}.or(refusals).or(dead)},
		{"POST", "/email/change", sensitive, byCookie, byBegin, "Ask for another e-mail", takes((*API).emailChange), nil,
			gives{{202, doneJSON{}}}, fails{problem.NotFound}},
		{"POST", "/email/confirm", open, whoever, byLogin, "Confirm the new e-mail of an account", fromLink((*API).emailConfirm), nil,
			gives{{200, emailChangedJSON{}}}, fails{problem.InvalidCredentials, problem.EmailTaken, problem.Forbidden}.or(dead)},
		{"POST", "/disown", public, whoever, unlimited, "Say of a notice: this was not me", fromLink((*API).disown), nil,
			gives{{200, doneJSON{}}}, dead},
	}
}

func passwordRoutes() []route {
	return []route{
		{"POST", "/password/forgot", public, byMedia, byBegin, "Be mailed how to choose a new password", takes((*API).passwordForgot), nil,
			gives{{202, doneJSON{}}}, fails{problem.NotFound}},
		{"POST", "/password/reset", public, whoever, unlimited, "Choose a new password by that mail", fromLink((*API).passwordReset), nil,
			gives{{200, doneJSON{}}}, fails{problem.Forbidden}.or(dead)},
		{"POST", "/password/change", user, byCookie, byLogin, "Change one's password", takes((*API).passwordChange), nil,
			gives{{200, resultJSON{}}}, fails{problem.WrongAnswer, problem.Impersonated}},
		{"POST", "/password/set", sensitive, byCookie, unlimited, "Give an account its first password", takes((*API).passwordSet), nil,
			gives{{200, resultJSON{}}}, fails{problem.PasswordSet}},
	}
}

func userRoutes() []route {
	return []route{
		{"GET", "/user", enrolling, safe, unlimited, "One's own account", bare((*API).user), nil,
			gives{{200, accountJSON{}}}, nil},
		{"PATCH", "/user", user, byCookie, unlimited, "Change what one says about oneself (RFC 7396)", takesPatch((*API).userPatch), nil,
			gives{{200, accountJSON{}}}, nil},
		{"DELETE", "/user", sure, byCookie, unlimited, "Delete one's account, at once or after a time to change one's mind", bare((*API).deleteUser), nil,
			gives{{202, leavingJSON{}}, {200, doneJSON{}}}, fails{problem.LastAdmin}},
		{"POST", "/user/keep", public, whoever, unlimited, "Keep the account after all", fromLink((*API).keepUser), nil,
			gives{{200, doneJSON{}}}, dead},
		{"GET", "/user/export", sensitive, safe, unlimited, "All that is kept of oneself", bare((*API).exportUser), nil,
			gives{{200, cloakroom.Export{}}}, nil},
		{"GET", "/activity", enrolling, safe, unlimited, "What happened to the account, newest first", bare((*API).activity), pageQuery{},
			gives{{200, activityJSON{}}}, nil},
	}
}

func factorRoutes() []route {
	return []route{
		{"GET", "/factors", enrolling, safe, unlimited, "What the account can be opened by", bare((*API).factors), nil,
			gives{{200, factorsJSON{}}}, nil},
		{"POST", "/factors", sure, byCookie, unlimited, "Begin to add a factor", takes((*API).offerFactor), nil,
			gives{{200, factorOfferJSON{}}}, fails{problem.FactorExists}},
		{"POST", "/factors/bind", sure, byCookie, unlimited, "Add the factor that was begun", takes((*API).bindFactor), nil,
			gives{{201, factorAddedJSON{}}}, fails{problem.WrongAnswer, problem.InvalidChallenge, problem.FactorExists}},
		{"POST", "/factors/recovery-codes", sure, byCookie, unlimited, "New recovery codes in place of those there are", mayTake((*API).recoveryCodes), nil,
			gives{{200, recoveryCodesJSON{}}}, fails{problem.FactorExists}},
		{"PATCH", "/factors/{id}", enrolling, byCookie, unlimited, "Name a factor", takes((*API).renameFactor), nil,
			gives{{200, factorJSON{}}}, fails{problem.NotFound, problem.Impersonated}},
		{"DELETE", "/factors/{id}", sure, byCookie, unlimited, "Remove a factor", bare((*API).removeFactor), nil,
			gives{{200, resultJSON{}}}, fails{problem.NotFound, problem.LastMethod}},
	}
}

// serviceRoutes are for programs, and for everybody.
func serviceRoutes() []route {
	return []route{
		{"POST", "/introspect", client, byClient, unlimited, "What a token is worth now (RFC 7662)", takesForm((*API).introspect), nil,
			gives{{200, cloakroom.Introspection{}}}, nil},
		{"GET", "/revocations", client, safe, unlimited, "What was revoked, as soon as there is something to tell", bare((*API).revocations), feedQuery{},
			gives{{200, jwtText("")}}, nil},
		{"GET", wellKnown + "jwks.json", public, safe, unlimited, "The public keys of signed tokens (RFC 7517)", bare((*API).jwks), nil,
			gives{{200, jwksJSON{}}, {304, nil}}, fails{problem.NotFound, problem.Internal, problem.Unavailable}},
		{"GET", wellKnown + "passkey-endpoints", public, safe, unlimited, "Where passkeys are added and looked after", bare((*API).passkeyEndpoints), nil,
			gives{{200, passkeyEndpointsJSON{}}}, fails{problem.NotFound}},
		{"GET", wellKnown + "webauthn", public, safe, unlimited, "Other origins that may use our passkeys (WebAuthn §5.11)", bare((*API).relatedOrigins), nil,
			gives{{200, relatedOriginsJSON{}}}, fails{problem.NotFound}},
		{"GET", "/openapi.json", public, safe, unlimited, "This document", bare((*API).openapi), nil,
			gives{{200, map[string]any{}}}, nil},
	}
}

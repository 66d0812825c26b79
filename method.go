package cloakroom

import "context"

// A Method is one way to prove who somebody is. It knows nothing of sessions, cookies or stores: the engine looks up
// the account, hands over what is on file and what was presented, and does what the Proof says.
//
// A Method may be more: an Enroller, a Binder or a Generator makes credentials; an Asker has the first word; a Finder of
// users is a Discoverer; a Sealer has data that must not be read; a Describer tells of its credentials.
type Method interface {
	// Name is short, lower case and stable: it is stored with credentials and shown in Session.Methods.
	Name() string

	// Prove decides whether the claim is right. A wrong or missing credential is ErrInvalidCredentials, after as
	// much work as a right one takes; so is a credential that cannot be read (wrap the cause with %w beside it: it
	// reaches the log, not the client). No room to decide now is an *UnavailableError.
	Prove(ctx context.Context, c Claim) (Proof, error)
}

// An Enroller is a Method whose credential can be made from a secret the user chose.
type Enroller interface {
	Method

	// Enroll checks the secret against the method's rules, FieldErrors if it breaks one, and returns the data of
	// the credential to store. It does not change anything by itself.
	Enroll(ctx context.Context, e Enrolment) ([]byte, error)
}

// An Adopter is an Enroller that can take over what another system has kept of a secret.
type Adopter interface {
	Enroller

	// Adopt returns the data of a credential for a hash of another system, or FieldErrors if it is of no known kind.
	Adopt(ctx context.Context, hash string) ([]byte, error)
}

// A Binder is a Method whose credential is made together with the user's device, in two steps: the method offers, the
// device answers.
type Binder interface {
	Method

	// Offer begins. ErrFactorExists: the user has all that there can be.
	Offer(ctx context.Context, b Binding) (Offer, error)

	// Bind checks the answer and returns the credential: its ID, Data and perhaps Name; the engine sets the rest. A wrong
	// answer is ErrInvalidCredentials.
	Bind(ctx context.Context, b Binding) (Credential, error)
}

// A Generator is a Method whose secrets the method itself makes, several at once, each good once: recovery codes.
type Generator interface {
	Method

	// Generate returns new secrets, to be shown once, and the data of the one credential that takes the place of all before.
	Generate(ctx context.Context, user User) (secrets []string, data []byte, err error)
}

// An Asker is a Method whose proof answers a question, such as a challenge that a passkey signs.
type Asker interface {
	Method

	// Ask makes the question. c.Secret is empty; c.User is nil when anybody may answer, see Discoverer.
	Ask(ctx context.Context, c Claim) (Offer, error)
}

// A Discoverer is an Asker whose answer itself says whose it is, so that a sign-in can begin with it.
type Discoverer interface {
	Asker

	// Whose reads the id of a user out of an answer that is not proven yet; empty when it does not say.
	Whose(secret string) (userID string)
}

// A Sealer is a Method whose Credential.Data is a secret. The engine seals it under the secrets (AES-256-GCM, bound to its
// row) before a store sees it, and opens it before the method does.
type Sealer interface {
	Method
	Seals() bool
}

// A Describer is a Method that tells about a credential what its owner wants to know, as a value for JSON. It tells no secret.
type Describer interface {
	Method
	Describe(c Credential) any
}

// An Unguessable is a Method whose secrets cannot be guessed, so that wrong ones need not be counted against the user.
type Unguessable interface {
	Method
	Unguessable() bool
}

// Claim is what somebody says and what is on file about it.
type Claim struct {
	// User is nil when nobody has the identifier: the method does the same work and then refuses.
	User *User
	// Credentials of this user and this method; none when the user has none.
	Credentials []Credential
	// Secret is what was presented, exactly as it came.
	Secret string
	// Kept is Offer.Keep of the question that is answered; nil when none was asked.
	Kept []byte
	// Second reports whether this is a further factor, after a first one was proven.
	Second bool
}

// Enrolment is a secret that shall become a credential of the user, who may not exist yet (no ID).
type Enrolment struct {
	User   User
	Secret string
	// Credentials of this user and this method that are in force; none for a new user.
	Credentials []Credential
}

// Binding is a credential in the making.
type Binding struct {
	User        User
	Credentials []Credential // of this user and this method, in force
	Kept        []byte       // Offer.Keep, in Bind
	Answer      string       // of the device, in Bind, exactly as it came
}

// Offer is what a method says before the user's device answers.
type Offer struct {
	Show any    // goes to the client, as JSON
	Keep []byte // comes back in Claim.Kept or Binding.Kept, at most 4 KiB; no client sees it, and it is sealed in the store
}

// Proof is what a successful method says.
type Proof struct {
	// Credential, when not nil, is stored in place of the one that was proven: the method had better parameters, or
	// counted something. Its Revision is the one that was read.
	Credential *Credential
	// Once says that the proof counts only if Credential could be stored: of racing proofs that read the same one wins, the
	// others are wrong. Otherwise losing the race is no error.
	Once bool
	// Factors is how many independent factors this proof stands for; 0 means 1. A passkey with user verification
	// is 2.
	Factors int
	// Suspicion, when not empty, is told as the event CredentialSuspect with this Reason: a passkey whose counter went back.
	Suspicion string
}

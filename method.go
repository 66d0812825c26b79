package cloakroom

import "context"

// A Method is one way to prove who somebody is. It knows nothing of sessions, cookies or stores: the engine looks up
// the account, hands over what is on file and what was presented, and does what the Proof says.
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

// Claim is what somebody says and what is on file about it.
type Claim struct {
	// User is nil when nobody has the identifier: the method does the same work and then refuses.
	User *User
	// Credentials of this user and this method; none when the user has none.
	Credentials []Credential
	// Secret is what was presented, exactly as it came.
	Secret string
}

// Enrolment is a secret that shall become a credential of the user, who may not exist yet (no ID).
type Enrolment struct {
	User   User
	Secret string
}

// Proof is what a successful method says.
type Proof struct {
	// Credential, when not nil, is stored in place of the one that was proven: the method had better parameters, or
	// counted something. Its Revision is the one that was read; losing the race is no error.
	Credential *Credential
	// Factors is how many independent factors this proof stands for; 0 means 1. A passkey with user verification
	// is 2.
	Factors int
}

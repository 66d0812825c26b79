package letter

import "time"

// Letters, by the names of their templates.
const (
	VerifyEmail    = "verify_email"     // confirm the address of a new account: Link, Life
	VerifyNewEmail = "verify_new_email" // confirm the address that an account shall have: To, Link, Life
	ResetPassword  = "reset_password"   // choose a new password: Link, Life
	Mailcode       = "mailcode"         // sign in: Code, Link, Life, IP, Device
	SignupKnown    = "signup_known"     // the account that you want to open is there already: Link, to sign in
	Deletion       = "deletion"         // your account will be deleted: Until, and Link to keep it
	Notice         = "notice"           // this has happened: Happenings, Life, and Link: this was not me
)

// Data is what a letter tells. Fields that a letter does not name may be empty.
type Data struct {
	Site string // what the service is called
	Base string // its address
	Name string // of the recipient, may be empty; it is whatever the user typed
	To   string // the address that the letter goes to

	Link    string        // complete; every letter needs one
	Code    string        // eight digits
	Life    time.Duration // how long Link and Code are good, told in whole days, hours or minutes, at least a minute
	Address string        // the other address, when an e-mail changes
	Until   time.Time     // when the account will be deleted

	IP, Device string // of whoever asked
	Happenings []Happening
}

// Happening is one thing that a notice tells.
type Happening struct {
	Type       string // an entry of words.txt, such as password_changed; of any other it is told that something has changed
	At         time.Time
	IP, Device string
	Detail     string // a name of what was changed; it is whatever the user typed
}

// Letter is a letter that is written.
type Letter struct {
	Subject string // one line
	Text    string // lines end with \n
	HTML    string
	Locale  string // the language of its words (BCP 47)
}

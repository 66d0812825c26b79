// Package mail sends the mails of an Auth through an SMTP server (RFC 5321, RFC 6409).
//
//	auth, err := cloakroom.New(cloakroom.Config{
//		Store:  store,
//		Mailer: mail.SMTP{
//			Addr: "smtp.example.com:587", From: "Example <no-reply@example.com>",
//			Username: "example", Password: password,
//		},
//	})
//
// # What it refuses
//
// Nothing is sent in plain text but over loopback: elsewhere the server must speak TLS from the first byte (port 465) or agree
// to STARTTLS, with a certificate that holds. There is no switch to go without. A recipient is one address and reaches RCPT TO
// byte for byte; whatever could be read as two, as a display name, or as a header is refused before anything is sent.
//
// # What is not here
//
// Trying again, and mails that survive a crash, are the Auth's: each call of Send is one try, over a connection of its own.
// Bounces go to From. DKIM signatures are for the server to make.
package mail

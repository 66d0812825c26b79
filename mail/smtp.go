package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/cloakroom-auth/cloakroom"
)

// SMTP is a server that takes mail from us. It is safe for concurrent use.
type SMTP struct {
	// Addr is host:port. The port is 587, or 465 for TLS from the first byte, as a rule.
	Addr string
	// From is the sender of all mail: an address, or a name and an address, such as "Example <no-reply@example.com>".
	From string

	Username string // empty: the server wants none
	Password Password

	TLS   TLS
	Roots *x509.CertPool // who may have signed the server's certificate; nil: whom the system trusts
	Hello string         // how we introduce ourselves (EHLO); empty: by the name of this machine
}

var _ cloakroom.Mailer = SMTP{}

// TLS is how a connection becomes private. There is always a way, but on loopback.
type TLS int

const (
	Auto     TLS = iota // Implicit on port 465, plain text on loopback, StartTLS otherwise
	StartTLS            // the server must agree to STARTTLS (RFC 3207)
	Implicit            // from the first byte on (RFC 8314)
)

// plain is what Auto may mean on loopback. Nobody can ask for it.
const plain TLS = -1

// patience is how long one mail may take at most, where the context gives it longer or for ever: as long as an Auth gives it, over all
// commands together. RFC 5321 §4.5.3.2 has minutes for each, but whoever waits for a code does not.
const patience = 90 * time.Second

// Send gives one mail to the server, once. Errors: one that wraps [cloakroom.ErrRejected] if it is of no use to try again, because the
// mail cannot be sent as it is, or because the server refuses its recipient or its content for good (5xx, RFC 5321 §4.2.1); any
// other is worth another try. After an error the mail may have been delivered nevertheless, if the connection broke
// while the server answered; it then comes again with the same Message-ID.
func (s SMTP) Send(ctx context.Context, m cloakroom.Mail) error {
	if err := s.Check(); err != nil {
		return err
	}
	message, err := s.compose(m)
	if err != nil {
		return fmt.Errorf("%w: %w", cloakroom.ErrRejected, err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.deliver(ctx, message, m.To)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("smtp: %w: %w", cause, err)
	}
	return err
}

// deliver opens a connection, hands the message over, and says goodbye.
func (s SMTP) deliver(ctx context.Context, message *gomail.Msg, to string) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	international := !ascii(to)
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // go-mail looks at ctx while it dials only
	client, err := s.client(ctx, conn, international)
	if err != nil {
		return err
	}
	dialogue, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	if offered, _ := dialogue.Extension("SMTPUTF8"); international && !offered {
		return fmt.Errorf("%w: the address is not ASCII, and the server does not take such (RFC 6531)", cloakroom.ErrRejected)
	}
	err = client.SendWithSMTPClient(dialogue, message)
	if message.IsDelivered() {
		_ = client.CloseWithSMTPClient(dialogue) // a bad goodbye does not take back that the mail was accepted
		return nil
	}
	return judged(err, to)
}

// judged says what an error of the server means. It keeps the server's words, but not go-mail's error, which holds the
// whole message with its links and codes.
func judged(err error, to string) error {
	failure, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return fmt.Errorf("smtp: %w", err)
	}
	words, _, _ := strings.Cut(failure.Error(), ", affected ")
	words = strings.Join(strings.Fields(strings.ReplaceAll(words, to, "recipient")), " ")
	if final(failure) {
		return fmt.Errorf("smtp: %w: %.300s", cloakroom.ErrRejected, words)
	}
	return fmt.Errorf("smtp: %.300s", words)
}

// final holds for an answer that will be the same the next time (RFC 5321 §4.2.1), and is about this recipient or content.
func final(failure *gomail.SendError) bool {
	const signInFirst = 530 // RFC 4954 §6: our mistake, not the recipient's
	switch failure.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		return failure.ErrorCode() >= 500 && failure.ErrorCode() != signInFirst
	}
	return false
}

// dial opens the connection, with TLS where that comes first.
func (s SMTP) dial(ctx context.Context) (net.Conn, error) {
	dialer := &net.Dialer{}
	if s.mode() == Implicit {
		return (&tls.Dialer{NetDialer: dialer, Config: s.tls()}).DialContext(ctx, "tcp", s.Addr)
	}
	conn, err := dialer.DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, err
	}
	if peer, ok := conn.RemoteAddr().(*net.TCPAddr); s.mode() == plain && (!ok || !peer.IP.IsLoopback()) {
		_ = conn.Close()
		return nil, errors.New("smtp: localhost is not on this machine, and TLS was not asked for")
	}
	return conn, nil
}

// client is go-mail's, for one connection that is open.
func (s SMTP) client(ctx context.Context, conn net.Conn, international bool) (*gomail.Client, error) {
	deadline, _ := ctx.Deadline() // Send has set one
	options := []gomail.Option{
		gomail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }),
		gomail.WithTimeout(max(time.Until(deadline), time.Millisecond)),
		gomail.WithTLSConfig(s.tls()), gomail.WithTLSPolicy(gomail.TLSMandatory),
		gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	switch s.mode() {
	case Implicit:
		options = append(options, gomail.WithSSL())
	case plain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.Username != "" { // the connection is private by now, or none
		options = append(options, gomail.WithUsername(s.Username), gomail.WithPassword(string(s.Password)),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc))
	}
	if s.Hello != "" {
		options = append(options, gomail.WithHELO(s.Hello))
	}
	if !international { // who does not need it should not ask: the next server may not have it
		options = append(options, gomail.WithoutSMTPUTF8())
	}
	host, _ := s.host()
	return gomail.NewClient(host, options...)
}

func (s SMTP) tls() *tls.Config {
	host, _ := s.host()
	return &tls.Config{ServerName: host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
}

// mode is TLS with Auto decided.
func (s SMTP) mode() TLS {
	host, port := s.host()
	switch {
	case s.TLS != Auto:
		return s.TLS
	case port == "465":
		return Implicit
	case loopback(host):
		return plain
	}
	return StartTLS
}

func (s SMTP) host() (host, port string) {
	host, port, _ = net.SplitHostPort(s.Addr)
	return host, port
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

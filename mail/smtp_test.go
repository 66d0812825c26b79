package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/smtpsink"
	"github.com/cloakroom-auth/cloakroom/mail"
)

// letter is a mail with everything that is hard to carry.
var letter = cloakroom.Mail{
	ID: "eml_0123456789", To: "Ana.Lena+shop@Example.COM", Letter: "reset_password", Locale: "fr-CA",
	Subject: "Votre code : « 1234 » für Zoë, und noch ein langes Stück, das gefaltet werden muss, 李小龍 李小龍 李小龍",
	Text: "Bonjour Zoë,\n\n.\n..\n.dot\nFrom here\nlong " + strings.Repeat("0123456789", 200) + "\n" + strings.Repeat("ü", 1500) +
		"\ntrailing space \n-- \nhttps://example.com/?a=b&token=x=y=3D\n",
	HTML: "<!DOCTYPE html>\n<html lang=\"fr\">\n<p>" + strings.Repeat("long", 600) + "</p>\n.\n</html>\n",
}

func send(t *testing.T, s mail.SMTP, m cloakroom.Mail) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return s.Send(ctx, m)
}

// via is a configuration for a sink, as Auto would have it on loopback.
func via(sink *smtpsink.Running) mail.SMTP {
	return mail.SMTP{Addr: sink.Addr(), From: "Äpfel & Co <no-reply@shop.example>", Hello: "shop.example"}
}

// sealed is a sink with TLS, and a configuration that believes its certificate.
func sealed(t *testing.T, s smtpsink.Sink) (*smtpsink.Running, mail.SMTP) {
	t.Helper()
	config, roots := smtpsink.Certificate(t, "127.0.0.1")
	s.TLS = config
	sink := smtpsink.Start(t, s)
	server := via(sink)
	server.Roots, server.TLS = roots, mail.StartTLS
	if s.Implicit {
		server.TLS = mail.Implicit
	}
	return sink, server
}

func only(t *testing.T, sink *smtpsink.Running) smtpsink.Mail {
	t.Helper()
	mails := sink.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails arrived", len(mails))
	}
	return mails[0]
}

// What arrives is what was written: read back by the standard library.
func TestDelivered(t *testing.T) {
	sink := smtpsink.Start(t, smtpsink.Sink{})
	if err := send(t, via(sink), letter); err != nil {
		t.Fatal(err)
	}
	got := only(t, sink)
	if got.From != "no-reply@shop.example" || !slices.Equal(got.To, []string{"Ana.Lena+shop@Example.COM"}) {
		t.Errorf("from %q to %q", got.From, got.To)
	}
	for line := range bytes.Lines(got.Data) {
		if len(line) > 1000 || !bytes.HasSuffix(line, []byte("\r\n")) || bytes.ContainsFunc(line, func(r rune) bool { return r > 126 }) {
			t.Errorf("the line %q", line) // RFC 5322 §2.1.1
		}
	}
	message, err := netmail.ReadMessage(bytes.NewReader(got.Data))
	if err != nil {
		t.Fatal(err)
	}
	checkHeader(t, message.Header)
	text, html := parts(t, message)
	if text != strings.ReplaceAll(letter.Text, "\n", "\r\n") {
		t.Errorf("text %q", text)
	}
	if html != strings.ReplaceAll(letter.HTML, "\n", "\r\n") {
		t.Errorf("HTML %q", html)
	}
}

func checkHeader(t *testing.T, h netmail.Header) {
	t.Helper()
	if subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject")); err != nil || subject != letter.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	if from, err := h.AddressList("From"); err != nil || len(from) != 1 || *from[0] != (netmail.Address{Name: "Äpfel & Co", Address: "no-reply@shop.example"}) {
		t.Errorf("from %v, %v", from, err)
	}
	if to, err := h.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != letter.To {
		t.Errorf("to %v, %v", to, err)
	}
	if date, err := h.Date(); err != nil || time.Since(date) > time.Hour || time.Until(date) > time.Minute {
		t.Errorf("date %v, %v", date, err)
	}
	for name, want := range map[string]string{
		"Message-Id": "<eml_0123456789@shop.example>", "Auto-Submitted": "auto-generated", "Content-Language": "fr-CA", "Mime-Version": "1.0",
		"User-Agent": "", "X-Mailer": "", "Bcc": "", "Cc": "",
	} {
		if got := h.Get(name); got != want || len(h[name]) > 1 {
			t.Errorf("%s is %q, not %q", name, h[name], want)
		}
	}
}

// parts gives the two alternatives of a message, the plainer first (RFC 2046 §5.1.4).
func parts(t *testing.T, m *netmail.Message) (text, html string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	var all []string
	for _, want := range []string{"text/plain; charset=UTF-8", "text/html; charset=UTF-8"} {
		p, err := r.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Header.Get("Content-Type"); got != want || p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Errorf("a part is %v", p.Header)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(body))
	}
	if _, err := r.NextPart(); err != io.EOF {
		t.Errorf("a third part: %v", err)
	}
	return all[0], all[1]
}

func TestTextAlone(t *testing.T) {
	sink := smtpsink.Start(t, smtpsink.Sink{})
	if err := send(t, via(sink), cloakroom.Mail{To: "ana@example.com", Locale: "en\r\nBcc: x", Text: "hello\n"}); err != nil {
		t.Fatal(err)
	}
	message, err := netmail.ReadMessage(bytes.NewReader(only(t, sink).Data))
	if err != nil {
		t.Fatal(err)
	}
	if h := message.Header; h.Get("Content-Type") != "text/plain; charset=UTF-8" || h.Get("Content-Language") != "" || h.Get("Bcc") != "" || !strings.HasSuffix(h.Get("Message-Id"), "@shop.example>") {
		t.Errorf("%v", h)
	}
}

// A second try has the same Message-ID, whatever the id looks like.
func TestMessageID(t *testing.T) {
	sink := smtpsink.Start(t, smtpsink.Sink{})
	for _, id := range []string{"plain-1", "plain-1", "odd>\r\nBcc: eve@example.com", "odd>\r\nBcc: eve@example.com", "other>", strings.Repeat("x", 5000)} {
		m := letter
		m.ID = id
		if err := send(t, via(sink), m); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, m := range sink.Mails() {
		message, err := netmail.ReadMessage(bytes.NewReader(m.Data))
		if err != nil || message.Header.Get("Bcc") != "" {
			t.Fatal(err, message)
		}
		ids = append(ids, message.Header.Get("Message-Id"))
	}
	if ids[0] != ids[1] || ids[2] != ids[3] || ids[2] == ids[4] || ids[0] == ids[2] || len(ids[5]) > 100 {
		t.Errorf("%q", ids)
	}
}

func TestPrivate(t *testing.T) {
	users := map[string]string{"app@shop.example": "pass word"}
	for name, s := range map[string]smtpsink.Sink{
		"STARTTLS and PLAIN":     {Users: users, Auth: []string{"PLAIN"}},
		"STARTTLS and LOGIN":     {Users: users, Auth: []string{"LOGIN"}},
		"TLS from the first on":  {Users: users, Implicit: true},
		"nobody has to sign in":  {},
		"TLS, and no signing in": {Implicit: true},
	} {
		t.Run(name, func(t *testing.T) {
			sink, server := sealed(t, s)
			if s.Users != nil {
				server.Username, server.Password = "app@shop.example", "pass word"
			}
			if err := send(t, server, letter); err != nil {
				t.Fatal(err)
			}
			if got := only(t, sink); !got.TLS || got.User != server.Username {
				t.Errorf("TLS %v, user %q", got.TLS, got.User)
			}
		})
	}
	t.Run("on loopback plain text will do", func(t *testing.T) {
		sink := smtpsink.Start(t, smtpsink.Sink{Users: users})
		server := via(sink)
		server.Username, server.Password = "app@shop.example", "pass word"
		if err := send(t, server, letter); err != nil {
			t.Fatal(err)
		}
	})
}

// Whoever is in between hears no password, no address and no link.
func TestNothingInPlainText(t *testing.T) {
	believed, roots := smtpsink.Certificate(t, "127.0.0.1")
	elsewhere, _ := smtpsink.Certificate(t, "mail.example.com")
	unknown, _ := smtpsink.Certificate(t, "127.0.0.1")
	for name, c := range map[string]struct {
		sink smtpsink.Sink
		mode mail.TLS
	}{
		"STARTTLS is not offered":         {smtpsink.Sink{}, mail.StartTLS},
		"STARTTLS is refused":             {smtpsink.Sink{TLS: believed, Reply: to("STARTTLS", "454 4.7.0 not now")}, mail.StartTLS},
		"EHLO is refused, and HELO taken": {smtpsink.Sink{TLS: believed, Reply: to("EHLO", "502 5.5.1 what")}, mail.StartTLS},
		"the certificate is of another":   {smtpsink.Sink{TLS: elsewhere}, mail.StartTLS},
		"nobody we trust has signed":      {smtpsink.Sink{TLS: unknown}, mail.StartTLS},
		"the other, from the first byte":  {smtpsink.Sink{TLS: elsewhere, Implicit: true}, mail.Implicit},
		"unsigned, from the first byte":   {smtpsink.Sink{TLS: unknown, Implicit: true}, mail.Implicit},
		"plain text where TLS should be":  {smtpsink.Sink{}, mail.Implicit},
	} {
		t.Run(name, func(t *testing.T) {
			c.sink.Users = map[string]string{"app": "secret"}
			c.sink.SMTPUTF8 = true
			sink := smtpsink.Start(t, c.sink)
			server := via(sink)
			server.TLS, server.Roots, server.Username, server.Password = c.mode, roots, "app", "secret"
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := server.Send(ctx, letter); err == nil || errors.Is(err, cloakroom.ErrRejected) {
				t.Errorf("error %v", err)
			}
			sink.Close()
			for _, line := range sink.Lines() {
				verb, _, _ := strings.Cut(line, " ")
				if (verb == "AUTH" || verb == "MAIL" || verb == "RCPT" || verb == "DATA") && !c.sink.Implicit {
					t.Errorf("heard %q", line)
				}
			}
			if n := len(sink.Mails()); n > 0 {
				t.Errorf("%d mails", n)
			}
		})
	}
}

// to answers lines that begin with prefix.
func to(prefix, answer string) func(string) string {
	return func(line string) string {
		if strings.HasPrefix(line, prefix) && (prefix != "" || line == "") {
			return answer
		}
		return ""
	}
}

// 5xx for this mail is final, everything else is worth another try.
func TestJudgement(t *testing.T) {
	for _, c := range []struct {
		prefix, answer string
		rejected       bool
	}{
		{"RCPT", "550 5.1.1 <Ana.Lena+shop@Example.COM>: nobody here", true},
		{"RCPT", "553 5.1.3 not an address", true},
		{"DATA", "554 5.7.1 no", true},
		{".", "554 5.6.0 not such words", true},
		{".", "550-5.7.1 several\r\n550 5.7.1 lines", true},
		{"RCPT", "450 4.2.1 busy", false},
		{"RCPT", "452 4.2.2 full", false},
		{"RCPT", "530 5.7.0 sign in first", false},
		{"RCPT", smtpsink.HangUp, false},
		{"MAIL", "550 5.7.1 you may not", false},
		{"MAIL", "451 4.3.0 later", false},
		{"DATA", "451 4.3.0 later", false},
		{"DATA", smtpsink.HangUp, false},
		{".", "451 4.3.0 later", false},
		{".", smtpsink.HangUp, false},
		{"EHLO", smtpsink.HangUp, false},
		{"", "554 5.3.2 not today", false},
		{"", smtpsink.HangUp, false},
		{"RCPT", "nonsense", false},
	} {
		t.Run(fmt.Sprintf("%q to %q", c.answer, c.prefix), func(t *testing.T) {
			sink := smtpsink.Start(t, smtpsink.Sink{Reply: to(c.prefix, c.answer)})
			err := send(t, via(sink), letter)
			if err == nil || errors.Is(err, cloakroom.ErrRejected) != c.rejected {
				t.Errorf("error %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "Ana.Lena") || strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), "token=")) {
				t.Errorf("tells too much: %q", err)
			}
			if n := len(sink.Mails()); n > 0 {
				t.Errorf("%d mails", n)
			}
		})
	}
	t.Run("what was accepted is not sent again because of a bad goodbye", func(t *testing.T) {
		for _, answer := range []string{smtpsink.HangUp, "421 4.3.2 closing", "500 what"} {
			sink := smtpsink.Start(t, smtpsink.Sink{Reply: func(line string) string {
				if line == "QUIT" || line == "RSET" || line == "NOOP" {
					return answer
				}
				return ""
			}})
			if err := send(t, via(sink), letter); err != nil {
				t.Errorf("%q: %v", answer, err)
			}
			only(t, sink)
		}
	})
	t.Run("a wrong password is worth another try, when it was mended", func(t *testing.T) {
		sink, server := sealed(t, smtpsink.Sink{Users: map[string]string{"app": "right"}})
		server.Username, server.Password = "app", "wrong-password"
		err := send(t, server, letter)
		if err == nil || errors.Is(err, cloakroom.ErrRejected) || strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("error %v", err)
		}
		if len(sink.Mails()) > 0 {
			t.Error("sent")
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		sink := smtpsink.Start(t, smtpsink.Sink{})
		sink.Close()
		if err := send(t, via(sink), letter); err == nil || errors.Is(err, cloakroom.ErrRejected) {
			t.Errorf("error %v", err)
		}
	})
}

// Addresses and subjects that could be more than they seem are refused before a connection is made.
func TestInjection(t *testing.T) {
	sink := smtpsink.Start(t, smtpsink.Sink{SMTPUTF8: true})
	server := via(sink)
	refused := func(m cloakroom.Mail) {
		t.Helper()
		if err := send(t, server, m); !errors.Is(err, cloakroom.ErrRejected) {
			t.Errorf("to %q, subject %.50q: %v", m.To, m.Subject, err)
		}
	}
	for _, to := range []string{
		"", "ana", "@example.com", "ana@", "ana@example.com\r\nRCPT TO:<eve@example.com>", "ana@example.com\nBcc: eve@example.com", "ana@example.com\r",
		"ana@example.com,eve@example.com", "ana@example.com, eve@example.com", "ana@example.com;eve@example.com", "Ana <ana@example.com>", "<ana@example.com>",
		"ana@example.com> <eve@example.com", "ana@example.com> NOTIFY=NEVER", "\"ana eve\"@example.com", `"ana"@example.com`, "ana@example.com (Ana)", "(x)ana@example.com",
		"group:ana@example.com;", "ana @example.com", " ana@example.com", "ana@example.com ", "ana@exa mple.com", "ana\x00@example.com", "ana@example.com\x00",
		"ana\u200b@example.com", "ana\u202e@example.com", "ana@[127.0.0.1]", "@relay.example:ana@example.com", "a@b@example.com", strings.Repeat("a", 300) + "@example.com",
		"ana\u0085@example.com", "ana\u2028@example.com", "\xff@example.com",
	} {
		m := letter
		m.To = to
		refused(m)
	}
	for _, subject := range []string{"x\r\nBcc: eve@example.com", "x\ny", "x\ry", "x\x00y", "x\x1b[2J", "x\u0085y", strings.Repeat("x", 901)} {
		m := letter
		m.Subject = subject
		refused(m)
	}
	m := letter
	m.Text = ""
	refused(m)
	if lines := sink.Lines(); len(lines) > 0 {
		t.Errorf("said %q", lines)
	}
}

// What is an address goes to RCPT TO byte for byte.
func TestRecipientByteForByte(t *testing.T) {
	sink := smtpsink.Start(t, smtpsink.Sink{SMTPUTF8: true})
	for _, to := range []string{
		"ana@example.com", "Ana.LENA+tag@Example.COM", "!#$%&'*/=?^_`{|}~-@example.com", "a@b", "zoë@example.com", "zoe\u0308@example.com", "李@例え.example",
		"=?utf-8?q?ana?=@example.com", "100%d%s@example.com",
	} {
		m := letter
		m.To = to
		if err := send(t, via(sink), m); err != nil {
			t.Errorf("%q: %v", to, err)
			continue
		}
		mails := sink.Mails()
		got := mails[len(mails)-1]
		asked := strings.Contains(got.Params, "SMTPUTF8")
		if international := len(to) != len([]rune(to)); !slices.Equal(got.To, []string{to}) || asked != international {
			t.Errorf("%q went to %q, %s", to, got.To, got.Params)
		}
	}
	t.Run("a server that takes ASCII alone", func(t *testing.T) {
		sink := smtpsink.Start(t, smtpsink.Sink{})
		m := letter
		m.To = "zoë@example.com"
		if err := send(t, via(sink), m); !errors.Is(err, cloakroom.ErrRejected) {
			t.Errorf("error %v", err)
		}
		if slices.ContainsFunc(sink.Lines(), func(l string) bool { return strings.HasPrefix(l, "MAIL") }) {
			t.Errorf("said %q", sink.Lines())
		}
	})
}

// Whoever no longer waits is not held up, wherever the server fell silent.
func TestCancel(t *testing.T) {
	for _, prefix := range []string{"", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "."} {
		t.Run("silent at "+prefix, func(t *testing.T) {
			reached := make(chan struct{}, 9)
			sink, server := sealed(t, smtpsink.Sink{Users: map[string]string{"app": "secret"}, Reply: func(line string) string {
				if to(prefix, "here")(line) == "" {
					return ""
				}
				reached <- struct{}{}
				return smtpsink.Silent
			}})
			server.Username, server.Password = "app", "secret"
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				<-reached
				cancel(errors.New("enough"))
			}()
			err := server.Send(ctx, letter)
			if err == nil || !strings.Contains(err.Error(), "enough") || errors.Is(err, cloakroom.ErrRejected) {
				t.Errorf("error %v", err)
			}
			if len(sink.Mails()) > 0 {
				t.Error("sent")
			}
		})
	}
	t.Run("before it began", func(t *testing.T) {
		sink := smtpsink.Start(t, smtpsink.Sink{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := via(sink).Send(ctx, letter); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if len(sink.Lines()) > 0 {
			t.Errorf("said %q", sink.Lines())
		}
	})
}

func TestParallel(t *testing.T) {
	sink, server := sealed(t, smtpsink.Sink{Users: map[string]string{"app": "secret"}})
	server.Username, server.Password = "app", "secret"
	var all sync.WaitGroup
	const n = 40
	for i := range n {
		all.Go(func() {
			m := letter
			m.To = fmt.Sprintf("user%d@example.com", i)
			m.Text = fmt.Sprintf("for %d\n", i)
			if err := send(t, server, m); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, got := range sink.Mails() {
		seen[got.To[0]] = true
		number := strings.TrimSuffix(strings.TrimPrefix(got.To[0], "user"), "@example.com")
		if len(got.To) != 1 || !bytes.Contains(got.Data, []byte("\r\nfor "+number+"\r\n")) {
			t.Errorf("%q got the mail of somebody else", got.To)
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d arrived", len(seen), n)
	}
}

func TestLocalhost(t *testing.T) {
	sink := smtpsink.Start(t, smtpsink.Sink{})
	_, port, _ := net.SplitHostPort(sink.Addr())
	server := via(sink)
	server.Addr = net.JoinHostPort("localhost", port)
	if err := send(t, server, letter); err != nil {
		t.Errorf("localhost: %v", err)
	}
}

// What looks like an encoded word, as somebody's name may, arrives as it was written.
func TestSubjectThatLooksEncoded(t *testing.T) {
	for _, subject := range []string{
		"=?utf-8?q?x?=", "Hello =?utf-8?q?Bcc=3A_eve?=, your code", "=?utf-8?b?ZXZl?= and Zoë", "=?", "a =?= b ?=", "=?utf-8?q?a?= =?utf-8?q?b?=",
		strings.Repeat("=?utf-8?q?x?= ", 60) + "end",
	} {
		sink := smtpsink.Start(t, smtpsink.Sink{})
		m := letter
		m.Subject = subject
		if err := send(t, via(sink), m); err != nil {
			t.Fatal(err)
		}
		data := only(t, sink).Data
		message, err := netmail.ReadMessage(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil || got != subject {
			t.Errorf("%q was read as %q, %v", subject, got, err)
		}
		for line := range bytes.Lines(data) {
			if bytes.Contains(line, []byte("=?")) && len(line) > 80 { // RFC 2047 §2: 76 characters
				t.Errorf("%q has the line %q", subject, line)
			}
		}
	}
}

package smtpsink

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"slices"
	"strings"
)

// dialogue is one connection.
type dialogue struct {
	running *Running
	conn    net.Conn
	in      *bufio.Reader
	tls     bool
	user    string
	mail    Mail
	open    bool // a mail has begun
}

func (d *dialogue) speak() {
	d.in = bufio.NewReader(d.conn)
	if !d.say("", "220 sink.example ESMTP") {
		return
	}
	for {
		line, ok := d.listen()
		if !ok || !d.answer(line) {
			return
		}
	}
}

// listen reads a line without its end.
func (d *dialogue) listen() (string, bool) {
	line, err := d.in.ReadString('\n')
	if err != nil {
		return "", false
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	d.running.heard(line)
	return line, true
}

// say answers a line as Reply wants, or as usual; then what the usual answer promises has been done before it is sent. It
// returns whether the dialogue goes on.
func (d *dialogue) say(line, usual string, then ...func()) bool {
	answer := ""
	if d.running.sink.Reply != nil {
		answer = d.running.sink.Reply(line)
	}
	switch answer {
	case HangUp:
		return false
	case Silent:
		_, _ = io.Copy(io.Discard, d.in)
		return false
	case "":
		answer = usual
		for _, do := range then {
			do()
		}
	}
	_, err := io.WriteString(d.conn, answer+"\r\n")
	return err == nil
}

// answer answers a command, and returns whether the dialogue goes on.
func (d *dialogue) answer(line string) bool {
	verb, argument, _ := strings.Cut(line, " ")
	switch verb = strings.ToUpper(verb); verb {
	case "EHLO":
		return d.say(line, d.extensions())
	case "HELO", "NOOP":
		return d.say(line, "250 sink.example")
	case "RSET":
		d.open = false
		return d.say(line, "250 forgotten")
	case "QUIT":
		d.say(line, "221 bye")
		return false
	case "STARTTLS":
		return d.startTLS(line)
	case "AUTH":
		return d.authenticate(line, argument)
	case "MAIL":
		return d.begin(line, argument)
	case "RCPT":
		return d.recipient(line, argument)
	case "DATA":
		return d.data(line)
	}
	return d.say(line, "500 5.5.1 unknown command")
}

func (d *dialogue) extensions() string {
	s := &d.running.sink
	list := []string{"sink.example", "8BITMIME", "ENHANCEDSTATUSCODES"}
	if s.TLS != nil && !d.tls {
		list = append(list, "STARTTLS")
	}
	if s.SMTPUTF8 {
		list = append(list, "SMTPUTF8")
	}
	if len(s.Users) > 0 {
		list = append(list, "AUTH "+strings.Join(s.mechanisms(), " "))
	}
	last := len(list) - 1
	for i := range list[:last] {
		list[i] = "250-" + list[i]
	}
	return strings.Join(list[:last], "\r\n") + "\r\n250 " + list[last]
}

func (s *Sink) mechanisms() []string {
	if s.Auth == nil {
		return []string{"PLAIN", "LOGIN"}
	}
	return s.Auth
}

func (d *dialogue) startTLS(line string) bool {
	if d.running.sink.TLS == nil || d.tls {
		return d.say(line, "502 5.5.1 not offered")
	}
	agreed := false
	goes := d.say(line, "220 go ahead", func() { agreed = true })
	if agreed {
		d.conn = tls.Server(d.conn, d.running.sink.TLS)
		d.in = bufio.NewReader(d.conn)
		d.tls, d.user, d.open = true, "", false // RFC 3207 §4.2: all is forgotten
	}
	return goes
}

// authenticate speaks PLAIN (RFC 4616) and LOGIN.
func (d *dialogue) authenticate(line, argument string) bool {
	mechanism, initial, _ := strings.Cut(argument, " ")
	if !slices.Contains(d.running.sink.mechanisms(), mechanism) {
		return d.say(line, "504 5.5.4 unknown mechanism")
	}
	var user, password string
	if mechanism == "PLAIN" {
		parts := strings.Split(decoded(initial), "\x00")
		if len(parts) != 3 {
			return d.say(line, "501 5.5.2 not understood")
		}
		user, password = parts[1], parts[2]
	} else {
		var ok bool
		if user, ok = d.ask("VXNlcm5hbWU6"); ok {
			password, ok = d.ask("UGFzc3dvcmQ6")
		}
		if !ok {
			return false
		}
	}
	if want, known := d.running.sink.Users[user]; !known || want != password {
		return d.say(line, "535 5.7.8 wrong")
	}
	return d.say(line, "235 2.7.0 welcome", func() { d.user = user })
}

// ask sends a challenge and reads what comes back.
func (d *dialogue) ask(challenge string) (string, bool) {
	if _, err := io.WriteString(d.conn, "334 "+challenge+"\r\n"); err != nil {
		return "", false
	}
	line, ok := d.listen()
	return decoded(line), ok
}

func decoded(s string) string {
	b, _ := base64.StdEncoding.DecodeString(s)
	return string(b)
}

func (d *dialogue) begin(line, argument string) bool {
	path, params, ok := bracketed(argument, "FROM:")
	switch {
	case !ok:
		return d.say(line, "501 5.5.4 not understood")
	case len(d.running.sink.Users) > 0 && d.user == "":
		return d.say(line, "530 5.7.0 sign in first")
	case strings.Contains(params, "SMTPUTF8") && !d.running.sink.SMTPUTF8:
		return d.say(line, "555 5.5.4 unknown parameter")
	}
	return d.say(line, "250 2.1.0 from you", func() {
		d.mail, d.open = Mail{From: path, Params: params, TLS: d.tls, User: d.user}, true
	})
}

func (d *dialogue) recipient(line, argument string) bool {
	path, _, ok := bracketed(argument, "TO:")
	if !ok || !d.open {
		return d.say(line, "503 5.5.1 not now")
	}
	return d.say(line, "250 2.1.5 to them", func() { d.mail.To = append(d.mail.To, path) })
}

// bracketed cuts the path out of an argument such as FROM:<ana@example.com> BODY=8BITMIME.
func bracketed(argument, prefix string) (path, params string, ok bool) {
	if len(argument) < len(prefix) || !strings.EqualFold(argument[:len(prefix)], prefix) {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(argument[len(prefix):], "<")
	end := strings.LastIndexByte(rest, '>')
	if !ok || end < 0 {
		return "", "", false
	}
	return rest[:end], strings.TrimSpace(rest[end+1:]), true
}

func (d *dialogue) data(line string) bool {
	if !d.open || len(d.mail.To) == 0 {
		return d.say(line, "503 5.5.1 to whom")
	}
	agreed := false
	if goes := d.say(line, "354 go ahead", func() { agreed = true }); !goes || !agreed {
		return goes
	}
	var data bytes.Buffer
	for {
		line, err := d.in.ReadString('\n')
		switch {
		case err != nil:
			return false
		case line == ".\r\n":
			d.mail.Data, d.open = data.Bytes(), false
			return d.say(".", "250 2.0.0 taken", func() { d.running.take(d.mail) })
		}
		data.WriteString(strings.TrimPrefix(line, ".")) // RFC 5321 §4.5.2
	}
}

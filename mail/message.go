package mail

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/mailbox"
)

// maxSubject is the longest subject in bytes. Lines of a mail end at 998 (RFC 5322 §2.1.1), and a word is not folded.
const maxSubject = 900

// maxEncoded is how many bytes of ASCII an encoded word has, so that it is shorter than 75 characters (RFC 2047 §2).
const maxEncoded = 45

// compose makes the message of a mail. An error means that there is none.
func (s SMTP) compose(m cloakroom.Mail) (*gomail.Msg, error) {
	if !mailbox.Valid(m.To) {
		return nil, errors.New("the recipient is not one address")
	}
	if strings.ContainsFunc(m.Subject, unicode.IsControl) || len(m.Subject) > maxSubject {
		return nil, errors.New("the subject has control characters or is too long")
	}
	if m.Text == "" {
		return nil, errors.New("there is no text")
	}
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(message.From(s.From), message.To(m.To)); err != nil {
		return nil, err
	}
	if to, err := message.GetRecipients(); err != nil || !slices.Equal(to, []string{"<" + m.To + ">"}) {
		return nil, errors.New("the recipient would not arrive as it is written")
	}
	message.Subject(subject(m.Subject))
	message.SetDateWithValue(time.Now())
	message.SetMessageIDWithValue(s.messageID(m.ID))
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: no answers from robots
	if languageTag.MatchString(m.Locale) {
		message.SetGenHeader("Content-Language", m.Locale) // RFC 3282
	}
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		message.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return message, nil
}

var (
	languageTag = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,8}$`)
	plainID     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// subject lets words that look encoded, as the name of somebody may, arrive as they are (RFC 2047 §5): they are encoded, which go-mail does of itself
// for all that is not ASCII.
func subject(words string) string {
	if !strings.Contains(words, "=?") || !ascii(words) {
		return words
	}
	var encoded []string
	for piece := range slices.Chunk([]byte(words), maxEncoded) {
		encoded = append(encoded, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString(piece)+"?=")
	}
	return strings.Join(encoded, " ") // which those who decode leave out (RFC 2047 §6.2)
}

// messageID is the same for every try of a mail, so that whoever got it twice sees it once (RFC 5322 §3.6.4).
func (s SMTP) messageID(id string) string {
	if id == "" {
		id = rand.Text()
	}
	if !plainID.MatchString(id) {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:16])
	}
	from, _ := netmail.ParseAddress(s.From) // Check has looked at it
	_, domain, _ := strings.Cut(from.Address, "@")
	return fmt.Sprintf("%s@%s", id, domain)
}

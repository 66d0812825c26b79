package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

const outboxPath = "/dev/outbox"

// outboxSize is how many mails an outbox keeps.
const outboxSize = 200

// outbox is the Mailer of the development server: it sends nothing, keeps the newest mails in memory, and shows them to who
// sits at this machine.
type outbox struct {
	mu    sync.Mutex
	mails []keptMail // the newest last
}

// keptMail is a mail as /dev/outbox.json tells it.
type keptMail struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	To      string    `json:"to"`
	Letter  string    `json:"letter"`
	Locale  string    `json:"locale"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Links   []string  `json:"links"`
}

var _ cloakroom.Mailer = (*outbox)(nil)

// Send keeps a mail, in place of the oldest if there are too many.
func (o *outbox) Send(_ context.Context, m cloakroom.Mail) error {
	links := linkIn.FindAllString(m.Text, -1)
	if links == nil {
		links = []string{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mails = append(o.mails, keptMail{m.ID, time.Now().UTC(), m.To, m.Letter, m.Locale, m.Subject, m.Text, m.HTML, links})
	if len(o.mails) > outboxSize {
		o.mails = slices.Clone(o.mails[len(o.mails)-outboxSize:])
	}
	return nil
}

// newest are the mails that are kept, the newest first.
func (o *outbox) newest() []keptMail {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := append([]keptMail{}, o.mails...) // never null in JSON
	slices.Reverse(list)
	return list
}

var linkIn = regexp.MustCompile(`https?://[^\s<>"]+`)

// linked is text as HTML, in which links can be followed.
func linked(text string) string {
	var out strings.Builder
	rest := 0
	for _, at := range linkIn.FindAllStringIndex(text, -1) {
		link := html.EscapeString(text[at[0]:at[1]])
		fmt.Fprintf(&out, `%s<a href="%s" rel="noreferrer">%[2]s</a>`, html.EscapeString(text[rest:at[0]]), link)
		rest = at[1]
	}
	return out.String() + html.EscapeString(text[rest:])
}

const outboxStyle = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 1rem }
article { border: 1px solid; border-radius: .5rem; padding: 0 1rem; margin: 1rem 0 }
h2 { font-size: 1.15rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem }
dd { margin: 0; overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit }
`

// outboxPolicy lets the page have its own style and nothing else (CSP Level 3 §6.7.3.3).
var outboxPolicy = func() string {
	sum := sha256.Sum256([]byte(outboxStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

const outboxHead = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Outbox of cloakroom</title>
<style>` + outboxStyle + `</style>
<main>
<h1>Outbox</h1>
<p>The development server sends no mail. It keeps the newest %d until it ends, and shows them to this machine: the newest first,
and <a href="/dev/outbox.json">as JSON</a>. Reload for more.</p>
`

const outboxArticle = `<article aria-labelledby="mail-%[1]d">
<h2 id="mail-%[1]d" lang="%[2]s" dir="auto">%[3]s</h2>
<dl>
<dt>To</dt><dd>%[4]s</dd>
<dt>Letter</dt><dd>%[5]s</dd>
<dt>Sent</dt><dd><time datetime="%[6]sT%[7]sZ">%[6]s %[7]s UTC</time></dd>
</dl>
<pre lang="%[2]s" dir="auto">%[8]s</pre>
</article>
`

func (o *outbox) page(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", outboxPolicy)
	h.Set("Cache-Control", "no-store")
	fmt.Fprintf(w, outboxHead, outboxSize) // the client has gone, or gets it
	mails := o.newest()
	for i, m := range mails {
		fmt.Fprintf(w, outboxArticle, i, html.EscapeString(m.Locale), html.EscapeString(m.Subject), html.EscapeString(m.To),
			html.EscapeString(m.Letter), m.At.Format(time.DateOnly), m.At.Format(time.TimeOnly), linked(m.Text))
	}
	if len(mails) == 0 {
		fmt.Fprintln(w, "<p>No mail yet.</p>")
	}
	fmt.Fprint(w, "</main>\n</html>\n")
}

func (o *outbox) list(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string][]keptMail{"items": o.newest()})
}

// local shows a page to who sits at this machine, and to nobody else: not to another machine, not to a site whose name leads
// here (DNS rebinding), and not through a proxy.
func local(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		proxied := r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != ""
		if err != nil || !peer.Addr().Unmap().IsLoopback() || proxied || !localName(r.Host) {
			notFound(w, r)
			return
		}
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		next(w, r)
	}
}

// localName reports whether a Host, with a port or without, can only be this machine.
func localName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.Unmap().IsLoopback()
}

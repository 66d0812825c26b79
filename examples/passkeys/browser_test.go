package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// patience bounds one step in the browser. Every step waits for what it needs, no longer.
const patience = time.Minute

// tab is the tab of a real browser, with a device of its own that keeps passkeys and answers as soon as it is asked. Passkeys
// are not offered in the autofill unless a test says so: the device would pick one at once.
type tab struct {
	t      *testing.T
	ctx    context.Context
	device webauthn.AuthenticatorID

	*complaints
}

// complaints are what the console of the browser got.
type complaints struct {
	mu   sync.Mutex
	list []string
}

// browser starts headless Chromium with an empty profile and returns its tab.
func browser(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, complaints: &complaints{}}
	if err := chromedp.Listen(ctx, b.hear); err != nil { // without a deadline: it would be the browser's
		t.Fatal(err)
	}
	tell(b, log.Enable, cdp.Empty{})
	tell(b, webauthn.Enable, webauthn.EnableParams{})
	b.device = tell(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}}).AuthenticatorID
	b.before(`window.asked = []
		const get = navigator.credentials.get.bind(navigator.credentials)
		navigator.credentials.get = (options) => { asked.push(options.mediation ?? "window"); return get(options) }
		const can = PublicKeyCredential.isConditionalMediationAvailable()
		PublicKeyCredential.isConditionalMediationAvailable = async () => await can && localStorage.autofill === "on"`)
	return b
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is needed; install it, on Debian with: apt-get install chromium")
	return ""
}

// tell gives the browser a command.
func tell[P, R any](b *tab, command cdp.Command[P, R], params P) (result R) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		result, err = cdp.Call(ctx, t, command, params)
		return err
	}))
	return result
}

// hear notes what the console gets.
func (c *complaints) hear(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		c.list = append(c.list, fmt.Sprintf("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		c.list = append(c.list, "console."+string(e.Type))
	case *log.EventEntryAdded:
		c.list = append(c.list, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

// complained returns and forgets what the console got.
func (c *complaints) complained() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}

// in is the same tab for another test.
func (b *tab) in(t *testing.T) *tab { return &tab{t, b.ctx, b.device, b.complaints} }

// do runs steps one after the other, each as soon as it can.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for i, step := range steps {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		err := chromedp.Do(ctx, step)
		cancel()
		if err != nil {
			b.t.Fatalf("step %d: %v; the page says %q and %q; console: %q", i+1, err, b.text("#status"), b.text("#proof-status"), b.complained())
		}
	}
}

// eval runs a script in the page and returns what it gives.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return value
}

func (b *tab) text(selector string) string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("`+selector+`")?.textContent ?? ""`))
	return text
}

// before runs a script in every page from now on, ahead of the page's own.
func (b *tab) before(script string) {
	b.t.Helper()
	tell(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

// cookie is the only one that the browser has for the page, as a request has it.
func (b *tab) cookie() string {
	b.t.Helper()
	all := tell(b, network.GetCookies, network.GetCookiesParams{}).Cookies
	if len(all) != 1 {
		b.t.Fatalf("%d cookies, want one", len(all))
	}
	if c := all[0]; !c.HTTPOnly || c.SameSite != "Lax" {
		b.t.Errorf("cookie %+v", c)
	}
	return all[0].Name + "=" + all[0].Value
}

// autofill says whether the page can offer passkeys there.
func (b *tab) autofill(on string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](`localStorage.autofill = "` + on + `"`))
}

// hold says whether the device answers what it is asked from now on, as if its user held a finger on it. What it was asked
// before stays without an answer.
func (b *tab) hold(finger bool) {
	b.t.Helper()
	tell(b, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: b.device, Enabled: finger})
}

// verifies says whether the device knows its user.
func (b *tab) verifies(user bool) {
	b.t.Helper()
	tell(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: b.device, IsUserVerified: user})
}

// keys are the passkeys on the device.
func (b *tab) keys() []*webauthn.Credential {
	b.t.Helper()
	return tell(b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: b.device}).Credentials
}

// until waits until something holds that no element tells of.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// says waits for a text in an element.
func says(id, text string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(fmt.Sprintf(`//*[@id=%q][contains(., %q)]`, id, text))
}

// submit types into a form and sends it, all by keyboard.
func submit(form, email, secret string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(
		chromedp.WaitVisible("#"+form),
		chromedp.Evaluate[chromedp.Void](`document.getElementById("`+form+`").reset()`),
		chromedp.SendKeys("#"+form+"-email", email),
		chromedp.SendKeys("#"+form+"-password", secret+"\n"),
	)
}

var (
	isIn  = says("who", "Signed in as "+email)
	isOut = chromedp.WaitVisible("#signed-out")
)

// unexpected are complaints but those of the network about statuses that the test brought about.
func unexpected(list []string, statuses ...int) []string {
	return slices.DeleteFunc(list, func(line string) bool {
		return slices.ContainsFunc(statuses, func(s int) bool { return strings.Contains(line, fmt.Sprintf("responded with a status of %d", s)) })
	})
}

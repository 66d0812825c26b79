package main

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// patience bounds one step in the browser. Every step waits for what it needs, no longer.
const patience = 30 * time.Second

// tab is one tab of a real browser. Tabs of one browser share cookies.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// browser starts headless Chromium with an empty profile and returns its first tab.
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
	b := &tab{t, ctx}
	if err := chromedp.Do(ctx); err != nil { // without a deadline: it would be the browser's
		t.Fatal(err)
	}
	b.spy()
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

// another opens one more tab in the same browser.
func (b *tab) another() *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	next := &tab{b.t, ctx}
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatal(err)
	}
	next.spy()
	return next
}

// in is the same tab for another test.
func (b *tab) in(t *testing.T) *tab { return &tab{t, b.ctx} }

// do runs steps one after the other, each as soon as it can.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for i, step := range steps {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		err := chromedp.Do(ctx, step)
		cancel()
		if err != nil {
			b.t.Fatalf("step %d: %v; the page says %q", i+1, err, b.text("#status"))
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

// spy lets the page's own fetch leave what it got in window.seen, before any script of the page runs.
func (b *tab) spy() {
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
			window.seen = []
			const real = window.fetch
			window.fetch = async (url, options) => {
				const answer = await real(url, options)
				window.seen.push({ url: String(url), status: answer.status, body: await answer.clone().text(), headers: JSON.stringify([...answer.headers]) })
				return answer
			}`})
		return err
	}))
}

// cookies are all that the browser has for the page, HttpOnly ones included.
func (b *tab) cookies() []*network.Cookie {
	b.t.Helper()
	var found []*network.Cookie
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		got, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{})
		found = got.Cookies
		return err
	}))
	return found
}

// cookie is the one that the browser must have.
func (b *tab) cookie() *network.Cookie {
	b.t.Helper()
	all := b.cookies()
	if len(all) != 1 {
		b.t.Fatalf("%d cookies, want one", len(all))
	}
	return all[0]
}

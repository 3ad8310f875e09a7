package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
)

// tab is a page in a Chromium of its own. Its methods fail the test if what they wait for does not
// come.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// newTab opens a page that asks for a password.
func newTab(t *testing.T, url, password string) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	engine.LeaveOut(t, err)
	require.NoError(t, err)
	profile, err := os.MkdirTemp("", "serve-chromium-") //nolint:usetesting // a child of Chromium may still write there, and then TempDir fails the test
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"), chromedp.Env("LANG=en_GB.UTF-8", "TZ=UTC"))
	allocator, endProcess := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(endProcess)
	// This Chromium is newer than chromedp, which would log the events that it does not know.
	ctx, endBrowser := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}), chromedp.WithBrowserOption(chromedp.WithDialTimeout(patience)))
	t.Cleanup(endBrowser)
	p := &tab{t, ctx}
	require.NoError(t, chromedp.Run(ctx))
	p.logIn(password)
	p.run(fetch.Enable().WithHandleAuthRequests(true), chromedp.EmulateViewport(1280, 800), chromedp.Navigate(url))
	return p
}

// logIn answers when the browser asks for a password.
func (p *tab) logIn(password string) {
	chromedp.ListenTarget(p.ctx, func(ev any) {
		switch ev := ev.(type) {
		case *fetch.EventRequestPaused:
			go func() { _ = chromedp.Run(p.ctx, fetch.ContinueRequest(ev.RequestID)) }()
		case *fetch.EventAuthRequired:
			answer := &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseProvideCredentials, Username: "ops", Password: password}
			go func() { _ = chromedp.Run(p.ctx, fetch.ContinueWithAuth(ev.RequestID, answer)) }()
		case *runtime.EventExceptionThrown:
			p.t.Errorf("the page failed: %v", ev.ExceptionDetails)
		}
	})
}

func (p *tab) run(actions ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(p.t, chromedp.Run(ctx, actions...))
}

// wait waits until an expression is true in the page.
func (p *tab) wait(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	// chromedp.Poll builds a function of the text, which the page's policy forbids.
	for {
		var done bool
		err := chromedp.Run(ctx, chromedp.Evaluate("Boolean("+expression+")", &done))
		if err == nil && done {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			var text string
			_ = chromedp.Run(p.ctx, chromedp.Evaluate("document.body?.innerText ?? ''", &text))
			p.t.Fatalf("waiting for %s: %v\nthe page says:\n%s", expression, errors.Join(ctx.Err(), err), text)
		}
	}
}

// find is the expression for the first visible element that the selector finds and that has the text.
func find(selector, text string) string {
	return fmt.Sprintf("[...document.querySelectorAll(%s)].find(e => e.textContent.includes(%s) && e.getClientRects().length && !e.disabled)", quote(selector), quote(text))
}

// click presses an element, when it stays at its place. If it has moved all the same, the press misses
// it, and another one follows.
func (p *tab) click(selector, text string) {
	p.t.Helper()
	place := fmt.Sprintf("(() => { const b = (%s)?.getBoundingClientRect(); return b ? [b.x + b.width / 2, b.y + b.height / 2] : [0, 0]; })()", find(selector, text))
	// The page may draw the element anew, so the window listens.
	listen := fmt.Sprintf(`window.met = false; addEventListener('click', e => {
		window.met = [...document.querySelectorAll(%s)].some(b => b.contains(e.target) && b.textContent.includes(%s));
	}, {capture: true, once: true})`, quote(selector), quote(text))
	for met, started := false, time.Now(); !met; {
		require.Less(p.t, time.Since(started), patience, "no press has met %s with %q", selector, text)
		p.wait(find(selector, text))
		var before, box [2]float64
		p.run(chromedp.Evaluate(place, &before), chromedp.Sleep(60*time.Millisecond), chromedp.Evaluate(place, &box))
		if box == before && box[0] != 0 {
			p.run(chromedp.Evaluate(listen, nil), chromedp.MouseClickXY(box[0], box[1]), chromedp.Evaluate("window.met", &met))
		}
	}
}

func quote(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(out)
}

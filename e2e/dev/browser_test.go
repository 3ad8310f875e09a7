package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what must happen. It is long, because the machine may be busy.
const patience = 90 * time.Second

// A browser is one Chromium that all tests share.
type browser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

var chromium browser

// quiet keeps chromedp from logging events that it does not know: this Chromium is newer.
var quiet = chromedp.WithErrorf(func(string, ...any) {})

func (b *browser) start() {
	path, err := exec.LookPath("chromium")
	if err != nil {
		b.err = err
		return
	}
	profile, err := os.MkdirTemp("", "tghook-chromium")
	if err != nil {
		b.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox,
		chromedp.Flag("host-resolver-rules", "MAP rebind.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("lang", "en-GB"), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Env("LANG=en_GB.UTF-8", "TZ=UTC"), chromedp.WSURLReadTimeout(patience))
	allocator, endProcess := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endBrowser := chromedp.NewContext(allocator, quiet, chromedp.WithBrowserOption(chromedp.WithDialTimeout(patience)))
	b.ctx = ctx
	b.stop = func() {
		endBrowser()
		endProcess()
		_ = os.RemoveAll(profile)
	}
	b.err = chromedp.Run(ctx)
}

func (b *browser) close() {
	if b.stop != nil {
		b.stop()
	}
}

// A tab is a page of the browser. Its methods fail the test if what they wait for does not come.
type tab struct {
	t       *testing.T
	ctx     context.Context
	profile cdp.BrowserContextID

	mu       sync.Mutex
	origin   string   // of the page; what it asks of others is external
	external []string // requests to other hosts
	problems []string // exceptions, and what the page logged as an error
}

// newTab opens a tab without cookies or storage of other tests, 1280 pixels wide, light.
func newTab(t *testing.T, url string) *tab {
	t.Helper()
	chromium.once.Do(chromium.start)
	if chromium.err != nil && os.Getenv("CI") == "" {
		t.Skip("chromium does not start: ", chromium.err)
	}
	require.NoError(t, chromium.err, "chromium must start in CI")
	profile := must(target.CreateBrowserContext().WithDisposeOnDetach(true).Do(chromium.commands()))(t)
	t.Cleanup(func() { _ = target.DisposeBrowserContext(profile).Do(chromium.commands()) })
	return openTab(t, profile, url)
}

// commands gives the context for commands to the browser itself.
func (b *browser) commands() context.Context {
	return cdp.WithExecutor(b.ctx, chromedp.FromContext(b.ctx).Browser)
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		require.NoError(t, err)
		return value
	}
}

// sibling opens another tab of the same browser profile: it shares the storage.
func (p *tab) sibling(url string) *tab {
	p.t.Helper()
	return openTab(p.t, p.profile, url)
}

func openTab(t *testing.T, profile cdp.BrowserContextID, url string) *tab {
	t.Helper()
	// A profile without a window gets one: Chromium opens no tab without a window.
	id := must(target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(chromium.commands()))(t)
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithTargetID(id))
	t.Cleanup(cancel)
	p := &tab{t: t, ctx: ctx, profile: profile}
	p.listen(url)
	require.NoError(t, chromedp.Run(ctx)) // attaches; a context with a deadline would end the tab with it
	p.run(
		chromedp.EmulateViewport(1280, 800),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}}),
		network.Enable(), runtime.Enable(),
		chromedp.Navigate(url),
	)
	return p
}

func (p *tab) listen(url string) {
	p.origin = url
	if i := strings.Index(url[8:], "/"); i >= 0 {
		p.origin = url[:8+i]
	}
	chromedp.ListenTarget(p.ctx, func(ev any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch ev := ev.(type) {
		case *network.EventRequestWillBeSent:
			if to := ev.Request.URL; !strings.HasPrefix(to, p.origin) && !strings.HasPrefix(to, "blob:") && !strings.HasPrefix(to, "data:") && !strings.HasPrefix(to, "about:") {
				p.external = append(p.external, to)
			}
		case *runtime.EventExceptionThrown:
			p.problems = append(p.problems, ev.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if ev.Type == runtime.APITypeError {
				p.problems = append(p.problems, fmt.Sprint(words(ev.Args)))
			}
		}
	})
}

func words(args []*runtime.RemoteObject) []string {
	out := make([]string, 0, len(args))
	for _, arg := range args {
		out = append(out, string(arg.Value)+arg.Description)
	}
	return out
}

// troubles gives what went wrong in the page, and where it asked for something outside of the command.
func (p *tab) troubles() (problems, external []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.problems...), append([]string(nil), p.external...)
}

func (p *tab) run(actions ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		p.fail(err)
	}
}

// fail ends the test with a picture of the page and its text.
func (p *tab) fail(err error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	var text string
	_ = chromedp.Run(ctx, chromedp.Evaluate("document.body?.innerText ?? ''", &text))
	if dir := os.Getenv("TGHOOK_PICTURES"); dir != "" {
		var picture []byte
		_ = chromedp.Run(ctx, chromedp.CaptureScreenshot(&picture))
		_ = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(p.t.Name(), "/", "-")+".png"), picture, 0o600)
	}
	problems, _ := p.troubles()
	p.t.Fatalf("%v\nthe page says:\n%s\nproblems: %v", err, text, problems)
}

// eval runs an expression in the page and gives its value.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	var value T
	p.run(chromedp.Evaluate(expression, &value, awaited))
	return value
}

func awaited(params *runtime.EvaluateParams) *runtime.EvaluateParams {
	return params.WithAwaitPromise(true)
}

// evaluate runs a script whose value is of no use.
func evaluate(script string) chromedp.Action { return chromedp.Evaluate(script, nil) }

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
			p.fail(fmt.Errorf("waiting for %s: %w", expression, errors.Join(ctx.Err(), err)))
		}
	}
}

// waitText waits until an element that the selector finds holds the text.
func (p *tab) waitText(selector, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("[...document.querySelectorAll(%s)].some(e => e.textContent.includes(%s))", quote(selector), quote(text)))
}

// click presses the first visible element that the selector finds and that holds the text.
func (p *tab) click(selector, text string) {
	p.t.Helper()
	find := fmt.Sprintf("[...document.querySelectorAll(%s)].find(e => e.textContent.includes(%s) && e.getClientRects().length && !e.disabled)", quote(selector), quote(text))
	p.wait("Boolean(" + find + ")")
	place := fmt.Sprintf("(() => { const e = %s; e?.scrollIntoView({block: 'nearest'}); const b = e?.getBoundingClientRect(); return b ? [b.x + b.width / 2, b.y + b.height / 2] : [0, 0]; })()", find)
	// Lists move while things come in: the click waits until the element stays where it is.
	// If it has moved all the same, the click misses it, and another one follows.
	meets := fmt.Sprintf("(() => { const e = %s; window.met = false; e?.addEventListener('click', () => { window.met = true; }, {capture: true, once: true}); return Boolean(e); })()", find)
	for met := false; !met; met = eval[bool](p, "window.met") {
		box, before := eval[[2]float64](p, place), [2]float64{}
		for box != before || box[0] == 0 {
			before = box
			p.run(chromedp.Sleep(60 * time.Millisecond))
			box = eval[[2]float64](p, place)
		}
		p.wait(meets)
		p.run(chromedp.MouseClickXY(box[0], box[1]))
	}
}

// write puts the cursor into a field and types.
func (p *tab) write(selector, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("Boolean(document.querySelector(%s))", quote(selector)))
	p.wait(fmt.Sprintf("(e => { e.focus(); return document.activeElement === e; })(document.querySelector(%s))", quote(selector)))
	p.run(input.InsertText(text))
}

// press presses keys where the focus is: kb.Enter, "u" and so on.
func (p *tab) press(keys string, modifiers ...input.Modifier) {
	p.t.Helper()
	var held input.Modifier
	for _, m := range modifiers {
		held |= m
	}
	for _, r := range keys {
		k, ok := kb.Keys[r]
		require.True(p.t, ok, "no key %q", r)
		down := input.DispatchKeyEvent(input.KeyDown).WithKey(k.Key).WithCode(k.Code).WithWindowsVirtualKeyCode(k.Windows).WithModifiers(held)
		if held == 0 && k.Print {
			down = down.WithText(k.Text)
		}
		if r == '\r' {
			down = down.WithText("\r")
		}
		p.run(down, input.DispatchKeyEvent(input.KeyUp).WithKey(k.Key).WithCode(k.Code).WithWindowsVirtualKeyCode(k.Windows).WithModifiers(held))
	}
}

// say sends a message as a user does: it types it and presses Enter.
func (p *tab) say(text string) {
	p.t.Helper()
	p.write("#composer", text)
	p.press(kb.Enter)
}

func (p *tab) size(width, height int64) {
	p.t.Helper()
	p.run(chromedp.EmulateViewport(width, height))
}

func (p *tab) dark() {
	p.t.Helper()
	p.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	p.wait("document.documentElement.dataset.theme === 'dark'")
}

func (p *tab) picture() []byte {
	p.t.Helper()
	var picture []byte
	p.run(chromedp.ActionFunc(func(ctx context.Context) error {
		var err error
		picture, err = cdppage.CaptureScreenshot().WithFormat(cdppage.CaptureScreenshotFormatPng).Do(ctx)
		return err
	}))
	return picture
}

// attach gives files to the field that the paper clip opens.
func (p *tab) attach(paths ...string) {
	p.t.Helper()
	p.run(chromedp.SetUploadFiles(`input[type=file]`, paths, chromedp.ByQuery))
}

func (p *tab) navigate(url string) {
	p.t.Helper()
	p.run(chromedp.Navigate(url))
}

func (p *tab) reload() {
	p.t.Helper()
	p.run(chromedp.Reload())
}

func quote(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(out)
}

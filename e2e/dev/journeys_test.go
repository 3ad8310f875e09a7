package dev

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

func TestTwoTabs(t *testing.T) {
	t.Parallel()
	c, b, p := begun(t, echo)
	second := p.sibling(c.url + "/")
	second.wait("document.querySelector('.message.own')")
	p.say("from the first tab")
	second.waitText(".message.own .text", "from the first tab")
	second.waitText(".message.other .text", "echo from the first tab")
	second.say("from the second tab")
	p.waitText(".message.other .text", "echo from the second tab")
	m := b.must("sendMessage", object{"chat_id": c.you(), "text": "to both"})
	b.must("editMessageText", object{"chat_id": c.you(), "message_id": m.ID, "text": "to both, edited"})
	for _, tab := range []*tab{p, second} {
		tab.waitText(".message.other .text", "to both, edited")
		require.Equal(t, 1, eval[int](tab, "[...document.querySelectorAll('.message.own .text')].filter(e => e.textContent === 'from the first tab').length"))
	}
}

func TestTwoUsersInAGroup(t *testing.T) {
	t.Parallel()
	c, b, p := begun(t, func(b *bot, u update) {
		if u.Message != nil && u.Message.Text == "both?" {
			b.must("sendMessage", object{"chat_id": u.Message.Chat.ID, "text": "both, " + u.Message.From.Name})
		}
	})
	ada := c.user("Ada", "ada_l")
	p.reload()
	p.waitText(".user-text b", "You")
	p.press(kb.Escape) // out of the field
	p.press("u")
	p.waitText(".user-text b", "Ada")
	p.waitText(".foot-button", "START") // Ada has not begun
	p.press("u")
	p.waitText(".user-text b", "You")

	p.press("n")
	p.write("dialog .field", "Tea friends")
	p.click("dialog .button.primary", "Make")
	p.waitText(".chat-title", "Tea friends")
	p.say("both?")
	p.waitText(".message.other .text", "both, You")
	p.press(kb.Escape)
	p.press("2", input.ModifierAlt)
	p.waitText(".user-text b", "Ada")
	p.waitText(".message.other .author", "You")
	p.say("both?")
	p.waitText(".message.other .text", "both, Ada")
	u := b.got("Ada's message", func(u update) bool { return u.Message != nil && u.Message.From.ID == ada })
	require.Negative(t, u.Message.Chat.ID)

	// What comes to a chat that is not open is unread, for each user, and stays so over a reload.
	p.click(".chat-row", "Not started yet")
	p.waitText(".foot-button", "START")
	for i := range 3 {
		b.must("sendMessage", object{"chat_id": u.Message.Chat.ID, "text": fmt.Sprint("news ", i)})
	}
	p.waitText(".chat-row .badge.count", "3")
	p.wait("document.title === '(3) tghook dev'")
	p.reload()
	p.waitText(".user-text b", "Ada")
	p.waitText(".chat-row .badge.count", "3")
	p.click(".chat-row", "Tea friends")
	p.wait("!document.querySelector('.chat-row .badge.count') && document.title === 'tghook dev'")
	p.waitText(".unread-line", "Unread")
}

func TestTopicsAndChannel(t *testing.T) {
	t.Parallel()
	c, b, p := begun(t, nil)
	var forum, channel struct{ ID int64 }
	c.api("POST", c.bot()+"/chats", object{"type": "forum", "title": "Forum", "bot": "administrator"}, &forum)
	c.api("POST", c.bot()+"/chats", object{"type": "channel", "title": "News", "bot": "administrator"}, &channel)
	b.must("createForumTopic", object{"chat_id": forum.ID, "name": "Tea"})
	p.click(".chat-row", "Forum")
	p.click(".topics .chip", "Tea")
	p.say("in the topic")
	p.waitText(".message.own .text", "in the topic")
	p.click(".topics .chip", "General")
	p.wait("![...document.querySelectorAll('.message .text')].some(e => e.textContent === 'in the topic')")
	p.click(".topics .chip", "All")
	p.waitText(".message.own .text", "in the topic")

	b.must("sendMessage", object{"chat_id": channel.ID, "text": "a post"})
	p.waitText(".chat-row", "a post")
	p.click(".chat-row", "News")
	p.waitText(".message .author", "News")
	p.waitText(".message .text", "a post")
}

func TestPhone(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.poll(t, echo)
	p := newTab(t, "about:blank#1234567890")
	p.size(390, 800)
	p.navigate(c.url + "/")
	shown := func(selector string) string {
		return fmt.Sprintf("(e => Boolean(e && e.getClientRects().length))(document.querySelector(%s))", quote(selector))
	}
	p.wait(shown(".chat-list") + " && !" + shown("main.chat"))
	p.click(".chat-row", "Bot")
	p.wait(shown("main.chat") + " && !" + shown(".chat-list"))
	p.click(".foot-button", "START")
	p.waitText(".message.other .text", "echo /start")
	require.True(t, eval[bool](p, "document.documentElement.scrollWidth <= 390 && [...document.querySelectorAll('.bubble')].every(b => b.getBoundingClientRect().right <= 390)"))
	p.click(".chat-head [aria-label=Inspector]", "")
	p.wait("(b => b && b.width === 390)(document.querySelector('aside.inspector')?.getBoundingClientRect())")
	p.click(".inspector-close", "")
	p.wait("!document.querySelector('aside.inspector')")
	p.click("a[aria-label='Back to the chats']", "")
	p.wait(shown(".chat-list") + " && !" + shown("main.chat"))
}

func TestRestartOfTheBot(t *testing.T) {
	t.Parallel()
	c, b, p := begun(t, echo)
	p.waitText(".message.other .text", "echo /start")
	b.stop()
	p.say("nobody listens")
	p.waitText(".message.own .text", "nobody listens")
	c.poll(t, echo)
	p.waitText(".message.other .text", "echo nobody listens")
}

func TestRestartOfTheCommand(t *testing.T) {
	t.Parallel()
	c := start(t, "--state", filepath.Join(t.TempDir(), "desk.db"))
	c.poll(t, echo)
	p := c.page(t)
	p.click(".foot-button", "START")
	p.waitText(".message.other .text", "echo /start")
	p.say("keep this")
	p.waitText(".message.other .text", "echo keep this")
	address := strings.TrimPrefix(c.url, "http://")
	c.stop()
	p.waitText(".lost", "reconnecting")
	c.run(address)
	p.wait("!document.querySelector('.lost')")
	p.waitText(".message.other .text", "echo keep this")
	p.press("and go on")
	p.press(kb.Enter)
	p.waitText(".message.other .text", "echo and go on")
	require.Equal(t, "composer", eval[string](p, "document.activeElement.id"), "the field keeps the focus while the page loads anew")
	require.Equal(t, 1, eval[int](p, "[...document.querySelectorAll('.message.own .text')].filter(e => e.textContent === 'keep this').length"))
}

// Without --state the command forgets. The page says so by showing what there is now.
func TestRestartWithoutState(t *testing.T) {
	t.Parallel()
	c, _, p := begun(t, echo)
	p.waitText(".message.other .text", "echo /start")
	c.restart()
	p.waitText(".foot-button", "START")
	p.wait("!document.querySelector('.lost') && document.querySelectorAll('.message').length === 0")
	p.click(".foot-button", "START")
	p.waitText(".message.other .text", "echo /start")
}

func TestForeignSites(t *testing.T) {
	t.Parallel()
	c, b, own := begun(t, nil)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>foreign</title><body>"))
	}))
	t.Cleanup(foreign.Close)
	p := newTab(t, foreign.URL+"/")
	// What any page of the web may try with the port of the command.
	results := eval[map[string]string](p, fmt.Sprintf(`(async () => {
		const base = %s, out = {};
		const attempt = async (name, f) => { try { out[name] = String(await f()); } catch (e) { out[name] = 'failed'; } };
		const text = async r => r.type === 'opaque' ? 'opaque' : r.status + ' ' + (await r.text()).slice(0, 60);
		await attempt('read', async () => text(await fetch(base + '/api/state')));
		await attempt('blind', async () => text(await fetch(base + '/api/reset', {method: 'POST', mode: 'no-cors', body: '{}'})));
		await attempt('blind message', async () => text(await fetch(base + %s + '/messages', {method: 'POST', mode: 'no-cors', body: JSON.stringify({text: 'from a foreign site'})})));
		await attempt('json', async () => text(await fetch(base + '/api/reset', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})));
		await attempt('multipart', async () => { const f = new FormData(); f.append('text', 'from a foreign site'); return text(await fetch(base + %s + '/messages', {method: 'POST', mode: 'no-cors', body: f})); });
		await attempt('bot', async () => text(await fetch(base + '/bot%s/sendMessage?chat_id=%d&text=from+a+foreign+site', {mode: 'no-cors'})));
		await attempt('events', () => new Promise((ok, no) => { const e = new EventSource(base + '/api/events'); e.onopen = () => ok('open'); e.onerror = no; }));
		await attempt('script', () => new Promise((ok, no) => { const s = document.createElement('script'); s.src = base + '/page/app.js'; s.onload = () => ok('loaded'); s.onerror = no; document.body.append(s); }));
		await attempt('frame', () => new Promise(ok => { const f = document.createElement('iframe'); f.src = base + '/'; f.onload = () => { try { ok(f.contentDocument ? 'same' : 'blocked'); } catch { ok('blocked'); } }; document.body.append(f); }));
		return out;
	})()`, quote(c.url), quote(c.chat(c.you())), quote(c.chat(c.you())), c.token, c.you()))
	for _, name := range []string{"read", "json", "events", "script"} {
		require.Equal(t, "failed", results[name], name)
	}
	// An opaque answer tells nothing. What counts is that nothing was done.
	m := b.must("sendMessage", object{"chat_id": c.you(), "text": "the last"})
	require.NotZero(t, m.ID)
	own.waitText(".message.other .text", "the last")
	require.NotContains(t, eval[string](own, "document.body.innerText"), "foreign site")
	require.Contains(t, eval[string](own, "document.body.innerText"), "/start", "the reset was refused")
	for _, u := range b.updates() {
		require.False(t, u.Message != nil && strings.Contains(u.Message.Text, "foreign"))
	}

	// A name of another's that leads to this machine.
	rebound := newTab(t, strings.Replace(c.url, "127.0.0.1", "rebind.test", 1)+"/")
	require.NotContains(t, eval[string](rebound, "document.documentElement.outerHTML"), "/page/app.js")
	require.NotContains(t, eval[string](rebound, "fetch('/api/state').then(r => r.text())"), "started")
}

func TestKeyboardAlone(t *testing.T) {
	t.Parallel()
	c := start(t)
	b := c.poll(t, func(b *bot, u update) {
		if u.Message != nil && u.Message.Text == "/start" {
			b.must("sendMessage", object{"chat_id": u.Message.Chat.ID, "text": "Press", "reply_markup": object{"inline_keyboard": [][]object{{{"text": "Yes", "callback_data": "yes"}}}}})
		} else {
			echo(b, u)
		}
		if u.Press != nil {
			b.must("answerCallbackQuery", object{"callback_query_id": u.Press.ID, "text": "Pressed"})
		}
	})
	p := c.page(t)
	p.waitText(".foot-button", "START")
	focused := "document.activeElement?.textContent.trim()"
	tabTo := func(text string) {
		t.Helper()
		for range 40 {
			p.press(kb.Tab)
			if eval[string](p, focused) == text {
				return
			}
		}
		t.Fatalf("Tab never comes to %q", text)
	}
	tabTo("START")
	p.press(kb.Enter)
	p.waitText(".message.other .text", "Press")
	tabTo("Yes")
	require.True(t, eval[bool](p, "getComputedStyle(document.activeElement).outlineStyle !== 'none'"), "the focus is seen")
	p.press(kb.Enter)
	p.waitText(".toast", "Pressed")
	b.got("the press", func(u update) bool { return u.Press != nil })

	p.press("m")
	p.wait("document.activeElement.id === 'composer'")
	p.run(input.InsertText("by key"))
	p.press(kb.Enter)
	p.waitText(".message.other .text", "echo by key")
	p.press(kb.Escape)
	p.wait("document.activeElement.dataset.message")
	p.press(kb.ArrowUp)
	p.wait("document.activeElement.textContent.startsWith('by key')")
	p.press(kb.Enter) // the menu
	p.wait("document.activeElement.closest('[role=menu]')")
	for range 30 {
		if strings.HasPrefix(eval[string](p, focused), "Reply") {
			break
		}
		p.press(kb.ArrowDown)
	}
	p.press(kb.Enter)
	p.waitText(".composer-quote", "by key")
	p.press(kb.Escape)
	p.wait("!document.querySelector('.composer-quote')")
	p.press(kb.Escape)
	p.press("?")
	p.waitText("dialog", "Act as the next user")
	p.press(kb.Escape)
	p.wait("!document.querySelector('dialog')")
	p.press("i")
	p.wait("document.querySelector('aside.inspector')")
	p.press("i")
	p.wait("!document.querySelector('aside.inspector')")
	p.press("k", input.ModifierCtrl)
	p.wait("document.activeElement.id === 'chat-filter'")
	p.press(kb.ArrowDown)
	p.wait("document.activeElement.classList.contains('chat-row')")
}

// TestAccessible lets axe look at the page in several states, light and dark.
func TestAccessible(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	if os.IsNotExist(err) && os.Getenv("CI") == "" {
		t.Skip("axe-core is not installed: make programs installs it")
	}
	require.NoError(t, err, "make programs installs axe-core")
	c, b, p := begun(t, nil)
	everything(t, c, b)
	p.waitText(".message .text", "That was all.")
	look := func(state string) {
		t.Helper()
		p.run(evaluate(string(axe)))
		found := eval[[]struct {
			ID, Impact, Help string
			Nodes            []struct {
				HTML           string
				FailureSummary string
			}
		}](p, `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.map(n => ({HTML: n.html.slice(0, 200), FailureSummary: n.failureSummary}))})))`)
		for _, v := range found {
			if v.Impact == "serious" || v.Impact == "critical" {
				t.Errorf("%s: %s (%s): %s\n%+v", state, v.ID, v.Impact, v.Help, v.Nodes)
			}
		}
	}
	settle := func() {
		p.wait("document.getAnimations().every(a => a.playState !== 'running' || a.effect.getTiming().iterations === Infinity)")
	}
	for _, theme := range []string{"light", "dark"} {
		if theme == "dark" {
			p.dark()
		}
		settle()
		look(theme + ", end of the chat")
		eval[bool](p, "(document.querySelector('.scroller').scrollTop = 0, true)")
		look(theme + ", start of the chat")
		p.press(kb.Escape)
		p.press("?")
		p.wait("document.querySelector('dialog')")
		settle()
		look(theme + ", help")
		p.press(kb.Escape)
		p.wait("!document.querySelector('dialog')")
		p.press("i")
		p.wait("document.querySelector('aside.inspector')")
		look(theme + ", inspector while it loads or after")
		p.wait("document.querySelector('.inspector-row')")
		look(theme + ", inspector")
		p.write(".inspector-filter input", "no row has this")
		p.waitText(".inspector-none", "Nothing passes the filter")
		look(theme + ", inspector without rows")
		p.click(".inspector-none button", "Show all")
		p.wait("document.querySelector('.inspector-row')")
		p.press(kb.Escape)
		eval[bool](p, "(document.activeElement.blur(), true)")
		p.press("i")
		p.click(".invoice .button", "Pay")
		p.wait("document.querySelector('dialog')")
		settle()
		look(theme + ", checkout")
		p.press(kb.Escape)
		p.click(".chat-title", "")
		p.wait("document.querySelector('dialog')")
		settle()
		look(theme + ", about the chat")
		p.press(kb.Escape)
	}
}

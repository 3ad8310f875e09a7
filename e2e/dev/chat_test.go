package dev

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// poll is how often a test looks whether something has come.
const poll = 20 * time.Millisecond

// echo answers each text with the same text.
func echo(b *bot, u update) {
	if m := u.Message; m != nil && m.Text != "" {
		b.must("sendMessage", object{"chat_id": m.Chat.ID, "text": "echo " + m.Text})
	}
}

// begun starts the command with a bot and a page on which the chat has begun.
func begun(t *testing.T, handle func(b *bot, u update)) (*command, *bot, *tab) {
	t.Helper()
	c := start(t)
	b := c.poll(t, handle)
	p := c.page(t)
	begin(t, b, p)
	return c, b, p
}

// begin presses START.
func begin(t *testing.T, b *bot, p *tab) {
	t.Helper()
	p.click(".foot-button", "START")
	b.got("/start", func(u update) bool { return u.Message != nil && u.Message.Text == "/start" })
	p.wait("document.querySelector('#composer')")
	t.Cleanup(func() {
		problems, external := p.troubles()
		require.Empty(t, problems, "errors in the page")
		require.Empty(t, external, "requests to others")
	})
}

func picture(t *testing.T, width, height int, tint uint8) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{uint8(x * 255 / width), uint8(y * 255 / height), tint, 255})
		}
	}
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, img))
	return out.Bytes()
}

func TestWelcomeAndFirstMessage(t *testing.T) {
	t.Parallel()
	c := start(t)
	p := c.page(t)
	p.waitText(".welcome", "A Telegram on your desk")
	p.waitText(".copy-line code", c.url)
	b := c.poll(t, echo)
	p.waitText(".chat-title", "Bot")
	p.click(".foot-button", "START")
	p.waitText(".message.other .text", "echo /start")
	p.say("Hello")
	p.waitText(".message.own .text", "Hello")
	p.waitText(".message.other .text", "echo Hello")
	u := b.got("Hello", func(u update) bool { return u.Message != nil && u.Message.Text == "Hello" })
	require.Equal(t, c.you(), u.Message.From.ID)
	require.Empty(t, eval[string](p, "document.querySelector('#composer').value"))
	p.waitText("[aria-live=polite]", "echo Hello")
	p.waitText(".chat-row", "echo Hello")
}

func TestButtons(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	_, b, p := begun(t, func(b *bot, u update) {
		switch {
		case u.Message != nil && u.Message.Text == "/start":
			b.must("sendMessage", object{"chat_id": u.Message.Chat.ID, "text": "Choose", "reply_markup": object{"inline_keyboard": [][]object{
				{{"text": "Note", "callback_data": "note"}, {"text": "Alert", "callback_data": "alert"}, {"text": "Slow", "callback_data": "slow"}},
				{{"text": "Site", "url": "https://example.org/a?b=c"}, {"text": "Copy", "copy_text": object{"text": "CODE"}}, {"text": "Bad", "url": "https://t.me/x"}},
				{{"text": "Here", "switch_inline_query_current_chat": "cats"}, {"text": "App", "web_app": object{"url": "https://example.org/app"}}},
			}}})
		case u.Press != nil && u.Press.Data == "note":
			b.must("answerCallbackQuery", object{"callback_query_id": u.Press.ID, "text": "Noted"})
			b.must("editMessageText", object{"chat_id": u.Press.Message.Chat.ID, "message_id": u.Press.Message.ID, "text": "Chosen", "reply_markup": object{"inline_keyboard": [][]object{{{"text": "Alert", "callback_data": "alert"}, {"text": "Slow", "callback_data": "slow"}, {"text": "Here", "switch_inline_query_current_chat": "cats"}, {"text": "App", "web_app": object{"url": "https://example.org/app"}}, {"text": "Site", "url": "https://example.org/a?b=c"}}}}})
		case u.Press != nil && u.Press.Data == "alert":
			b.must("answerCallbackQuery", object{"callback_query_id": u.Press.ID, "text": "Mind this", "show_alert": true})
		case u.Press != nil && u.Press.Data == "slow":
			<-held
			b.must("answerCallbackQuery", object{"callback_query_id": u.Press.ID})
		}
	})
	p.click(".inline-button", "Note")
	p.waitText(".toast", "Noted")
	p.waitText(".message.other .text", "Chosen")
	p.waitText(".edited", "edited")
	p.click(".inline-button", "Alert")
	p.waitText("dialog .alert-text", "Mind this")
	p.click("dialog .button", "OK")
	p.wait("!document.querySelector('dialog')")
	p.click(".inline-button", "Slow")
	p.wait("document.querySelector('.inline-button[aria-busy=true] .spinner')")
	close(held)
	p.wait("!document.querySelector('.inline-button[aria-busy=true]')")
	require.Equal(t, []string{"https://example.org/a?b=c", "_blank", "noopener noreferrer"},
		eval[[]string](p, "(a => [a.href, a.target, a.rel])([...document.querySelectorAll('a.inline-button')].find(a => a.textContent.includes('Site')))"))
	p.click(".inline-button", "App")
	p.waitText("dialog", "https://example.org/app")
	p.press(kb.Escape)
	p.wait("!document.querySelector('dialog')")
	p.click(".inline-button", "Here")
	p.wait("document.querySelector('#composer').value.endsWith(' cats')")
	b.got("the inline query", func(u update) bool { return u.Inline != nil && u.Inline.Query == "cats" })
}

func TestReplyKeyboardAndForceReply(t *testing.T) {
	t.Parallel()
	_, b, p := begun(t, func(b *bot, u update) {
		if u.Message == nil {
			return
		}
		chat := u.Message.Chat.ID
		switch {
		case u.Message.Text == "/start":
			b.must("sendMessage", object{"chat_id": chat, "text": "Keys", "reply_markup": object{"keyboard": [][]object{{{"text": "Tea"}, {"text": "My number", "request_contact": true}}}, "resize_keyboard": true, "input_field_placeholder": "Tea or number"}})
		case u.Message.Contact != nil:
			b.must("sendMessage", object{"chat_id": chat, "text": "Gone", "reply_markup": object{"remove_keyboard": true}})
		case u.Message.Text == "force":
			b.must("sendMessage", object{"chat_id": chat, "text": "Your name?", "reply_markup": object{"force_reply": true}})
		}
	})
	p.click(".reply-button", "Tea")
	b.got("Tea", func(u update) bool { return u.Message != nil && u.Message.Text == "Tea" })
	require.Equal(t, "Tea or number", eval[string](p, "document.querySelector('#composer').placeholder"))
	p.click(".reply-button", "My number")
	p.click("dialog .button.primary", "Share")
	b.got("a contact", func(u update) bool { return u.Message != nil && u.Message.Contact != nil })
	p.waitText(".message.other .text", "Gone")
	p.wait("!document.querySelector('.reply-keyboard')")
	p.say("force")
	p.waitText(".composer-quote", "Your name?")
	p.say("Ada")
	u := b.got("the answer", func(u update) bool { return u.Message != nil && u.Message.Text == "Ada" })
	require.NotNil(t, u.Message.ReplyTo)
	require.Equal(t, "Your name?", u.Message.ReplyTo.Text)
}

func TestUploads(t *testing.T) {
	t.Parallel()
	c, b, p := begun(t, nil)
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	one, two := picture(t, 200, 100, 20), picture(t, 100, 200, 200)

	p.attach(write("one.png", one))
	p.wait("document.querySelector('dialog.attach img')?.naturalWidth === 200")
	p.write("dialog textarea", "A caption")
	p.click("dialog .button.primary", "Send")
	b.got("a photo", func(u update) bool {
		return u.Message != nil && len(u.Message.Photo) > 0 && u.Message.Caption == "A caption"
	})
	p.wait("document.querySelector('.message.own .photo img')?.naturalWidth > 0")

	p.attach(write("one.png", one), write("two.png", two))
	p.click("dialog .button.primary", "Send")
	first := b.got("an album", func(u update) bool { return u.Message != nil && u.Message.AlbumID != "" })
	require.Eventually(t, func() bool {
		n := 0
		for _, u := range b.updates() {
			if u.Message != nil && u.Message.AlbumID == first.Message.AlbumID {
				n++
			}
		}
		return n == 2
	}, patience, poll)
	p.wait("document.querySelectorAll('.album.of-2 .album-cell img').length === 2")

	content := []byte("what the file holds\x00\xff")
	p.attach(write("notes.bin", content))
	p.click("dialog .button.primary", "Send")
	u := b.got("a file", func(u update) bool { return u.Message != nil && u.Message.Document != nil })
	require.Equal(t, "notes.bin", u.Message.Document.Name)
	require.EqualValues(t, len(content), u.Message.Document.Size)
	p.waitText(".document", "notes.bin")
	status, got := c.try("GET", c.bot()+"/files/"+u.Message.Document.ID, nil)
	require.Equal(t, 200, status)
	require.Equal(t, content, got)

	// A file that is dropped, and one that is pasted.
	for _, way := range []string{"drop", "paste"} {
		eval[bool](p, fmt.Sprintf(`(() => {
			const data = new DataTransfer();
			data.items.add(new File(['dropped'], '%[1]s.txt', {type: 'text/plain'}));
			const target = document.querySelector('%[1]s' === 'drop' ? 'main.chat' : '#composer');
			return target.dispatchEvent('%[1]s' === 'drop' ? new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}) : new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
		})()`, way))
		p.waitText("dialog.attach", way+".txt")
		p.click("dialog .button.primary", "Send")
		b.got(way, func(u update) bool {
			return u.Message != nil && u.Message.Document != nil && u.Message.Document.Name == way+".txt"
		})
		p.wait("!document.querySelector('dialog')")
	}

	// Dragged out, a file names its address for the browser to save.
	dragged := eval[string](p, `(() => {
		const data = new DataTransfer();
		[...document.querySelectorAll('.document')].find(d => d.textContent.includes('notes.bin')).dispatchEvent(new DragEvent('dragstart', {dataTransfer: data, bubbles: true}));
		return data.getData('DownloadURL');
	})()`)
	require.Contains(t, dragged, ":notes.bin:"+c.url+"/api/bots/")
}

func TestMessageActions(t *testing.T) {
	t.Parallel()
	c, b, p := begun(t, echo)
	p.say("first")
	p.waitText(".message.other .text", "echo first")
	menu := func(text, item string) {
		t.Helper()
		p.wait(fmt.Sprintf("(m => m && (m.querySelector('.message-more').click(), true))([...document.querySelectorAll('.message')].findLast(m => m.querySelector('.text')?.textContent === %s))", quote(text)))
		p.click(".menu .menu-item", item)
	}
	menu("echo first", "Reply")
	p.waitText(".composer-quote", "echo first")
	p.say("an answer")
	u := b.got("the answer", func(u update) bool { return u.Message != nil && u.Message.Text == "an answer" })
	require.Equal(t, "echo first", u.Message.ReplyTo.Text)
	p.waitText(".message.own .reply-preview", "echo first")

	menu("an answer", "Edit")
	p.wait("document.querySelector('#composer').value === 'an answer' && document.activeElement.id === 'composer'")
	p.run(input.InsertText("!"))
	p.press(kb.Enter)
	b.got("the edit", func(u update) bool { return u.Edited != nil && u.Edited.Text == "an answer!" })
	p.waitText(".message.own .meta", "edited")

	p.wait("([...document.querySelectorAll('.message.other')].pop().querySelector('.message-more').click(), true)")
	p.click(".reaction-row button", "🔥")
	p.waitText(".reaction.mine", "🔥")
	b.got("the reaction", func(u update) bool {
		return u.Reaction != nil && len(u.Reaction.New) == 1 && u.Reaction.New[0].Emoji == "🔥"
	})

	menu("an answer!", "Delete")
	p.click("dialog .button.danger", "Delete")
	p.wait("[...document.querySelectorAll('.message.own.deleted')].some(m => m.textContent.includes('an answer!'))")

	// What the bot deletes goes too.
	m := b.must("sendMessage", object{"chat_id": c.you(), "text": "soon gone"})
	p.waitText(".message.other", "soon gone")
	b.must("deleteMessage", object{"chat_id": c.you(), "message_id": m.ID})
	p.wait("[...document.querySelectorAll('.message.other.deleted')].some(m => m.textContent.includes('soon gone'))")
}

func TestPayment(t *testing.T) {
	t.Parallel()
	refuse := make(chan bool, 2)
	_, b, p := begun(t, func(b *bot, u update) {
		switch {
		case u.Message != nil && u.Message.Text == "/start":
			b.must("sendInvoice", object{
				"chat_id": u.Message.Chat.ID, "title": "Lamp", "description": "It glows", "payload": "lamp", "provider_token": "1:TEST:a", "currency": "EUR",
				"prices": []object{{"label": "Lamp", "amount": 1999}}, "need_shipping_address": true, "is_flexible": true, "need_name": true,
			})
		case u.Shipping != nil:
			b.must("answerShippingQuery", object{"shipping_query_id": u.Shipping.ID, "ok": true, "shipping_options": []object{
				{"id": "post", "title": "By post", "prices": []object{{"label": "Post", "amount": 300}}}, {"id": "fast", "title": "Fast", "prices": []object{{"label": "Fast", "amount": 900}}},
			}})
		case u.PreCheckout != nil:
			if <-refuse {
				b.must("answerPreCheckoutQuery", object{"pre_checkout_query_id": u.PreCheckout.ID, "ok": false, "error_message": "Sold out, sorry"})
			} else {
				b.must("answerPreCheckoutQuery", object{"pre_checkout_query_id": u.PreCheckout.ID, "ok": true})
			}
		}
	})
	p.waitText(".invoice-sum", "€19.99")
	refuse <- true
	refuse <- false
	pay := func() {
		p.wait("!document.querySelector('.checkout .button.primary').disabled")
		p.click(".checkout .button.primary", "Pay")
		p.click(".shipping-option", "Fast")
		p.waitText(".shipping-option:has(:checked)", "€9.00")
		p.click(".checkout .button.primary", "Pay")
	}
	p.click(".invoice .button", "Pay")
	pay()
	p.waitText(".checkout [role=alert]", "Sold out, sorry")
	p.click(".checkout .button.primary", "Again")
	pay()
	p.waitText(".pay-end", "Paid")
	p.click(".checkout .button.primary", "Done")
	u := b.got("the payment", func(u update) bool { return u.Message != nil && u.Message.Payment != nil })
	require.EqualValues(t, 1999+900, u.Message.Payment.Total)
	p.waitText(".receipt", "€28.99")
}

func TestPollDiceAndDraft(t *testing.T) {
	t.Parallel()
	c, b, p := begun(t, nil)
	b.must("sendPoll", object{"chat_id": c.you(), "question": "Tea?", "options": []string{"Yes", "No"}, "is_anonymous": false})
	p.click(".poll-option", "Yes")
	b.got("the vote", func(u update) bool {
		return u.PollAnswer != nil && len(u.PollAnswer.OptionIDs) == 1 && u.PollAnswer.OptionIDs[0] == 0
	})
	p.waitText(".poll-result", "100%")
	p.click(".poll .button", "Take back")
	p.wait("document.querySelectorAll('.poll-option').length === 2")
	b.must("sendDice", object{"chat_id": c.you()})
	p.wait("document.querySelector('.dice svg circle')")
	b.must("sendChatAction", object{"chat_id": c.you(), "action": "typing"})
	p.waitText(".doing", "typing")
	if err := b.call("sendMessageDraft", object{"chat_id": c.you(), "draft_id": 7, "text": "I am still thin"}, new(json.RawMessage)); err == nil {
		p.waitText(".message.draft", "I am still thin")
	}
	b.must("sendMessage", object{"chat_id": c.you(), "text": "Done"})
	p.waitText(".message.other .text", "Done")
	p.wait("!document.querySelector('.doing')")
}

func TestInlineMode(t *testing.T) {
	t.Parallel()
	_, b, p := begun(t, func(b *bot, u update) {
		if u.Inline != nil {
			b.must("answerInlineQuery", object{"inline_query_id": u.Inline.ID, "results": []object{
				{"type": "article", "id": "1", "title": "About " + u.Inline.Query, "description": "A line", "input_message_content": object{"message_text": "It is " + u.Inline.Query}},
			}})
		}
	})
	_ = b
	name := eval[string](p, "document.querySelector('.bot-text .muted').textContent")
	p.write("#composer", name+" rain")
	p.click(".suggestion", "About rain")
	p.waitText(".message.own .text", "It is rain")
	p.waitText(".message.own .via", name)
}

func TestCommandsByKey(t *testing.T) {
	t.Parallel()
	_, b, p := begun(t, echo)
	statsByKey(b, p)
}

// statsByKey chooses a command of the bot by key.
func statsByKey(b *bot, p *tab) {
	p.t.Helper()
	b.must("setMyCommands", object{"commands": []object{{"command": "start", "description": "Begin"}, {"command": "stats", "description": "Numbers"}, {"command": "help", "description": "Help"}}})
	p.wait("document.querySelector('[aria-label=\"Commands of the bot\"]')")
	p.write("#composer", "/st")
	p.wait("document.querySelectorAll('.suggestion').length === 2")
	p.press(kb.ArrowDown)
	p.waitText(".suggestion[aria-selected=true]", "/stats")
	p.press(kb.Enter)
	b.got("/stats", func(u update) bool { return u.Message != nil && u.Message.Text == "/stats" })
	p.waitText(".message.other .text", "echo /stats")
}

// On a busy machine, keys are pressed before the effects of Preact run. They wait for the next frame,
// or for a timer.
func TestNoKeyIsLostBeforeTheEffectsOfThePage(t *testing.T) {
	t.Parallel()
	c := start(t)
	b := c.poll(t, echo)
	p := scripted(t, c, `
		const timer = window.setTimeout;
		window.requestAnimationFrame = f => timer(f, 3000);
		window.setTimeout = (f, after, ...args) => timer(f, after === 35 || after === 100 ? 3000 : after, ...args);`)
	begin(t, b, p)
	p.say("at once")
	b.got("the message", func(u update) bool { return u.Message != nil && u.Message.Text == "at once" })
	statsByKey(b, p)
	p.press(kb.Escape)
	p.press("/")
	p.wait("document.activeElement.type === 'search'")
}

func TestALinkIsFollowedWhileTheChatLoads(t *testing.T) {
	t.Parallel()
	c := start(t)
	b := c.poll(t, nil)
	p := scripted(t, c, `
		const ask = window.fetch;
		window.held = sessionStorage.hold ? [] : null; // the requests for messages, while they are held
		window.fetch = (url, ...rest) => window.held && String(url).includes('/messages?')
			? new Promise(resolve => window.held.push(() => resolve(ask(url, ...rest)))) : ask(url, ...rest);`)
	begin(t, b, p)
	for i := range 120 {
		b.must("sendMessage", object{"chat_id": c.you(), "text": fmt.Sprint("line ", i)})
	}
	p.waitText(".message .text", "line 119")
	chat := eval[string](p, "location.hash")
	eval[bool](p, "(sessionStorage.hold = 'yes', true)")
	p.reload()
	p.wait("window.held?.length > 0")
	eval[bool](p, "(location.hash = "+quote(chat+"/message/5")+", true)")
	p.wait("location.hash.endsWith('/5')")
	eval[bool](p, "(window.held.forEach(f => f()), window.held = null, true)")
	p.wait("document.querySelector('.message.marked')?.dataset.message === '5'")
}

func TestSearch(t *testing.T) {
	t.Parallel()
	c, b, p := begun(t, nil)
	for i := range 120 {
		text := fmt.Sprintf("line %d", i)
		if i == 3 {
			text = "the needle"
		}
		b.must("sendMessage", object{"chat_id": c.you(), "text": text})
	}
	p.waitText(".message .text", "line 119")
	p.press(kb.Escape)
	p.press("/")
	p.wait("document.activeElement?.type === 'search'")
	p.press("needle")
	p.wait("document.querySelector('.search-bar [role=status]').textContent === '1'")
	p.press(kb.Enter)
	p.waitText(".message.marked .text", "the needle")
	p.wait("(b => b.top > 60 && b.bottom < innerHeight)(document.querySelector('.message.marked').getBoundingClientRect())")
	p.press(kb.Escape)
	p.wait("document.querySelector('.to-end')")
	p.click(".to-end", "")
	p.wait("(b => b && b.bottom < innerHeight)([...document.querySelectorAll('.message')].find(m => m.textContent.includes('line 119'))?.getBoundingClientRect())")
	require.NotContains(t, eval[string](p, "document.title"), "(")
}

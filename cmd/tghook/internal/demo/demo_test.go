package demo_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/demo"
	"github.com/tghook/tghook/tghooktest"
)

// start runs the bot, and returns the chat of a user who has pressed Start.
func start(t *testing.T) (*tghooktest.Server, *tghooktest.Chat, *tghooktest.Message) {
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: demo.Token, Patience: time.Minute})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- demo.Run(ctx, tg.Bot(t)) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	chat := tg.User("Zoë").Chat()
	chat.Send("/start")
	return tg, chat, chat.Expect(t, "Hello, Zoë! I am a bot, and this is a simulated Telegram. Press something:")
}

func TestMenu(t *testing.T) {
	tg, chat, menu := start(t)
	menu.Press("✏️ Edit").Expect(t, "")
	edited := chat.Expect(t, "This message was edited 1 times.\nA spoiler, code, underlined.")
	edited.Press("✏️ Once more").Expect(t, "")
	chat.Expect(t, "This message was edited 2 times.\nA spoiler, code, underlined.").Press("↩️ Menu").Expect(t, "")
	menu = chat.Expect(t, "Hello, Zoë! I am a bot, and this is a simulated Telegram. Press something:")
	menu.Press("🔔 Alert").Expect(t, "An alert waits until it is closed. Other answers disappear by themselves.")
	menu.Press("🎲 Dice").Expect(t, "")

	commands := tg.User("Zoë").Chat().Commands()
	require.Len(t, commands, 8)
	require.Equal(t, "start", commands[0].Name)
}

func TestPictures(t *testing.T) {
	tg, chat, menu := start(t)
	menu.Press("🖼 Photo").Expect(t, "")
	chat.Expect(t, "An evening, painted by the bot")
	menu.Press("🗂 Album").Expect(t, "")
	chat.Expect(t, "Three times of the day")
	var files []string
	for _, call := range tg.Calls() {
		for _, f := range call.Files {
			files = append(files, f.Name)
			require.True(t, strings.HasPrefix(string(f.Content), "\xff\xd8"), "a JPEG")
		}
	}
	require.ElementsMatch(t, []string{"evening.jpg", "morning.jpg", "noon.jpg", "evening.jpg"}, files)
}

func TestPayment(t *testing.T) {
	_, chat, menu := start(t)
	menu.Press("💶 Payment").Expect(t, "")
	invoice := chat.Expect(t, "")
	invoice.Pay(tghooktest.Order{Shipping: "Courier, today", Tip: 100}).Expect(t)
	chat.Expect(t, "✅ Thank you! You have paid 23.80 EUR, and the parcel goes by courier. No money has moved.")

	chat.Send("/pay")
	chat.Expect(t, "").Pay(tghooktest.Order{Address: tghooktest.Address{CountryCode: "AQ", City: "McMurdo", StreetLine1: "1"}}).
		ExpectRefusal(t, "Parcels do not go to Antarctica. Choose another country.")
}

func TestPollAndInline(t *testing.T) {
	tg, chat, menu := start(t)
	menu.Press("📊 Poll").Expect(t, "")
	chat.Vote(chat.Expect(t, "How do you get updates?"), "By carrier pigeon")
	chat.Expect(t, "🐦 A pigeon has better latency than some networks.")

	query := tg.User("Zoë").Inline("a<b")
	require.Len(t, query.Expect(t), 4)
	require.Equal(t, "a<b", query.Choose(1).Text)
}

func TestStreamAndStop(t *testing.T) {
	_, chat, menu := start(t)
	menu.Press("💬 Streamed answer")
	chat.ExpectDraft(t, "A language model does not").Stop()
	var text string
	require.Eventually(t, func() bool {
		messages := chat.Messages()
		text = messages[len(messages)-1].Text
		return strings.HasSuffix(text, "… stopped")
	}, time.Minute, 10*time.Millisecond)
	require.NotContains(t, text, "you can press Stop", "it stops before its end")

	chat.Send("hi")
	chat.Expect(t, "You said hi. Send /start for what else I can do.")
}

func TestWhatUsersSend(t *testing.T) {
	_, chat, menu := start(t)
	menu.Press("⌨️ Keyboard").Expect(t, "")
	chat.Expect(t, "These keys send something about you:")
	chat.SendContact("+49 30 1234")
	chat.Expect(t, "☎️ Your number is +49 30 1234.")
	chat.SendLocation(52.5, 13.4)
	chat.Expect(t, "📍 You are at 52.5000, 13.4000.")
	chat.SendDocument("<b>.txt", []byte("x"))
	chat.Expect(t, "📄 I have got the file <b>.txt.")
	chat.Send("<i>&amp;")
	chat.Expect(t, "You said <i>&amp;. Send /start for what else I can do.")
	chat.Send("/nothing")
	chat.Expect(t, "There is no command /nothing. The menu beside the text field has those that there are.")
}

func TestTokenHasTheFormOfTokens(t *testing.T) {
	require.Regexp(t, `^\d+:[A-Za-z0-9_-]{35}$`, demo.Token)
}

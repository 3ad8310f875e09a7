package clients_test

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"maps"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

// A client runs one echo bot until the test ends. With a listener, the bot sets a webhook
// and serves it there; without one, it polls.
//
// The bot repeats each message, with a button "Shout" below that turns the message into
// capitals. It answers an edit with the new text, /photo with a photo, a photo with its
// size, and an inline query with an article of that title.
type client func(t *testing.T, tg *tghooktest.Server, webhook net.Listener)

var clients = map[string]client{
	"go-telegram/bot":     goTelegram,
	"telego":              telegoBot,
	"telebot":             telebotBot,
	"go-telegram-bot-api": tgbotapiBot,
}

// scenarios are the clients whose bot can do the tasks of scenario_test.go too.
var scenarios = map[string]client{
	"gotgbot":             gotgbotBot,
	"python-telegram-bot": pythonTelegramBot,

	"gramio":                javascript("gramio"),
	"grammY":                javascript("grammy"),
	"node-telegram-bot-api": javascript("node-telegram-bot-api"),

	"telegraf": javascript("telegraf"),
}

// transports are the ways in which a bot gets updates. Each returns the listener that the
// client gets.
var transports = map[string]func(t *testing.T, tg *tghooktest.Server) net.Listener{
	"long poll": func(*testing.T, *tghooktest.Server) net.Listener { return nil },
	"webhook": func(t *testing.T, tg *tghooktest.Server) net.Listener {
		t.Helper()
		webhook, err := tg.Listen("127.0.0.1:0")
		require.NoError(t, err)
		return webhook
	},
}

const secret = "stand_in_secret-0123456789"

func TestALibraryTakesTheServerForTelegram(t *testing.T) {
	t.Parallel()
	all := maps.Clone(clients)
	maps.Copy(all, scenarios)
	for name, run := range all {
		for transport, webhook := range transports {
			t.Run(name+" by "+transport, func(t *testing.T) {
				t.Parallel()
				tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: patience})
				run(t, tg, webhook(t, tg))
				converse(t, tg)
				polled, set := len(tg.Calls("getUpdates")) > 0, len(tg.Calls("setWebhook")) > 0
				assert.Equal(t, transport == "long poll", polled, "calls of getUpdates")
				assert.Equal(t, transport == "webhook", set, "calls of setWebhook")
			})
		}
	}
}

// converse is a user's conversation with the bot.
func converse(t *testing.T, tg *tghooktest.Server) {
	t.Helper()
	zoe := tg.User("Zoë")
	chat := zoe.Chat()
	said := chat.Send("hé 👋")
	echo := chat.Expect(t, "hé 👋")
	echo.Press("Shout").Expect(t, "Loud enough?")
	chat.Expect(t, "HÉ 👋")
	chat.Edit(said, "ho")
	chat.Expect(t, "edited: ho")

	chat.Send("/photo")
	chat.Expect(t, "a photo")
	sent := tg.ExpectCall(t, "sendPhoto")
	assert.Len(t, sent.Files, 1, "the files of sendPhoto")
	for _, file := range sent.Files {
		if !bytes.Equal(file.Content, photo()) {
			t.Errorf("a photo of %d bytes was uploaded, want %d", len(file.Content), len(photo()))
		}
	}
	chat.SendPhoto("", photo())
	chat.Expect(t, sizeOf(photo()))

	results := zoe.Inline("tea").Expect(t)
	if len(results) != 1 || results[0].Title != "tea" {
		t.Errorf("the inline query was answered with %+v, want one article, tea", results)
	}
	tg.WaitDelivered(t)
	for _, call := range tg.Calls() {
		if call.Err != nil {
			t.Errorf("%s was answered %v", call.Method, call.Err)
		}
	}
}

// photo returns a small JPEG.
func photo() []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 90, 60)), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// serve serves the bot's webhook and returns its URL.
func serve(t *testing.T, webhook net.Listener, h http.Handler) string {
	t.Helper()
	server := &http.Server{Handler: h, ReadHeaderTimeout: patience, IdleTimeout: 90 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(webhook)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return "http://" + webhook.Addr().String() + "/telegram"
}

// report fails the test with a bot's error, unless the test has already ended and has
// interrupted the bot's work.
func report(t *testing.T, err error) {
	t.Helper()
	if err != nil && t.Context().Err() == nil {
		t.Error(err)
	}
}

// running starts a bot's loop, which must end when its context ends.
func running(t *testing.T, loop func(ctx context.Context)) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		loop(ctx)
	}()
	t.Cleanup(func() {
		stop()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("the bot does not end")
		}
	})
}

const patience = 30 * time.Second

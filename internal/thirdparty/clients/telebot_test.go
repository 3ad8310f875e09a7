package clients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/telebot.v4"

	"github.com/tghook/tghook/tghooktest"
)

// Its own Webhook learns only some time after setWebhook where to send updates, and an
// update that comes before hangs for ever. So the bot decodes and processes them itself.
func telebotBot(t *testing.T, tg *tghooktest.Server, webhook net.Listener) {
	t.Helper()
	b, err := telebot.NewBot(telebot.Settings{
		URL: tg.URL, Token: tg.Token, Poller: &telebot.LongPoller{Timeout: 10 * time.Second},
		OnError: func(err error, _ telebot.Context) { report(t, err) },
	})
	require.NoError(t, err)
	telebotEcho(b)
	if webhook == nil {
		running(t, func(ctx context.Context) {
			stop := context.AfterFunc(ctx, b.Stop)
			defer stop()
			b.Start()
		})
		return
	}
	url := serve(t, webhook, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var u telebot.Update
		if err := json.NewDecoder(r.Body).Decode(&u); err != nil || r.Header.Get("X-Telegram-Bot-Api-Secret-Token") != secret {
			t.Errorf("a request that is none of Telegram's: %v", err)
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		b.ProcessUpdate(u)
	}))
	require.NoError(t, b.SetWebhook(&telebot.Webhook{SecretToken: secret, Endpoint: &telebot.WebhookEndpoint{PublicURL: url}}))
}

func telebotEcho(b *telebot.Bot) {
	keyboard := &telebot.ReplyMarkup{}
	shout := keyboard.Data("Shout", "shout")
	keyboard.Inline(keyboard.Row(shout))
	b.Handle("/photo", func(c telebot.Context) error {
		return c.Send(&telebot.Photo{File: telebot.FromReader(bytes.NewReader(photo())), Caption: "a photo"})
	})
	b.Handle(telebot.OnPhoto, func(c telebot.Context) error {
		file, err := b.File(&c.Message().Photo.File)
		if err != nil {
			return err
		}
		defer file.Close()
		content, err := io.ReadAll(file)
		if err != nil {
			return err
		}
		return c.Send(sizeOf(content))
	})
	b.Handle(telebot.OnText, func(c telebot.Context) error { return c.Send(c.Text(), keyboard) })
	b.Handle(telebot.OnEdited, func(c telebot.Context) error { return c.Send("edited: " + c.Text()) })
	b.Handle(&shout, func(c telebot.Context) error {
		if err := c.Respond(&telebot.CallbackResponse{Text: "Loud enough?"}); err != nil {
			return err
		}
		return c.Edit(strings.ToUpper(c.Message().Text))
	})
	b.Handle(telebot.OnQuery, func(c telebot.Context) error {
		article := &telebot.ArticleResult{Title: c.Query().Text, Text: c.Query().Text}
		article.SetResultID("1")
		return c.Answer(&telebot.QueryResponse{Results: telebot.Results{article}})
	})
}

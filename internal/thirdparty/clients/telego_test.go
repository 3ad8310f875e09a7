package clients_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/mymmrac/telego"
	"github.com/mymmrac/telego/telegohandler"
	"github.com/mymmrac/telego/telegoutil"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

// Its calls go by fasthttp, its default.
func telegoBot(t *testing.T, tg *tghooktest.Server, webhook net.Listener) {
	t.Helper()
	b, err := telego.NewBot(tg.Token, telego.WithAPIServer(tg.URL), telego.WithDiscardLogger())
	require.NoError(t, err)
	ready := make(chan struct{})
	running(t, func(ctx context.Context) {
		var updates <-chan telego.Update
		var err error
		if webhook == nil {
			updates, err = b.UpdatesViaLongPolling(ctx, nil)
		} else {
			mux := http.NewServeMux()
			updates, err = b.UpdatesViaWebhook(ctx, telego.WebhookHTTPServeMux(mux, "POST /telegram", secret),
				telego.WithWebhookSet(ctx, &telego.SetWebhookParams{URL: serve(t, webhook, mux), SecretToken: secret}))
		}
		close(ready)
		if err != nil {
			t.Error(err)
			return
		}
		handler, err := telegohandler.NewBotHandler(b, updates)
		if err != nil {
			t.Error(err)
			return
		}
		handler.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
			err := telegoEcho(ctx, b, u)
			report(t, err)
			return err
		})
		if err := handler.Start(); err != nil {
			t.Error(err)
		}
	})
	<-ready
}

func telegoEcho(ctx context.Context, b *telego.Bot, u telego.Update) error {
	switch {
	case u.Message != nil && u.Message.Text == "/photo":
		upload := telegoutil.File(telegoutil.NameReader(strings.NewReader(string(photo())), "photo.jpg"))
		_, err := b.SendPhoto(ctx, telegoutil.Photo(u.Message.Chat.ChatID(), upload).WithCaption("a photo"))
		return err
	case u.Message != nil && u.Message.Photo != nil:
		file, err := b.GetFile(ctx, &telego.GetFileParams{FileID: u.Message.Photo[len(u.Message.Photo)-1].FileID})
		if err != nil {
			return err
		}
		content, err := download(ctx, b.FileDownloadURL(file.FilePath))
		if err != nil {
			return err
		}
		_, err = b.SendMessage(ctx, telegoutil.Message(u.Message.Chat.ChatID(), sizeOf(content)))
		return err
	case u.Message != nil:
		_, err := b.SendMessage(ctx, telegoutil.Message(u.Message.Chat.ChatID(), u.Message.Text).WithReplyMarkup(
			telegoutil.InlineKeyboard(telegoutil.InlineKeyboardRow(telegoutil.InlineKeyboardButton("Shout").WithCallbackData("shout")))))
		return err
	case u.EditedMessage != nil:
		_, err := b.SendMessage(ctx, telegoutil.Message(u.EditedMessage.Chat.ChatID(), "edited: "+u.EditedMessage.Text))
		return err
	case u.CallbackQuery != nil:
		if err := b.AnswerCallbackQuery(ctx, telegoutil.CallbackQuery(u.CallbackQuery.ID).WithText("Loud enough?")); err != nil {
			return err
		}
		said := u.CallbackQuery.Message.Message()
		_, err := b.EditMessageText(ctx, &telego.EditMessageTextParams{ChatID: said.Chat.ChatID(), MessageID: said.MessageID, Text: strings.ToUpper(said.Text)})
		return err
	case u.InlineQuery != nil:
		return b.AnswerInlineQuery(ctx, telegoutil.InlineQuery(u.InlineQuery.ID,
			telegoutil.ResultArticle("1", u.InlineQuery.Query, telegoutil.TextMessage(u.InlineQuery.Query))))
	}
	return nil
}

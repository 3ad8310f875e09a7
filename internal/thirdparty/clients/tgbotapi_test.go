package clients_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

// The library does not know setWebhook's secret_token, and its address for files cannot be
// set. So the bot makes that call and that URL itself.
func tgbotapiBot(t *testing.T, tg *tghooktest.Server, webhook net.Listener) {
	t.Helper()
	b, err := tgbotapi.NewBotAPIWithAPIEndpoint(tg.Token, tg.URL+"/bot%s/%s")
	require.NoError(t, err)
	handle := func(u tgbotapi.Update) {
		report(t, tgbotapiEcho(context.WithoutCancel(t.Context()), b, tg.URL+"/file/bot"+tg.Token+"/", u))
	}
	if webhook == nil {
		poll := tgbotapi.NewUpdate(0)
		poll.Timeout = 1 // a poll cannot be interrupted
		running(t, func(ctx context.Context) {
			updates := b.GetUpdatesChan(poll)
			stop := context.AfterFunc(ctx, b.StopReceivingUpdates)
			defer stop()
			for u := range updates {
				handle(u)
			}
		})
		return
	}
	url := serve(t, webhook, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		u, err := b.HandleUpdate(r)
		if err != nil || r.Header.Get("X-Telegram-Bot-Api-Secret-Token") != secret {
			t.Errorf("a request that is none of Telegram's: %v", err)
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		handle(*u)
	}))
	if _, err := b.MakeRequest("setWebhook", tgbotapi.Params{"url": url, "secret_token": secret}); err != nil {
		t.Fatal(err)
	}
}

func tgbotapiEcho(ctx context.Context, b *tgbotapi.BotAPI, files string, u tgbotapi.Update) error {
	var answer tgbotapi.Chattable
	switch {
	case u.Message != nil && u.Message.Text == "/photo":
		upload := tgbotapi.NewPhoto(u.Message.Chat.ID, tgbotapi.FileBytes{Name: "photo.jpg", Bytes: photo()})
		upload.Caption = "a photo"
		answer = upload
	case u.Message != nil && u.Message.Photo != nil:
		file, err := b.GetFile(tgbotapi.FileConfig{FileID: u.Message.Photo[len(u.Message.Photo)-1].FileID})
		if err != nil {
			return err
		}
		content, err := download(ctx, files+file.FilePath)
		if err != nil {
			return err
		}
		answer = tgbotapi.NewMessage(u.Message.Chat.ID, sizeOf(content))
	case u.Message != nil:
		echo := tgbotapi.NewMessage(u.Message.Chat.ID, u.Message.Text)
		echo.ReplyMarkup = tgbotapi.NewInlineKeyboardMarkup(tgbotapi.NewInlineKeyboardRow(tgbotapi.NewInlineKeyboardButtonData("Shout", "shout")))
		answer = echo
	case u.EditedMessage != nil:
		answer = tgbotapi.NewMessage(u.EditedMessage.Chat.ID, "edited: "+u.EditedMessage.Text)
	case u.CallbackQuery != nil:
		if _, err := b.Request(tgbotapi.NewCallback(u.CallbackQuery.ID, "Loud enough?")); err != nil {
			return err
		}
		said := u.CallbackQuery.Message
		answer = tgbotapi.NewEditMessageText(said.Chat.ID, said.MessageID, strings.ToUpper(said.Text))
	case u.InlineQuery != nil:
		answer = tgbotapi.InlineConfig{
			InlineQueryID: u.InlineQuery.ID,
			Results:       []any{tgbotapi.NewInlineQueryResultArticle("1", u.InlineQuery.Query, u.InlineQuery.Query)},
		}
	default:
		return nil
	}
	_, err := b.Request(answer)
	return err
}

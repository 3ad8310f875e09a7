package clients_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

func goTelegram(t *testing.T, tg *tghooktest.Server, webhook net.Listener) {
	t.Helper()
	handle := func(ctx context.Context, b *bot.Bot, u *models.Update) {
		report(t, goTelegramEcho(ctx, b, u))
	}
	b, err := bot.New(tg.Token, bot.WithServerURL(tg.URL), bot.WithCheckInitTimeout(patience), bot.WithDefaultHandler(handle), bot.WithWebhookSecretToken(secret))
	require.NoError(t, err)
	if webhook == nil {
		running(t, b.Start)
		return
	}
	running(t, b.StartWebhook)
	url := serve(t, webhook, b.WebhookHandler())
	if _, err := b.SetWebhook(t.Context(), &bot.SetWebhookParams{URL: url, SecretToken: secret}); err != nil {
		t.Fatal(err)
	}
}

func goTelegramEcho(ctx context.Context, b *bot.Bot, u *models.Update) error {
	switch {
	case u.Message != nil && u.Message.Text == "/photo":
		_, err := b.SendPhoto(ctx, &bot.SendPhotoParams{
			ChatID: u.Message.Chat.ID, Caption: "a photo",
			Photo: &models.InputFileUpload{Filename: "photo.jpg", Data: bytes.NewReader(photo())},
		})
		return err
	case u.Message != nil && u.Message.Photo != nil:
		file, err := b.GetFile(ctx, &bot.GetFileParams{FileID: u.Message.Photo[len(u.Message.Photo)-1].FileID})
		if err != nil {
			return err
		}
		content, err := download(ctx, b.FileDownloadLink(file))
		if err != nil {
			return err
		}
		_, err = b.SendMessage(ctx, &bot.SendMessageParams{ChatID: u.Message.Chat.ID, Text: sizeOf(content)})
		return err
	case u.Message != nil:
		_, err := b.SendMessage(ctx, &bot.SendMessageParams{
			ChatID: u.Message.Chat.ID, Text: u.Message.Text,
			ReplyMarkup: models.InlineKeyboardMarkup{InlineKeyboard: [][]models.InlineKeyboardButton{{{Text: "Shout", CallbackData: "shout"}}}},
		})
		return err
	case u.EditedMessage != nil:
		_, err := b.SendMessage(ctx, &bot.SendMessageParams{ChatID: u.EditedMessage.Chat.ID, Text: "edited: " + u.EditedMessage.Text})
		return err
	case u.CallbackQuery != nil:
		if _, err := b.AnswerCallbackQuery(ctx, &bot.AnswerCallbackQueryParams{CallbackQueryID: u.CallbackQuery.ID, Text: "Loud enough?"}); err != nil {
			return err
		}
		said := u.CallbackQuery.Message.Message
		_, err := b.EditMessageText(ctx, &bot.EditMessageTextParams{ChatID: said.Chat.ID, MessageID: said.ID, Text: strings.ToUpper(said.Text)})
		return err
	case u.InlineQuery != nil:
		_, err := b.AnswerInlineQuery(ctx, &bot.AnswerInlineQueryParams{
			InlineQueryID: u.InlineQuery.ID,
			Results: []models.InlineQueryResult{&models.InlineQueryResultArticle{
				ID: "1", Title: u.InlineQuery.Query, InputMessageContent: &models.InputTextMessageContent{MessageText: u.InlineQuery.Query},
			}},
		})
		return err
	}
	return nil
}

// Package gotelegram is the bot of the tests on go-telegram/bot.
package gotelegram

import (
	"bytes"
	"context"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/libraries/download"
	"github.com/tghook/tghook/internal/test/librarytest"
	"github.com/tghook/tghook/libraries/tggotelegram"
)

// Open is a librarytest.Open.
func Open(token string, transport *tghook.ReplyTransport, work librarytest.Work) (tghook.Handler, error) {
	b, err := bot.New(token, tggotelegram.Options(transport)...)
	if err != nil {
		return nil, err
	}
	on := func(text string, h func(ctx context.Context, b *bot.Bot, chat int64) error) {
		b.RegisterHandler(bot.HandlerTypeMessageText, text, bot.MatchTypeExact, func(ctx context.Context, b *bot.Bot, u *models.Update) {
			tggotelegram.Fail(ctx, h(ctx, b, u.Message.Chat.ID))
		})
	}
	say := func(ctx context.Context, b *bot.Bot, chat int64, text string) error {
		_, err := b.SendMessage(ctx, &bot.SendMessageParams{ChatID: chat, Text: text})
		return err
	}
	on("hi", func(ctx context.Context, b *bot.Bot, chat int64) error {
		text, err := work.Greet(ctx)
		if err != nil {
			return err
		}
		return say(ctx, b, chat, text)
	})
	on("bye", func(ctx context.Context, b *bot.Bot, chat int64) error {
		if err := say(ctx, b, chat, "Goodbye!"); err != nil {
			return err
		}
		return say(ctx, b, chat, "Come again!")
	})
	on("later", func(ctx context.Context, b *bot.Bot, chat int64) error {
		work.Later(ctx, func() error { return say(ctx, b, chat, "later") })
		return nil
	})
	on("menu", func(ctx context.Context, b *bot.Bot, chat int64) error {
		_, err := b.SendMessage(ctx, &bot.SendMessageParams{
			ChatID: chat, Text: "Tea?",
			ReplyMarkup: models.InlineKeyboardMarkup{InlineKeyboard: [][]models.InlineKeyboardButton{{{Text: "Yes", CallbackData: "yes"}}}},
		})
		return err
	})
	on("photo", func(ctx context.Context, b *bot.Bot, chat int64) error {
		_, err := b.SendPhoto(ctx, &bot.SendPhotoParams{
			ChatID: chat, Caption: "a photo", Photo: &models.InputFileUpload{Filename: "photo.jpg", Data: bytes.NewReader(librarytest.Photo())},
		})
		return err
	})
	on("album", func(ctx context.Context, b *bot.Bot, chat int64) error {
		_, err := b.SendMediaGroup(ctx, &bot.SendMediaGroupParams{ChatID: chat, Media: []models.InputMedia{
			&models.InputMediaPhoto{Media: "attach://a.jpg", MediaAttachment: bytes.NewReader(librarytest.Photo())},
			&models.InputMediaPhoto{Media: "attach://b.jpg", MediaAttachment: bytes.NewReader(librarytest.Photo())},
		}})
		return err
	})
	b.RegisterHandlerMatchFunc(func(u *models.Update) bool { return u.CallbackQuery != nil }, func(ctx context.Context, b *bot.Bot, u *models.Update) {
		_, err := b.AnswerCallbackQuery(ctx, &bot.AnswerCallbackQueryParams{CallbackQueryID: u.CallbackQuery.ID, Text: "Thanks"})
		tggotelegram.Fail(ctx, err)
		m := u.CallbackQuery.Message.Message
		_, err = b.EditMessageText(ctx, &bot.EditMessageTextParams{ChatID: m.Chat.ID, MessageID: m.ID, Text: "Yes!"})
		tggotelegram.Fail(ctx, err)
	})
	b.RegisterHandlerMatchFunc(func(u *models.Update) bool { return u.InlineQuery != nil }, func(ctx context.Context, b *bot.Bot, u *models.Update) {
		_, err := b.AnswerInlineQuery(ctx, &bot.AnswerInlineQueryParams{InlineQueryID: u.InlineQuery.ID, Results: []models.InlineQueryResult{
			&models.InlineQueryResultArticle{ID: "1", Title: u.InlineQuery.Query, InputMessageContent: &models.InputTextMessageContent{MessageText: u.InlineQuery.Query}},
		}})
		tggotelegram.Fail(ctx, err)
	})
	b.RegisterHandlerMatchFunc(func(u *models.Update) bool { return u.Message != nil && u.Message.Document != nil }, func(ctx context.Context, b *bot.Bot, u *models.Update) {
		tggotelegram.Fail(ctx, func() error {
			file, err := b.GetFile(ctx, &bot.GetFileParams{FileID: u.Message.Document.FileID})
			if err != nil {
				return err
			}
			content, err := download.Text(ctx, b.FileDownloadLink(file))
			if err != nil {
				return err
			}
			return say(ctx, b, u.Message.Chat.ID, content)
		}())
	})
	return tggotelegram.Handler(b)
}

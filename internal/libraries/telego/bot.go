// Package telego is the bot of the tests on telego.
package telego

import (
	"bytes"
	"context"

	"github.com/mymmrac/telego"
	"github.com/mymmrac/telego/telegohandler"
	"github.com/mymmrac/telego/telegoutil"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/libraries/download"
	"github.com/tghook/tghook/internal/test/librarytest"
	"github.com/tghook/tghook/libraries/tgtelego"
)

// Open is a librarytest.Open. Its handlers are in groups below groups, with middleware.
func Open(token string, transport *tghook.ReplyTransport, work librarytest.Work) (tghook.Handler, error) {
	b, err := telego.NewBot(token, append(tgtelego.Options(transport), telego.WithDiscardLogger())...)
	if err != nil {
		return nil, err
	}
	h, err := telegohandler.NewBotHandler(b, nil)
	if err != nil {
		return nil, err
	}
	group := h.Group(telegohandler.AnyMessage()).Group()
	group.Use(func(ctx *telegohandler.Context, u telego.Update) error { return ctx.Next(u) })
	say := func(ctx *telegohandler.Context, u telego.Update, text string) error {
		_, err := ctx.Bot().SendMessage(ctx, telegoutil.Message(u.Message.Chat.ChatID(), text))
		return err
	}
	group.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
		text, err := work.Greet(ctx)
		if err != nil {
			return err
		}
		return say(ctx, u, text)
	}, telegohandler.TextEqual("hi"))
	group.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
		if err := say(ctx, u, "Goodbye!"); err != nil {
			return err
		}
		return say(ctx, u, "Come again!")
	}, telegohandler.TextEqual("bye"))
	group.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
		work.Later(ctx, func() error { return say(ctx, u, "later") })
		return nil
	}, telegohandler.TextEqual("later"))
	group.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
		keyboard := telegoutil.InlineKeyboard(telegoutil.InlineKeyboardRow(telegoutil.InlineKeyboardButton("Yes").WithCallbackData("yes")))
		_, err := ctx.Bot().SendMessage(ctx, telegoutil.Message(u.Message.Chat.ChatID(), "Tea?").WithReplyMarkup(keyboard))
		return err
	}, telegohandler.TextEqual("menu"))
	group.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
		_, err := ctx.Bot().SendPhoto(ctx, telegoutil.Photo(u.Message.Chat.ChatID(), photo("photo.jpg")).WithCaption("a photo"))
		return err
	}, telegohandler.TextEqual("photo"))
	group.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
		_, err := ctx.Bot().SendMediaGroup(ctx, telegoutil.MediaGroup(u.Message.Chat.ChatID(), telegoutil.MediaPhoto(photo("a.jpg")), telegoutil.MediaPhoto(photo("b.jpg"))))
		return err
	}, telegohandler.TextEqual("album"))
	h.HandleCallbackQuery(func(ctx *telegohandler.Context, q telego.CallbackQuery) error {
		if err := ctx.Bot().AnswerCallbackQuery(ctx, telegoutil.CallbackQuery(q.ID).WithText("Thanks")); err != nil {
			return err
		}
		_, err := ctx.Bot().EditMessageText(ctx, &telego.EditMessageTextParams{
			ChatID: telegoutil.ID(q.Message.GetChat().ID), MessageID: q.Message.GetMessageID(), Text: "Yes!",
		})
		return err
	})
	h.HandleInlineQuery(func(ctx *telegohandler.Context, q telego.InlineQuery) error {
		return ctx.Bot().AnswerInlineQuery(ctx, telegoutil.InlineQuery(q.ID, telegoutil.ResultArticle("1", q.Query, telegoutil.TextMessage(q.Query))))
	})
	h.HandleMessage(func(ctx *telegohandler.Context, m telego.Message) error {
		file, err := ctx.Bot().GetFile(ctx, &telego.GetFileParams{FileID: m.Document.FileID})
		if err != nil {
			return err
		}
		content, err := download.Text(ctx, ctx.Bot().FileDownloadURL(file.FilePath))
		if err != nil {
			return err
		}
		return say(ctx, telego.Update{Message: &m}, content)
	}, func(_ context.Context, u telego.Update) bool { return u.Message.Document != nil })
	return tgtelego.Handler(b, h)
}

func photo(name string) telego.InputFile {
	return telegoutil.File(telegoutil.NameReader(bytes.NewReader(librarytest.Photo()), name))
}

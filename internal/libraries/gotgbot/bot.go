// Package gotgbot is the bot of the tests on gotgbot.
package gotgbot

import (
	"bytes"

	"github.com/PaulSonOfLars/gotgbot/v2"
	"github.com/PaulSonOfLars/gotgbot/v2/ext"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers/filters/callbackquery"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers/filters/inlinequery"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers/filters/message"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/libraries/download"
	"github.com/tghook/tghook/internal/test/librarytest"
	"github.com/tghook/tghook/libraries/tggotgbot"
)

// Open is a librarytest.Open.
func Open(token string, transport *tghook.ReplyTransport, work librarytest.Work) (tghook.Handler, error) {
	b, err := gotgbot.NewBot(token, tggotgbot.Options(transport))
	if err != nil {
		return nil, err
	}
	d := ext.NewDispatcher(nil)
	on := func(text string, h handlers.Response) { d.AddHandler(handlers.NewMessage(message.Equal(text), h)) }
	say := func(b *gotgbot.Bot, c *ext.Context, text string) error {
		_, err := b.SendMessage(c.EffectiveChat.Id, text, nil)
		return err
	}
	on("hi", func(b *gotgbot.Bot, c *ext.Context) error {
		text, err := work.Greet(tggotgbot.Context(c))
		if err != nil {
			return err
		}
		_, err = b.SendMessageWithContext(tggotgbot.Context(c), c.EffectiveChat.Id, text, nil)
		return err
	})
	on("bye", func(b *gotgbot.Bot, c *ext.Context) error {
		if err := say(b, c, "Goodbye!"); err != nil {
			return err
		}
		return say(b, c, "Come again!")
	})
	on("later", func(b *gotgbot.Bot, c *ext.Context) error {
		work.Later(tggotgbot.Context(c), func() error { return say(b, c, "later") })
		return nil
	})
	on("menu", func(b *gotgbot.Bot, c *ext.Context) error {
		keyboard := gotgbot.InlineKeyboardMarkup{InlineKeyboard: [][]gotgbot.InlineKeyboardButton{{{Text: "Yes", CallbackData: "yes"}}}}
		_, err := b.SendMessage(c.EffectiveChat.Id, "Tea?", &gotgbot.SendMessageOpts{ReplyMarkup: keyboard})
		return err
	})
	on("photo", func(b *gotgbot.Bot, c *ext.Context) error {
		_, err := b.SendPhoto(c.EffectiveChat.Id, photo("photo.jpg"), &gotgbot.SendPhotoOpts{Caption: "a photo"})
		return err
	})
	on("album", func(b *gotgbot.Bot, c *ext.Context) error {
		_, err := b.SendMediaGroup(c.EffectiveChat.Id, []gotgbot.InputMedia{&gotgbot.InputMediaPhoto{Media: photo("a.jpg")}, &gotgbot.InputMediaPhoto{Media: photo("b.jpg")}}, nil)
		return err
	})
	d.AddHandler(handlers.NewCallback(callbackquery.Equal("yes"), func(b *gotgbot.Bot, c *ext.Context) error {
		if _, err := c.CallbackQuery.Answer(b, &gotgbot.AnswerCallbackQueryOpts{Text: "Thanks"}); err != nil {
			return err
		}
		_, err := b.Request("editMessageText", map[string]any{ // EditText differs between versions
			"chat_id": c.EffectiveChat.Id, "message_id": c.EffectiveMessage.GetMessageId(), "text": "Yes!",
		}, nil)
		return err
	}))
	d.AddHandler(handlers.NewInlineQuery(inlinequery.All, func(b *gotgbot.Bot, c *ext.Context) error {
		_, err := c.InlineQuery.Answer(b, []gotgbot.InlineQueryResult{gotgbot.InlineQueryResultArticle{
			Id: "1", Title: c.InlineQuery.Query, InputMessageContent: gotgbot.InputTextMessageContent{MessageText: c.InlineQuery.Query},
		}}, nil)
		return err
	}))
	d.AddHandler(handlers.NewMessage(message.Document, func(b *gotgbot.Bot, c *ext.Context) error {
		file, err := b.GetFile(c.EffectiveMessage.Document.FileId, nil)
		if err != nil {
			return err
		}
		content, err := download.Text(tggotgbot.Context(c), file.URL(b, nil))
		if err != nil {
			return err
		}
		return say(b, c, content)
	}))
	return tggotgbot.Handler(b, d)
}

func photo(name string) gotgbot.InputFileOrString {
	return gotgbot.InputFileByReader(name, bytes.NewReader(librarytest.Photo()))
}

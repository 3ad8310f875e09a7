package libraries_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/NicoNex/echotron/v3"
	"github.com/PaulSonOfLars/gotgbot/v2"
	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"
	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
	"github.com/mr-linch/go-tg"
	"github.com/mymmrac/telego"
	"github.com/mymmrac/telego/telegoutil"
	"gopkg.in/telebot.v4"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// A library's upload would lose its bytes in the Params of a Reply or of a Client's call.
func TestTheUploadsOfLibrariesAreRefusedInParams(t *testing.T) {
	t.Parallel()
	client := tghooktest.NewServer(t).Bot(t)
	content := func() *strings.Reader { return strings.NewReader("content") }
	upload := &models.InputFileUpload{Filename: "a.png", Data: content()}
	for name, params := range map[string]any{
		"telego":                   map[string]any{"photo": telegoutil.File(telegoutil.NameReader(content(), "a.png"))},
		"telego's reader":          map[string]any{"photo": telegoutil.NameReader(content(), "a.png")},
		"telego's params":          (&telego.SendPhotoParams{}).WithPhoto(telegoutil.File(telegoutil.NameReader(content(), "a.png"))),
		"gotgbot":                  map[string]any{"photo": gotgbot.InputFileByReader("a.png", content())},
		"gotgbot's media":          map[string]any{"media": []any{gotgbot.InputMediaPhoto{Media: gotgbot.InputFileByReader("a.png", content())}}},
		"go-telegram":              map[string]any{"photo": upload},
		"go-telegram's params":     &bot.SendPhotoParams{ChatID: 7, Photo: upload},
		"go-telegram's media":      map[string]any{"media": []any{&models.InputMediaPhoto{Media: "attach://a.png", MediaAttachment: content()}}},
		"telebot":                  map[string]any{"photo": telebot.FromReader(content())},
		"telebot from the disk":    map[string]any{"photo": &telebot.Photo{File: telebot.FromDisk("a.png")}},
		"tgbotapi's bytes":         map[string]any{"photo": tgbotapi.FileBytes{Name: "a.png", Bytes: []byte("content")}},
		"tgbotapi's path":          map[string]any{"photo": tgbotapi.FilePath("a.png")},
		"tgbotapi's reader":        map[string]any{"photo": tgbotapi.FileReader{Name: "a.png", Reader: content()}},
		"tgbotapi's message":       tgbotapi.NewMessage(7, "hi"),
		"tgbotapi's photo":         tgbotapi.NewPhoto(7, tgbotapi.FileBytes{Name: "a.png"}),
		"go-tg":                    map[string]any{"photo": tg.NewInputFileBytes("a.png", []byte("content"))},
		"go-tg's argument":         map[string]any{"photo": tg.NewFileArgUpload(tg.NewInputFileBytes("a.png", []byte("content")))},
		"go-tg's by pointer":       map[string]any{"photo": tg.NewInputFileBytes("a.png", nil).Ptr()},
		"echotron":                 map[string]any{"photo": echotron.NewInputFileBytes("a.png", []byte("content"))},
		"echotron's from the disk": map[string]any{"photo": echotron.NewInputFilePath("a.png")},
	} {
		err := client.Call(t.Context(), "sendPhoto", params, nil)
		var refused *tghook.ReplyError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "Params") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Params that JSON can hold are sent.
func TestTheParamsOfLibrariesThatHaveNoUploadAreSent(t *testing.T) {
	t.Parallel()
	server := tghooktest.NewServer(t)
	client := server.Bot(t)
	chat := server.User("Ann").Chat()
	chat.Send("/start")
	for name, params := range map[string]any{
		"telego":      telegoutil.Message(telegoutil.ID(chat.ID), "hi").WithReplyMarkup(telegoutil.InlineKeyboard([]telego.InlineKeyboardButton{telegoutil.InlineKeyboardButton("a").WithCallbackData("b")})),
		"go-telegram": &bot.SendMessageParams{ChatID: chat.ID, Text: "hi", ReplyMarkup: &models.InlineKeyboardMarkup{InlineKeyboard: [][]models.InlineKeyboardButton{{{Text: "a", CallbackData: "b"}}}}},
		"gotgbot":     map[string]any{"chat_id": chat.ID, "text": "hi", "reply_markup": gotgbot.InlineKeyboardMarkup{InlineKeyboard: [][]gotgbot.InlineKeyboardButton{{{Text: "a", CallbackData: "b"}}}}},
		"tgbotapi":    map[string]any{"chat_id": chat.ID, "text": "hi", "reply_markup": tgbotapi.NewInlineKeyboardMarkup(tgbotapi.NewInlineKeyboardRow(tgbotapi.NewInlineKeyboardButtonData("a", "b")))},
		"go-tg":       map[string]any{"chat_id": tg.ChatID(chat.ID), "text": "hi", "reply_markup": tg.NewInlineKeyboardMarkup(tg.NewButtonRow(tg.NewInlineKeyboardButtonCallbackData("a", "b")))},
		"echotron":    map[string]any{"chat_id": chat.ID, "text": "hi", "reply_markup": echotron.InlineKeyboardMarkup{InlineKeyboard: [][]echotron.InlineKeyboardButton{{{Text: "a", CallbackData: "b"}}}}},
	} {
		if err := client.Call(t.Context(), "sendMessage", params, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

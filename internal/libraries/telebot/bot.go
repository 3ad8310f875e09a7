// Package telebot is the bot of the tests on telebot.
package telebot

import (
	"bytes"
	"io"

	"gopkg.in/telebot.v4"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/librarytest"
	"github.com/tghook/tghook/libraries/tgtelebot"
)

// Open is a librarytest.Open.
func Open(token string, transport *tghook.ReplyTransport, work librarytest.Work) (tghook.Handler, error) {
	b, err := telebot.NewBot(tgtelebot.Settings(transport, telebot.Settings{Token: token}))
	if err != nil {
		return nil, err
	}
	b.Handle("hi", func(c telebot.Context) error {
		text, err := work.Greet(tgtelebot.Context(c))
		if err != nil {
			return err
		}
		return c.Send(text)
	})
	b.Handle("bye", func(c telebot.Context) error {
		if err := c.Send("Goodbye!"); err != nil {
			return err
		}
		return c.Send("Come again!")
	})
	b.Handle("later", func(c telebot.Context) error {
		work.Later(tgtelebot.Context(c), func() error { return c.Send("later") })
		return nil
	})
	b.Handle("menu", func(c telebot.Context) error {
		menu := &telebot.ReplyMarkup{}
		menu.Inline(menu.Row(menu.Data("Yes", "yes")))
		return c.Send("Tea?", menu)
	})
	b.Handle("photo", func(c telebot.Context) error {
		return c.Send(&telebot.Photo{File: photo(), Caption: "a photo"})
	})
	b.Handle("album", func(c telebot.Context) error {
		return c.SendAlbum(telebot.Album{&telebot.Photo{File: photo()}, &telebot.Photo{File: photo()}})
	})
	b.Handle(&telebot.Btn{Unique: "yes"}, func(c telebot.Context) error {
		if err := c.Respond(&telebot.CallbackResponse{Text: "Thanks"}); err != nil {
			return err
		}
		return c.Edit("Yes!")
	})
	b.Handle(telebot.OnQuery, func(c telebot.Context) error {
		article := &telebot.ArticleResult{Title: c.Query().Text, Text: c.Query().Text}
		article.SetResultID("1")
		return c.Answer(&telebot.QueryResponse{Results: telebot.Results{article}})
	})
	b.Handle(telebot.OnDocument, func(c telebot.Context) error {
		file, err := c.Bot().File(&c.Message().Document.File)
		if err != nil {
			return err
		}
		defer file.Close()
		content, err := io.ReadAll(file)
		if err != nil {
			return err
		}
		return c.Send(string(content))
	})
	return tgtelebot.Handler(b)
}

func photo() telebot.File { return telebot.FromReader(bytes.NewReader(librarytest.Photo())) }

package main

import (
	"context"
	"crypto/subtle"
	stdjson "encoding/json"
	"io"
	"net"
	"net/http"
	"slices"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"
	"github.com/go-telegram/bot/models"
	"github.com/goccy/go-json"
	fiberv2 "github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgfiber"
	"github.com/tghook/tghook/bench/rivals"
)

// receivers returns the servers that BenchmarkRivals compares: the baselines and the rivals.
func receivers() []server {
	all := slices.Clone(baselines)
	for _, library := range rivals.All() {
		all = append(all, server{library.Name, func(l net.Listener) error {
			r, err := library.Receive(countID)
			if err != nil {
				return err
			}
			if r.Fast != nil {
				return fasthttp.Serve(l, r.Fast)
			}
			return serveHTTP(l, r.HTTP)
		}})
	}
	return all
}

// baselines are servers that do next to nothing, a receiver written by hand, and tghook with
// three handlers.
var baselines = []server{
	{"bare", func(l net.Listener) error {
		return serveHTTP(l, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if err := drain(r.Body); err != nil {
				rw.WriteHeader(http.StatusBadRequest)
			}
		}))
	}},
	{"bare_fasthttp", func(l net.Listener) error {
		return fasthttp.Serve(l, func(c *fasthttp.RequestCtx) { count(c.PostBody()) })
	}},
	{"hand_written", func(l net.Listener) error { return serveHTTP(l, handWritten(false)) }},
	{"tghook_raw", hooked(tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		countID(u.ID)
		return tghook.NoReply, nil
	}), onHTTP)},
	{"tghook_typed", hooked(tghook.Typed(func(_ context.Context, u *models.Update) (tghook.Reply, error) {
		countID(u.ID)
		return tghook.NoReply, nil
	}), onHTTP)},
	{"tghook_fast", hooked(fast, onHTTP)},
	{"tgfiber_fast", hooked(fast, func(l net.Listener, w *tghook.Webhook) error {
		app := fiberv2.New(fiberv2.Config{DisableStartupMessage: true})
		app.Post(rivals.Path, tgfiber.Handler(w))
		return app.Listener(l)
	})},
}

// repliers answer each update with a message.
var repliers = []server{
	{"hand_written_reply", func(l net.Listener) error { return serveHTTP(l, handWritten(true)) }},
	{"tghook_reply", hooked(tghook.Typed(func(_ context.Context, u *models.Update) (tghook.Reply, error) {
		countID(u.ID)
		return tghook.Reply{Method: "sendMessage", Params: message{ChatID: u.Message.Chat.ID, Text: text}}, nil
	}), onHTTP)},
}

const text = "Hello!"

type message struct {
	Method string `json:"method,omitempty"`
	ChatID int64  `json:"chat_id"`
	Text   string `json:"text"`
}

// fast is tghook with the decoder and the library's type that are the fastest in
// BenchmarkReceive.
var fast = tghook.TypedWith(json.Unmarshal,
	func(_ context.Context, u *tgbotapi.Update) (tghook.Reply, error) {
		countID(int64(u.UpdateID))
		return tghook.NoReply, nil
	})

func onHTTP(l net.Listener, w *tghook.Webhook) error { return serveHTTP(l, w) }

// handWritten returns a receiver without tghook or a library. It checks the secret and
// decodes, and has no other protection.
func handWritten(reply bool) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Telegram-Bot-Api-Secret-Token")), []byte(rivals.Secret)) == 0 {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		var u models.Update
		if err := stdjson.Unmarshal(body, &u); err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		countID(u.ID)
		if !reply {
			return
		}
		answer, err := stdjson.Marshal(message{"sendMessage", u.Message.Chat.ID, text})
		if err != nil {
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(answer)
	})
}

// countID is count for a decoded update.
func countID(id int64) {
	handled.Add(1)
	if id == 0 {
		empty.Add(1)
	}
}

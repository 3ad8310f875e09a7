package tgtelebot

import (
	"context"
	"errors"
	"log/slog"

	"gopkg.in/telebot.v4"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/redact"
	"github.com/tghook/tghook/libraries/internal/bridge"
)

// Settings returns settings with what [Handler] needs. Give the result to telebot.NewBot, and
// change nothing in it. It sets these fields:
//
//   - Client, so that the calls go by transport. Set ReplyTransport.Base, and not Client, if
//     the calls need a proxy or another transport of yours.
//   - URL, which becomes the server of transport.Client.
//   - Synchronous, so that handlers have returned when the update has been handled.
//   - Poller, which must be nil: tghook brings the updates.
//   - OnError. If settings have an OnError, it is called as before, with an error that tells
//     no token. Besides, the error fails the update.
//
// If transport is nil or has no Client, each call of the bot, such as that of
// telebot.NewBot, returns a *[tghook.ConfigError].
func Settings(transport *tghook.ReplyTransport, settings telebot.Settings) telebot.Settings {
	t := bridge.NewTransport(transport, needed...)
	server, testEnvironment := t.Server()
	s := &source{transport: t}
	if settings.Client != nil {
		s.mistake("Client", "set; give its transport to ReplyTransport.Base")
	}
	if settings.Poller != nil {
		s.mistake("Poller", "set; tghook brings the updates, so leave it nil")
	}
	if settings.URL != "" && settings.URL != server {
		s.mistake("URL", "set; give it to ClientConfig.BaseURL")
	}
	if testEnvironment {
		s.mistake("Token", "telebot cannot call the test environment; leave out ClientConfig.TestEnvironment")
	}
	settings.Client, settings.URL, settings.Synchronous, settings.Poller = t.Client(), server, true, s
	settings.OnError = reporting(settings.OnError)
	s.settings = settings
	return settings
}

// needed are the methods after which telebot takes the file out of the message that Telegram
// answers with. If there is none, it panics.
var needed = []string{"sendPhoto", "sendSticker", "sendVideoNote", "sendVoice"}

// reporting returns a function that fails the update of c with err, and calls next.
func reporting(next func(error, telebot.Context)) func(error, telebot.Context) {
	return func(err error, c telebot.Context) {
		if c != nil {
			bridge.Fail(Context(c), err)
		}
		err = redact.Error(err, redact.Tokens)
		switch {
		case next != nil:
			next(err, c)
		case c == nil:
			slog.Error("tghook: telebot reports an error", slog.Any("error", err))
		}
	}
}

// source is the Poller of a bot that was made with Settings. The bot keeps it where Handler
// can find it.
type source struct {
	transport *bridge.Transport
	settings  telebot.Settings
	errs      []error
}

func (s *source) mistake(field, problem string) {
	s.errs = append(s.errs, &tghook.ConfigError{Field: "telebot.Settings." + field, Problem: problem})
}

// Poll says that nothing comes this way.
func (*source) Poll(b *telebot.Bot, _ chan telebot.Update, stop chan struct{}) {
	b.OnError(errors.New("tghook: Bot.Start was called, and brings no updates; leave it out"), nil)
	<-stop
}

// Handler returns a handler that has b process each update. b must have been made with
// [Settings]. Otherwise, or if a setting is wrong, or b is another bot than the Client of its
// ReplyTransport, the error joins a *[tghook.ConfigError] for each mistake.
//
// The update fails with the error that a handler or a middleware of b returns, or with its
// panic. The bot's token is taken out of that error.
//
// Calls of telebot take no context. So each update has a bot of its own, which makes its
// calls with the context of the update: make them by the telebot.Context and by its Bot. A
// call by b itself does not ride, and overtakes one that is held.
//
// A photo, a sticker, a voice message and a video note never ride, because telebot keeps
// their file's id for the next time.
//
// Register handlers before the first update. Do not call b.Start.
func Handler(b *telebot.Bot) (tghook.Handler, error) {
	if b == nil {
		return nil, &tghook.ConfigError{Field: "bot", Problem: "nil; make one with telebot.NewBot"}
	}
	s, ok := b.Poller.(*source)
	if !ok {
		return nil, &tghook.ConfigError{Field: "bot", Problem: "not made with tgtelebot.Settings; give telebot.NewBot what that returns"}
	}
	if err := errors.Join(s.errs...); err != nil {
		return nil, err
	}
	_, token, err := bridge.Find("tgtelebot.Settings", func(ctx context.Context) error {
		own, err := s.bound(ctx, b)
		if err == nil {
			_, err = own.Raw("getMe", nil)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return bridge.Handler(token, func(ctx context.Context, u *telebot.Update) error {
		own, err := s.bound(ctx, b)
		if err != nil {
			return err
		}
		c := telebot.NewContext(own, *u)
		c.Set(contextKey, ctx)
		b.ProcessContext(c)
		return nil
	}), nil
}

// bound returns a bot that makes its calls with ctx. Making it calls nobody. It has no
// handlers: b has them.
func (s *source) bound(ctx context.Context, b *telebot.Bot) (*telebot.Bot, error) {
	settings := s.settings
	settings.URL, settings.Token, settings.Client = b.URL, b.Token, s.transport.With(ctx)
	settings.Offline, settings.Updates = true, 1
	own, err := telebot.NewBot(settings)
	if err != nil {
		return nil, err
	}
	own.Me = b.Me
	return own, nil
}

// contextKey has the context of the update in a telebot.Context.
const contextKey = "github.com/tghook/tghook/libraries/tgtelebot"

// Context returns the context of the update that c belongs to, for [tghook.FromContext],
// [tghook.IsLate] and calls of other services. It ends when the handler must end. If c does
// not come from [Handler], as in a test of your own, Context returns [context.Background].
func Context(c telebot.Context) context.Context {
	if ctx, ok := c.Get(contextKey).(context.Context); ok {
		return ctx
	}
	return context.Background()
}

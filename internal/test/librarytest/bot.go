// Package librarytest tries bots that are built on a bot library, by webhook and by long
// poll, on a simulated Telegram. Only tests import it.
package librarytest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// Run runs a bot until ctx ends: by webhook if cfg has a URL, else by long poll. The bot
// answers "hi" with what Greet says, and "bye" with "Goodbye!" and "Come again!".
type Run func(ctx context.Context, cfg tghook.RunConfig, work Work) error

// A Library is a bot on a library that can do all that the tests ask for.
type Library struct {
	Open  Open
	Needs []string // methods whose calls never ride, because the library needs their answer
}

// Open returns the handler of a bot. Besides what [Run] says, the bot does this:
//
//   - "menu": it sends "Tea?" with a button "Yes". Pressed, it says "Thanks" and makes the
//     message "Yes!".
//   - "photo": it sends [Photo] with the caption "a photo".
//   - "album": it sends [Photo] twice, as an album.
//   - "later": it calls Later with a call that sends "later".
//   - A document: it downloads it, and answers with its content.
//   - An inline query: it answers with one article, of that title and text.
type Open func(token string, transport *tghook.ReplyTransport, work Work) (tghook.Handler, error)

// Work is the part of a bot that the tests do.
type Work struct {
	Greet func(ctx context.Context) (string, error)
	Later func(ctx context.Context, call func() error) // returns at once
}

// Polite is a Greet.
func Polite(ctx context.Context) (string, error) {
	u, ok := tghook.FromContext(ctx)
	if !ok {
		return "", errors.New("this ctx belongs to no update")
	}
	return politeTo(u.UserID), nil
}

func politeTo(user int64) string { return "Hello, user " + strconv.FormatInt(user, 10) + "!" }

// running returns a Run of open, as a program has it.
func running(open Open) Run {
	return func(ctx context.Context, cfg tghook.RunConfig, work Work) error {
		client, err := tghook.NewClient(cfg.Token, cfg.Client)
		if err != nil {
			return err
		}
		h, err := open(cfg.Token, &tghook.ReplyTransport{Client: client, AllowNoResult: true}, work)
		if err != nil {
			return err
		}
		return tghook.Run(ctx, h, cfg)
	}
}

// bot is a bot that runs until the test ends.
type bot struct {
	tg      *tghooktest.Server
	user    *tghooktest.User
	chat    *tghooktest.Chat
	webhook bool
	needs   []string
	logged  *rig.Log

	mu       sync.Mutex
	greet    func(context.Context) (string, error) // polite by default
	runs     int                                   // of greet
	failures []error                               // the errors that Observe got
	later    chan error                            // of the call of Later
}

type ctxKey struct{}

// token is a token whose secret is as long as telego wants it.
const token = "7244100913:AAH-stand_in_token_0123456789abcdef"

func start(t *testing.T, run Run, webhook bool, configure func(*tghook.RunConfig), needs []string) *bot {
	t.Helper()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: token, Patience: rig.InTime})
	b := &bot{tg: tg, user: tg.User("Zoë"), webhook: webhook, needs: needs, greet: Polite, later: make(chan error, 1)}
	b.chat = b.user.Chat()
	cfg := tghook.RunConfig{Token: token, Client: tghook.ClientConfig{BaseURL: tg.URL, Local: true}}
	var logger *slog.Logger
	logger, b.logged = rig.Logger()
	cfg.Webhook.Dispatch.Observe, cfg.Webhook.Dispatch.Logger = b.observe, logger
	if webhook {
		cfg.Listen = "127.0.0.1:" + rig.FreePort(t)
		cfg.URL = "http://" + cfg.Listen + "/telegram"
	}
	if configure != nil {
		configure(&cfg)
	}
	ctx, stop := context.WithCancel(context.WithValue(context.WithoutCancel(t.Context()), ctxKey{}, "of Run's ctx"))
	done := make(chan error, 1)
	go func() { done <- run(ctx, cfg, Work{b.greeting, b.afterwards}) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, rig.Receive(t, "the bot's end", done))
		assert.False(t, rig.Leaks(b.logged.String()), "the log tells the token: %s", b.logged)
		for _, err := range b.failed() {
			rig.KeepsToken(t, err)
			if t.Failed() {
				t.Log(err)
			}
		}
	})
	return b
}

func (b *bot) observe(_ context.Context, d tghook.Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d.Err != nil {
		b.failures = append(b.failures, d.Err)
	}
}

// failed returns the errors so far.
func (b *bot) failed() []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.failures)
}

func (b *bot) greeting(ctx context.Context) (string, error) {
	b.mu.Lock()
	b.runs++
	greet := b.greet
	b.mu.Unlock()
	return greet(ctx)
}

// first makes f the first greeting. All others are polite.
func (b *bot) first(f func(context.Context) (string, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.greet = func(ctx context.Context) (string, error) {
		b.mu.Lock()
		b.greet = Polite
		b.mu.Unlock()
		return f(ctx)
	}
}

// afterwards makes call when ctx has ended, and thus the handler has returned.
func (b *bot) afterwards(ctx context.Context, call func() error) {
	go func() {
		<-ctx.Done()
		b.later <- call()
	}()
}

// polite returns the bot's answer to "hi".
func (b *bot) polite() string { return politeTo(b.user.ID) }

// rides marks a call that is sent in the HTTP response, if the bot has a webhook.
const rides = " rides"

// did checks what calls the bot has made for updates, in which order, and which of them rode.
func (b *bot) did(t *testing.T, want ...string) {
	t.Helper()
	b.tg.WaitDelivered(t)
	calls := b.tg.Calls()
	got := make([]string, 0, len(calls))
	for _, call := range calls {
		switch call.Method {
		case "getMe", "getUpdates", "setWebhook", "getWebhookInfo", "deleteWebhook":
			continue
		}
		word := call.Method
		if text := call.Params["text"]; text != "" {
			word += " " + text
		}
		if call.Reply {
			word += rides
		}
		assert.Nil(t, call.Err, word)
		got = append(got, word)
	}
	for i := range want {
		if method, _, _ := strings.Cut(want[i], " "); !b.webhook || slices.Contains(b.needs, method) {
			want[i] = strings.TrimSuffix(want[i], rides)
		}
	}
	assert.Equal(t, append([]string{}, want...), got, "the bot's calls")
}

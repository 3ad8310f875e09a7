package tggotelegram_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/librarytest"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/libraries/tggotelegram"
)

func TestMain(m *testing.M) { rig.Main(m, nil) }

func made(token string, options ...bot.Option) error {
	b, err := bot.New(token, append(options, bot.WithSkipGetMe())...)
	if err != nil {
		return err
	}
	_, err = tggotelegram.Handler(b)
	return err
}

func TestAWrongBotIsRefused(t *testing.T) {
	librarytest.TestWiring(t, librarytest.Wiring{
		Options: func(token string, transport *tghook.ReplyTransport) error {
			return made(token, tggotelegram.Options(transport)...)
		},
		Elsewhere: func(token string, transport *tghook.ReplyTransport, url string) error {
			return made(token, append(tggotelegram.Options(transport), bot.WithServerURL(url))...)
		},
		Foreign: func(token, url string) error {
			return made(token, bot.WithServerURL(url), bot.WithHTTPClient(time.Minute, &http.Client{}))
		},
	})
	_, err := tggotelegram.Handler(nil)
	require.ErrorContains(t, err, "tghook: bot: nil")
}

// asynchronous is a bot that runs its handlers in goroutines, but for the package.
func asynchronous(t *testing.T, h func(ctx context.Context)) tghook.Handler {
	t.Helper()
	client := rig.NewClient(t, tghook.ClientConfig{})
	b, err := bot.New(rig.APIToken, bot.WithSkipGetMe(), bot.WithDefaultHandler(func(ctx context.Context, _ *bot.Bot, _ *models.Update) { h(ctx) }))
	require.NoError(t, err)
	for _, option := range tggotelegram.Options(&tghook.ReplyTransport{Client: client})[:2] { // the server and the client
		option(b)
	}
	handler, err := tggotelegram.Handler(b)
	require.NoError(t, err)
	return handler
}

func TestFailJoinsTheErrorsOfAnUpdate(t *testing.T) {
	t.Parallel()
	other := errors.New("another")
	r := rig.NewBot(t, tghook.Config{}, asynchronous(t, func(ctx context.Context) {
		tggotelegram.Fail(ctx, nil)
		tggotelegram.Fail(ctx, rig.ErrBroken)
		tggotelegram.Fail(ctx, other)
	}).HandleUpdate)
	assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)))
	require.ErrorIs(t, r.Last().Err, rig.ErrBroken)
	require.ErrorIs(t, r.Last().Err, other)
	assert.Equal(t, "200", rig.NewBot(t, tghook.Config{}, asynchronous(t, func(ctx context.Context) { tggotelegram.Fail(ctx, nil) }).HandleUpdate).Post(rig.MessageIn(7, 1)))
}

func TestAnErrorThatCannotFailAnUpdateIsLogged(t *testing.T) {
	logger, logged := rig.Logger()
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(logger)
	handled := make(chan context.Context, 1)
	r := rig.NewBot(t, tghook.Config{}, asynchronous(t, func(ctx context.Context) { handled <- ctx }).HandleUpdate)
	assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)))
	kept := <-handled
	leak := errors.New("Post https://api.telegram.org/bot" + rig.APIToken + "/sendMessage: EOF")
	tggotelegram.Fail(kept, leak)
	tggotelegram.Fail(t.Context(), leak)
	assert.Len(t, logged.With("after the handler of its update had returned", "EOF"), 1)
	assert.Len(t, logged.With("belongs to no update", "EOF"), 1)
	assert.False(t, rig.Leaks(logged.String()), logged)
}

func TestThePanicOfAHandlerTellsNoToken(t *testing.T) {
	t.Parallel()
	for _, value := range []any{errors.New("at " + rig.APIToken), "at " + rig.APIToken, 7} {
		r := rig.NewBot(t, tghook.Config{}, asynchronous(t, func(context.Context) { panic(value) }).HandleUpdate)
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)))
		var panicked *tghook.PanicError
		require.ErrorAs(t, r.Last().Err, &panicked)
		rig.KeepsToken(t, panicked)
	}
}

package tgtelebot_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/telebot.v4"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/librarytest"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/libraries/tgtelebot"
)

func TestMain(m *testing.M) { rig.Main(m, nil) }

func made(settings telebot.Settings) error {
	settings.Offline = true
	b, err := telebot.NewBot(settings)
	if err != nil {
		return err
	}
	_, err = tgtelebot.Handler(b)
	return err
}

func TestAWrongBotIsRefused(t *testing.T) {
	librarytest.TestWiring(t, librarytest.Wiring{
		Options: func(token string, transport *tghook.ReplyTransport) error {
			return made(tgtelebot.Settings(transport, telebot.Settings{Token: token}))
		},
		Elsewhere: func(token string, transport *tghook.ReplyTransport, url string) error {
			settings := tgtelebot.Settings(transport, telebot.Settings{Token: token})
			settings.URL = url
			return made(settings)
		},
		Foreign: func(token, url string) error { return made(telebot.Settings{Token: token, URL: url}) },
	})
	_, err := tgtelebot.Handler(nil)
	require.ErrorContains(t, err, "tghook: bot: nil")
	err = made(tgtelebot.Settings(&tghook.ReplyTransport{Client: rig.NewClient(t, tghook.ClientConfig{})}, telebot.Settings{
		Token: rig.APIToken, Client: http.DefaultClient, Poller: &telebot.LongPoller{}, URL: "http://localhost:8081",
	}))
	assert.Equal(t, []string{"telebot.Settings.Client", "telebot.Settings.Poller", "telebot.Settings.URL"}, rig.Mistaken(t, err))
}

// failing is a bot whose handlers of a forwarded text fail.
func failing(t *testing.T, onError func(error, telebot.Context)) (*telebot.Bot, tghook.Handler) {
	t.Helper()
	transport := &tghook.ReplyTransport{Client: rig.NewClient(t, tghook.ClientConfig{})}
	b, err := telebot.NewBot(tgtelebot.Settings(transport, telebot.Settings{Token: rig.APIToken, Offline: true, OnError: onError}))
	require.NoError(t, err)
	b.Handle(telebot.OnForward, func(telebot.Context) error { return errors.New("forward by " + rig.APIToken) })
	b.Handle(telebot.OnText, func(telebot.Context) error { return rig.ErrBroken })
	h, err := tgtelebot.Handler(b)
	require.NoError(t, err)
	return b, h
}

// A forwarded text has two handlers.
func TestBothErrorsOfAnUpdateAreReported(t *testing.T) {
	t.Parallel()
	var told []error
	_, h := failing(t, func(err error, c telebot.Context) {
		assert.NotNil(t, c)
		told = append(told, err)
	})
	r := rig.NewBot(t, tghook.Config{}, h.HandleUpdate)
	assert.Equal(t, "500", r.Post(`{"update_id":1,"message":{"message_id":1,"chat":{"id":7},"text":"x","forward_origin":{"type":"hidden_user","date":1}}}`))
	require.ErrorIs(t, r.Last().Err, rig.ErrBroken)
	require.ErrorContains(t, r.Last().Err, "forward by")
	rig.KeepsToken(t, r.Last().Err)
	require.Len(t, told, 2, "OnError gets both too")
	rig.KeepsToken(t, errors.Join(told...))
}

func TestStartSaysThatItBringsNothing(t *testing.T) {
	t.Parallel()
	told := make(chan error, 1)
	b, _ := failing(t, func(err error, _ telebot.Context) { told <- err })
	go b.Start()
	require.ErrorContains(t, rig.Receive(t, "the error", told), "Bot.Start was called")
	b.Stop()
}

func TestAContextOfAnotherBotIsTheBackground(t *testing.T) {
	t.Parallel()
	b, _ := failing(t, nil)
	assert.Equal(t, context.Background(), tgtelebot.Context(b.NewContext(telebot.Update{})))
}

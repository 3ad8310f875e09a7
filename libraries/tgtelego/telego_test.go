package tgtelego_test

import (
	"net/http"
	"testing"

	"github.com/mymmrac/telego"
	"github.com/mymmrac/telego/telegohandler"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/librarytest"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/libraries/tgtelego"
)

func TestMain(m *testing.M) { rig.Main(m, nil) }

func made(token string, options ...telego.BotOption) error {
	b, err := telego.NewBot(token, append(options, telego.WithDiscardLogger())...)
	if err != nil {
		return err
	}
	h, err := telegohandler.NewBotHandler(b, nil)
	if err != nil {
		return err
	}
	_, err = tgtelego.Handler(b, h)
	return err
}

func TestAWrongBotIsRefused(t *testing.T) {
	librarytest.TestWiring(t, librarytest.Wiring{
		Options: func(token string, transport *tghook.ReplyTransport) error {
			return made(token, tgtelego.Options(transport)...)
		},
		Elsewhere: func(token string, transport *tghook.ReplyTransport, url string) error {
			return made(token, append(tgtelego.Options(transport), telego.WithAPIServer(url))...)
		},
		Foreign: func(token, url string) error {
			return made(token, telego.WithAPIServer(url), telego.WithHTTPClient(&http.Client{}))
		},
	})
	_, err := tgtelego.Handler(nil, nil)
	require.ErrorContains(t, err, "tghook: bot: it or its BotHandler is nil")
}

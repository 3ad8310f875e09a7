package tggotgbot_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/PaulSonOfLars/gotgbot/v2"
	"github.com/PaulSonOfLars/gotgbot/v2/ext"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/librarytest"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/libraries/tggotgbot"
	"github.com/tghook/tghook/tghooktest"
)

func TestMain(m *testing.M) { rig.Main(m, nil) }

func made(token string, options *gotgbot.BotOpts) error {
	options.DisableTokenCheck = true
	b, err := gotgbot.NewBot(token, options)
	if err != nil {
		return err
	}
	_, err = tggotgbot.Handler(b, ext.NewDispatcher(nil))
	return err
}

func TestAWrongBotIsRefused(t *testing.T) {
	librarytest.TestWiring(t, librarytest.Wiring{
		Options: func(token string, transport *tghook.ReplyTransport) error {
			return made(token, tggotgbot.Options(transport))
		},
		Elsewhere: func(token string, transport *tghook.ReplyTransport, url string) error {
			options := tggotgbot.Options(transport)
			options.BotClient.(*gotgbot.BaseBotClient).DefaultRequestOpts.APIURL = url
			return made(token, options)
		},
		Foreign: func(token, url string) error {
			return made(token, &gotgbot.BotOpts{BotClient: &gotgbot.BaseBotClient{DefaultRequestOpts: &gotgbot.RequestOpts{APIURL: url}}})
		},
	})
	_, err := tggotgbot.Handler(nil, nil)
	require.ErrorContains(t, err, "tghook: bot: it or its Dispatcher is nil")
}

// bot is a bot whose messages h handles.
func bot(t *testing.T, tg *tghooktest.Server, d *ext.Dispatcher, h handlers.Response) tghook.Handler {
	t.Helper()
	options := tggotgbot.Options(&tghook.ReplyTransport{Client: tg.Bot(t), AllowNoResult: true})
	options.BotClient = counting{options.BotClient}
	b, err := gotgbot.NewBot(tg.Token, options)
	require.NoError(t, err)
	d.AddHandler(handlers.NewMessage(nil, h))
	handler, err := tggotgbot.Handler(b, d)
	require.NoError(t, err)
	return handler
}

// counting is a BotClient of a user's own.
type counting struct{ gotgbot.BotClient }

func (c counting) RequestWithContext(ctx context.Context, token, method string, params map[string]any, opts *gotgbot.RequestOpts) (json.RawMessage, error) {
	return c.BotClient.RequestWithContext(ctx, token, method, params, opts)
}

// A call with a context of its own ends with that. A call without one ends with the update's.
func TestACallKeepsTheContextThatItIsGiven(t *testing.T) {
	t.Parallel()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: rig.InTime})
	handler := bot(t, tg, ext.NewDispatcher(nil), func(b *gotgbot.Bot, c *ext.Context) error {
		ended, cancel := context.WithDeadline(tggotgbot.Context(c), time.Unix(0, 0))
		defer cancel()
		_, err := b.SendMessageWithContext(ended, c.EffectiveChat.Id, "too late", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		own, cancel := context.WithTimeout(tggotgbot.Context(c), time.Minute)
		defer cancel()
		if _, err := b.SendMessageWithContext(own, c.EffectiveChat.Id, "with a context", nil); err != nil {
			return err
		}
		_, err = b.SendMessage(c.EffectiveChat.Id, "without", nil)
		return err
	})
	hook, err := tghook.New(handler, tghook.Config{Secret: rig.HookSecret, Dispatch: tghook.DispatchConfig{Bot: tg.Bot(t).Bot()}})
	require.NoError(t, err)
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: rig.HookSecret})
	tg.User("Zoë").Chat().Send("hi")
	tg.WaitDelivered(t)
	sent := tg.Calls("sendMessage")
	require.Len(t, sent, 2)
	assert.Equal(t, "with a context", sent[0].Params["text"])
	assert.False(t, sent[0].Reply)
	assert.Equal(t, "without", sent[1].Params["text"])
	assert.True(t, sent[1].Reply, "the second message is in the response")
}

// A Dispatcher's own functions are called as before.
func TestTheFunctionsOfADispatcherAreCalled(t *testing.T) {
	t.Parallel()
	tg := tghooktest.NewServer(t)
	var errs, groups, panics int
	d := ext.NewDispatcher(&ext.DispatcherOpts{
		Error: func(*gotgbot.Bot, *ext.Context, error) ext.DispatcherAction { errs++; return ext.DispatcherActionNoop },
		Panic: func(*gotgbot.Bot, *ext.Context, any) { panics++ },
	})
	d.AddHandlerToGroup(handlers.NewMessage(nil, func(*gotgbot.Bot, *ext.Context) error { groups++; panic("in the second group") }), 1)
	fails := func(*gotgbot.Bot, *ext.Context) error { return rig.ErrBroken }
	bot(t, tg, d, fails)
	r := rig.NewBot(t, tghook.Config{}, bot(t, tg, d, fails).HandleUpdate) // a second bot with the same Dispatcher
	assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)))
	assert.Equal(t, []int{1, 1, 1}, []int{errs, groups, panics})
	var panicked *tghook.PanicError
	require.ErrorAs(t, r.Last().Err, &panicked)
	require.ErrorIs(t, r.Last().Err, rig.ErrBroken)
	assert.Contains(t, string(panicked.Stack), "TestTheFunctionsOfADispatcherAreCalled", "the stack of the panic")
}

func TestAContextOfAnotherBotIsTheBackground(t *testing.T) {
	t.Parallel()
	assert.Equal(t, context.Background(), tggotgbot.Context(&ext.Context{}))
}

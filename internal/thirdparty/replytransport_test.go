package thirdparty_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PaulSonOfLars/gotgbot/v2"
	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"
	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
	"github.com/mr-linch/go-tg"
	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tele "gopkg.in/telebot.v4"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
	"github.com/tghook/tghook/tghooktest"
)

// occasion holds the subjects of calls: a message in a group, and its sender's press of a
// button below the message that the bot has sent inline.
type occasion struct {
	chat, user    int64
	message       int
	query, inline string
}

// A caller makes calls by a bot library, in the handler of an update.
type caller interface {
	press(ctx context.Context, o occasion) error       // answerCallbackQuery
	remove(ctx context.Context, o occasion) error      // deleteMessage
	say(ctx context.Context, o occasion) (int, error)  // sendMessage, which returns the message's id
	setPhoto(ctx context.Context, o occasion) error    // setChatPhoto, with a file
	editInline(ctx context.Context, o occasion) error  // editMessageText of an inline message
	copyOne(ctx context.Context, o occasion) error     // copyMessage
	setNothing(ctx context.Context, o occasion) error  // deleteMyCommands, which needs no parameters
	restrictOne(ctx context.Context, o occasion) error // restrictChatMember, which has an object among its parameters
}

// A deed is the work of a handler with a library.
type deed func(c caller, ctx context.Context, o occasion) error

// An opener returns a caller for the bot of a Server.
type opener func(tb testing.TB, t *tghook.ReplyTransport, tg *tghooktest.Server) caller

func withEachLibrary(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	for name, open := range map[string]opener{
		"go-telegram/bot":  openGoTelegram,
		"telego":           openTelego,
		"telegram-bot-api": openTgbotapi,
		"telebot":          openTelebot,
		"go-tg":            openGoTG,
		"gotgbot":          openGotgbot,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// replyRig is a bot whose handler makes calls by a library, and a group that it is in.
type replyRig struct {
	tg        *tghooktest.Server
	transport *tghook.ReplyTransport
	bot       caller
	group     *tghooktest.Chat
	about     occasion // without the press
}

func newReplyRig(tb testing.TB, open opener, transport *tghook.ReplyTransport) *replyRig {
	tb.Helper()
	tg := tghooktest.NewServer(tb, tghooktest.ServerConfig{Patience: doortest.Patience})
	transport.Base, transport.Client = tg.Client().Transport, tg.Bot(tb)
	r := &replyRig{tg: tg, transport: transport, bot: open(tb, transport, tg)}
	r.group, r.about = said(tg)
	return r
}

// said has Zoë send a message to a group, and returns the group and the occasion.
func said(tg *tghooktest.Server) (*tghooktest.Chat, occasion) {
	zoe := tg.User("Zoë")
	group := zoe.Join(tg.Group("Team"))
	return group, occasion{chat: group.ID, user: zoe.ID, message: int(group.Send("hello").ID)}
}

// offer is the list of results of an inline query: one, with a button.
const offer = `[{"type":"article","id":"1","title":"Tea","input_message_content":{"message_text":"Tea"},
	"reply_markup":{"inline_keyboard":[[{"text":"Buy","callback_data":"tea"}]]}}]`

var errHandler = errors.New("the handler's own")

// called runs do in the handler when Zoë presses the bot's button, and returns the bot's
// calls from then on. The handler may fail with errHandler; all other errors fail the test.
func (r *replyRig) called(t *testing.T, do deed) (calls []string) {
	t.Helper()
	hook := newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		var about struct {
			Inline   struct{ ID string } `json:"inline_query"`
			Callback struct {
				ID     string
				Inline string `json:"inline_message_id"`
			} `json:"callback_query"`
		}
		if err := u.Decode(&about); err != nil {
			return tghook.NoReply, err
		}
		switch u.Kind {
		case tghook.KindInlineQuery:
			return tghook.Reply{Method: "answerInlineQuery", Params: map[string]any{
				"inline_query_id": about.Inline.ID, "results": json.RawMessage(offer),
			}}, nil
		case tghook.KindCallbackQuery:
			o := r.about
			o.query, o.inline = about.Callback.ID, about.Callback.Inline
			err := do(r.bot, ctx, o)
			if err == nil || errors.Is(err, errHandler) {
				return tghook.NoReply, err
			}
			t.Error(err)
		}
		return tghook.NoReply, nil
	}, func(cfg *tghook.Config) { cfg.Dispatch.Bot = r.transport.Client.Bot() })
	r.tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: secret})

	zoe := r.tg.User("Zoë")
	zoe.Inline("tea").Choose(0)
	r.tg.WaitDelivered(t)
	before := len(r.tg.Calls())
	zoe.Chat().Press("Buy")
	r.tg.WaitDelivered(t)
	return inWords(r.tg.Calls()[before:])
}

// inWords returns calls as the tests compare them, such as "setChatPhoto with GIF89a photo".
func inWords(calls []tghooktest.Call) (words []string) {
	for _, call := range calls {
		word := call.Method
		if len(call.Files) > 0 {
			word += " with " + string(call.Files["photo"].Content)
		}
		if call.Reply {
			word += asReply
		}
		if call.Err != nil {
			word += ": " + call.Err.Description
		}
		words = append(words, word)
	}
	return words
}

const asReply = " as a reply"

func wantCalls(t *testing.T, got []string, want ...string) {
	t.Helper()
	assert.Equal(t, want, got, "calls")
}

func TestASingleCallOfALibraryRidesTheResponse(t *testing.T) {
	t.Parallel()
	withEachLibrary(t, func(t *testing.T, open opener) {
		for call, do := range map[string]deed{
			"answerCallbackQuery":            caller.press,
			"deleteMessage":                  caller.remove,
			"setChatPhoto with GIF89a photo": caller.setPhoto,
			"restrictChatMember":             caller.restrictOne,
		} {
			wantCalls(t, newReplyRig(t, open, &tghook.ReplyTransport{}).called(t, do), call+asReply)
		}
	})
}

// A library may send a call without parameters in a form that cannot ride, that is, be
// sent in the HTTP response. The call is then made.
func TestACallWithoutParametersOfALibraryIsNotLost(t *testing.T) {
	t.Parallel()
	withEachLibrary(t, func(t *testing.T, open opener) {
		calls := newReplyRig(t, open, &tghook.ReplyTransport{}).called(t, caller.setNothing)
		if !slices.Equal(calls, []string{"deleteMyCommands"}) {
			wantCalls(t, calls, "deleteMyCommands"+asReply)
		}
	})
}

func TestOfTwoCallsOfALibraryTheFirstLeavesBeforeTheSecond(t *testing.T) {
	t.Parallel()
	withEachLibrary(t, func(t *testing.T, open opener) {
		calls := newReplyRig(t, open, &tghook.ReplyTransport{}).called(t, func(c caller, ctx context.Context, o occasion) error {
			return errors.Join(c.press(ctx, o), c.remove(ctx, o))
		})
		wantCalls(t, calls, "answerCallbackQuery", "deleteMessage"+asReply)

		r, id := newReplyRig(t, open, &tghook.ReplyTransport{}), 0
		calls = r.called(t, func(c caller, ctx context.Context, o occasion) error {
			err := c.setPhoto(ctx, o)
			var sayErr error
			id, sayErr = c.say(ctx, o)
			return errors.Join(err, sayErr)
		})
		wantCalls(t, calls, "setChatPhoto with GIF89a photo", "sendMessage")
		if m := r.group.Expect(t, "hi"); m.ID != int64(id) {
			t.Errorf("the message has the id %d, want Telegram's, %d", id, m.ID)
		}
	})
}

func TestAnotherBotsCallIsNeverHeld(t *testing.T) {
	t.Parallel()
	withEachLibrary(t, func(t *testing.T, open opener) {
		r := newReplyRig(t, open, &tghook.ReplyTransport{})
		tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Seed: 1, Patience: doortest.Patience})
		other := open(t, r.transport, tg)
		_, there := said(tg)
		before := len(tg.Calls())
		calls := r.called(t, func(c caller, ctx context.Context, o occasion) error {
			err := errors.Join(c.press(ctx, o), other.remove(ctx, there))
			wantCalls(t, inWords(tg.Calls()[before:]), "deleteMessage")
			return err
		})
		wantCalls(t, calls, "answerCallbackQuery"+asReply)
	})
}

func TestAHandlersErrorDiscardsTheCallOfALibrary(t *testing.T) {
	t.Parallel()
	withEachLibrary(t, func(t *testing.T, open opener) {
		attempts := 0
		calls := newReplyRig(t, open, &tghook.ReplyTransport{}).called(t, func(c caller, ctx context.Context, o occasion) error {
			if attempts++; attempts > 1 {
				return nil
			}
			if err := c.press(ctx, o); err != nil {
				return err
			}
			return errHandler
		})
		wantCalls(t, calls)
		assert.Equal(t, 2, attempts, "times that the update came")
	})
}

// No library treats a message without an id as a failure.
func TestWithAllowNoResultALibraryGetsAMessageWithoutAnID(t *testing.T) {
	t.Parallel()
	withEachLibrary(t, func(t *testing.T, open opener) {
		for method, do := range map[string]deed{
			"sendMessage": func(c caller, ctx context.Context, o occasion) error {
				id, err := c.say(ctx, o)
				assert.Equal(t, 0, id, "the id of the message")
				return err
			},
			"editMessageText": caller.editInline,
			"copyMessage":     caller.copyOne,
		} {
			r := newReplyRig(t, open, &tghook.ReplyTransport{AllowNoResult: true})
			wantCalls(t, r.called(t, do), method+asReply)
		}
	})
}

func TestALibraryIsToldWhatIsWrongWithTheTransportAtItsStart(t *testing.T) {
	t.Parallel()
	const token = "7244100913:AAH-stand_in_token_0123456789abcdef"
	broken := &http.Client{Transport: &tghook.ReplyTransport{}}
	for name, start := range map[string]func() error{
		"go-telegram/bot": func() error { _, err := bot.New(token, bot.WithHTTPClient(time.Minute, broken)); return err },
		"telebot": func() error {
			_, err := tele.NewBot(tele.Settings{Token: token, Client: broken})
			return err
		},
		"telegram-bot-api": func() error {
			_, err := tgbotapi.NewBotAPIWithClient(token, tgbotapi.APIEndpoint, broken)
			return err
		},
		"gotgbot": func() error {
			_, err := gotgbot.NewBot(token, &gotgbot.BotOpts{BotClient: &gotgbot.BaseBotClient{Client: *broken}})
			return err
		},
	} {
		require.ErrorContains(t, start(), "tghook: ReplyTransport.Client: ", name)
	}
}

type goTelegram struct{ *bot.Bot }

func openGoTelegram(tb testing.TB, t *tghook.ReplyTransport, tg *tghooktest.Server) caller {
	tb.Helper()
	b, err := bot.New(tg.Token, bot.WithServerURL(tg.URL), bot.WithHTTPClient(time.Minute, &http.Client{Transport: t}), bot.WithCheckInitTimeout(doortest.Patience), bot.WithNotAsyncHandlers())
	require.NoError(tb, err)
	return goTelegram{b}
}

// isTrue turns the result of a method that answers True into an error.
func isTrue(ok bool, err error) error {
	if err == nil && !ok {
		return errors.New("the library did not get True")
	}
	return err
}

func (b goTelegram) press(ctx context.Context, o occasion) error {
	return isTrue(b.AnswerCallbackQuery(ctx, &bot.AnswerCallbackQueryParams{CallbackQueryID: o.query, Text: "<&>"}))
}

func (b goTelegram) remove(ctx context.Context, o occasion) error {
	return isTrue(b.DeleteMessage(ctx, &bot.DeleteMessageParams{ChatID: o.chat, MessageID: o.message}))
}

func (b goTelegram) say(ctx context.Context, o occasion) (int, error) {
	m, err := b.SendMessage(ctx, &bot.SendMessageParams{ChatID: o.chat, Text: "hi"})
	if err != nil {
		return 0, err
	}
	return m.ID, nil
}

func (b goTelegram) setPhoto(ctx context.Context, o occasion) error {
	return isTrue(b.SetChatPhoto(ctx, &bot.SetChatPhotoParams{
		ChatID: o.chat, Photo: &models.InputFileUpload{Filename: "photo.jpg", Data: strings.NewReader("GIF89a photo")},
	}))
}

func (b goTelegram) editInline(ctx context.Context, o occasion) error {
	_, err := b.EditMessageText(ctx, &bot.EditMessageTextParams{InlineMessageID: o.inline, Text: "hi"})
	return err
}

func (b goTelegram) copyOne(ctx context.Context, o occasion) error {
	_, err := b.CopyMessage(ctx, &bot.CopyMessageParams{ChatID: o.chat, FromChatID: o.chat, MessageID: o.message})
	return err
}

func (b goTelegram) setNothing(ctx context.Context, _ occasion) error {
	// If all parameters are empty, it makes a multipart body without parts, which Telegram refuses.
	return isTrue(b.DeleteMyCommands(ctx, nil))
}

func (b goTelegram) restrictOne(ctx context.Context, o occasion) error {
	return isTrue(b.RestrictChatMember(ctx, &bot.RestrictChatMemberParams{ChatID: o.chat, UserID: o.user, Permissions: &models.ChatPermissions{CanSendMessages: true}}))
}

type telegoBot struct{ *telego.Bot }

// telego calls by fasthttp by default. WithHTTPClient changes that.
func openTelego(tb testing.TB, t *tghook.ReplyTransport, tg *tghooktest.Server) caller {
	tb.Helper()
	b, err := telego.NewBot(tg.Token, telego.WithAPIServer(tg.URL), telego.WithHTTPClient(&http.Client{Transport: t}), telego.WithDiscardLogger())
	require.NoError(tb, err)
	return telegoBot{b}
}

func telegoChat(o occasion) telego.ChatID { return telego.ChatID{ID: o.chat} }

func (b telegoBot) press(ctx context.Context, o occasion) error {
	return b.AnswerCallbackQuery(ctx, &telego.AnswerCallbackQueryParams{CallbackQueryID: o.query, Text: "<&>"})
}

func (b telegoBot) remove(ctx context.Context, o occasion) error {
	return b.DeleteMessage(ctx, &telego.DeleteMessageParams{ChatID: telegoChat(o), MessageID: o.message})
}

func (b telegoBot) say(ctx context.Context, o occasion) (int, error) {
	m, err := b.SendMessage(ctx, &telego.SendMessageParams{ChatID: telegoChat(o), Text: "hi"})
	if err != nil {
		return 0, err
	}
	return m.MessageID, nil
}

// upload is a file with a name.
type upload struct{ *strings.Reader }

func (upload) Name() string { return "photo.jpg" }

func photo() upload { return upload{strings.NewReader("GIF89a photo")} }

func (b telegoBot) setPhoto(ctx context.Context, o occasion) error {
	return b.SetChatPhoto(ctx, &telego.SetChatPhotoParams{ChatID: telegoChat(o), Photo: telego.InputFile{File: photo()}})
}

func (b telegoBot) editInline(ctx context.Context, o occasion) error {
	_, err := b.EditMessageText(ctx, &telego.EditMessageTextParams{InlineMessageID: o.inline, Text: "hi"})
	return err
}

func (b telegoBot) copyOne(ctx context.Context, o occasion) error {
	_, err := b.CopyMessage(ctx, &telego.CopyMessageParams{ChatID: telegoChat(o), FromChatID: telegoChat(o), MessageID: o.message})
	return err
}

func (b telegoBot) setNothing(ctx context.Context, _ occasion) error {
	return b.DeleteMyCommands(ctx, &telego.DeleteMyCommandsParams{})
}

func (b telegoBot) restrictOne(ctx context.Context, o occasion) error {
	return b.RestrictChatMember(ctx, &telego.RestrictChatMemberParams{ChatID: telegoChat(o), UserID: o.user})
}

// telegram-bot-api takes no context. So each update has its own copy of the bot, with a
// client that uses the update's context.
type tgbotapiBot struct {
	shared    *tgbotapi.BotAPI
	transport *tghook.ReplyTransport
}

func openTgbotapi(tb testing.TB, t *tghook.ReplyTransport, tg *tghooktest.Server) caller {
	tb.Helper()
	b, err := tgbotapi.NewBotAPIWithClient(tg.Token, tg.URL+"/bot%s/%s", &http.Client{Transport: t})
	require.NoError(tb, err)
	return tgbotapiBot{b, t}
}

func (b tgbotapiBot) with(ctx context.Context) *tgbotapi.BotAPI {
	own := *b.shared
	own.Client = b.transport.With(ctx)
	return &own
}

func (b tgbotapiBot) request(ctx context.Context, c tgbotapi.Chattable) error {
	res, err := b.with(ctx).Request(c)
	if err != nil {
		return err
	}
	return isTrue(string(res.Result) == "true", nil)
}

func (b tgbotapiBot) press(ctx context.Context, o occasion) error {
	return b.request(ctx, tgbotapi.NewCallback(o.query, "<&>"))
}

func (b tgbotapiBot) remove(ctx context.Context, o occasion) error {
	return b.request(ctx, tgbotapi.NewDeleteMessage(o.chat, o.message))
}

func (b tgbotapiBot) say(ctx context.Context, o occasion) (int, error) {
	m, err := b.with(ctx).Send(tgbotapi.NewMessage(o.chat, "hi"))
	return m.MessageID, err
}

func (b tgbotapiBot) setPhoto(ctx context.Context, o occasion) error {
	return b.request(ctx, tgbotapi.NewChatPhoto(o.chat, tgbotapi.FileReader{Name: "photo.jpg", Reader: photo()}))
}

func (b tgbotapiBot) editInline(ctx context.Context, o occasion) error {
	_, err := b.with(ctx).Send(tgbotapi.EditMessageTextConfig{BaseEdit: tgbotapi.BaseEdit{InlineMessageID: o.inline}, Text: "hi"})
	return err
}

func (b tgbotapiBot) copyOne(ctx context.Context, o occasion) error {
	_, err := b.with(ctx).CopyMessage(tgbotapi.NewCopyMessage(o.chat, o.chat, o.message))
	return err
}

func (b tgbotapiBot) setNothing(ctx context.Context, _ occasion) error {
	return b.request(ctx, tgbotapi.NewDeleteMyCommands())
}

func (b tgbotapiBot) restrictOne(ctx context.Context, o occasion) error {
	return b.request(ctx, tgbotapi.RestrictChatMemberConfig{
		ChatMemberConfig: tgbotapi.ChatMemberConfig{ChatID: o.chat, UserID: o.user}, Permissions: &tgbotapi.ChatPermissions{CanSendMessages: true},
	})
}

// telebot takes no context either. So each update has a bot of its own, which makes the
// calls in the telebot.Context that the bot with the handlers processes.
type telebotBot struct {
	handlers  *tele.Bot
	transport *tghook.ReplyTransport
}

func openTelebot(tb testing.TB, t *tghook.ReplyTransport, tg *tghooktest.Server) caller {
	tb.Helper()
	b, err := tele.NewBot(tele.Settings{URL: tg.URL, Token: tg.Token, Client: &http.Client{Transport: t}, Synchronous: true})
	require.NoError(tb, err)
	return telebotBot{b, t}
}

// handled calls do in a handler of telebot, and returns its error.
func (b telebotBot) handled(ctx context.Context, o occasion, do func(c tele.Context) error) error {
	own, err := tele.NewBot(tele.Settings{URL: b.handlers.URL, Token: b.handlers.Token, Client: b.transport.With(ctx), Offline: true, Updates: 1})
	if err != nil {
		return err
	}
	var result error
	b.handlers.Handle(tele.OnText, func(c tele.Context) error { result = do(c); return result })
	b.handlers.ProcessContext(tele.NewContext(own, tele.Update{ID: 5, Message: &tele.Message{ID: o.message, Text: "hi", Chat: &tele.Chat{ID: o.chat}}}))
	return result
}

func (b telebotBot) press(ctx context.Context, o occasion) error {
	return b.handled(ctx, o, func(c tele.Context) error {
		return c.Bot().Respond(&tele.Callback{ID: o.query}, &tele.CallbackResponse{Text: "<&>"})
	})
}

func (b telebotBot) remove(ctx context.Context, o occasion) error {
	return b.handled(ctx, o, func(c tele.Context) error { return c.Delete() })
}

func (b telebotBot) say(ctx context.Context, o occasion) (id int, err error) {
	err = b.handled(ctx, o, func(c tele.Context) error {
		m, err := c.Bot().Send(c.Chat(), "hi")
		if err == nil {
			id = m.ID
		}
		return err
	})
	return id, err
}

func (b telebotBot) setPhoto(ctx context.Context, o occasion) error {
	return b.handled(ctx, o, func(c tele.Context) error {
		return c.Bot().(*tele.Bot).SetGroupPhoto(c.Chat(), &tele.Photo{File: tele.FromReader(photo())})
	})
}

func (b telebotBot) editInline(ctx context.Context, o occasion) error {
	return b.handled(ctx, o, func(c tele.Context) error {
		_, err := c.Bot().Edit(&tele.InlineResult{MessageID: o.inline}, "hi")
		return err
	})
}

func (b telebotBot) copyOne(ctx context.Context, o occasion) error {
	return b.handled(ctx, o, func(c tele.Context) error {
		_, err := c.Bot().Copy(c.Chat(), c.Message())
		return err
	})
}

func (b telebotBot) setNothing(ctx context.Context, o occasion) error {
	return b.handled(ctx, o, func(c tele.Context) error { return c.Bot().DeleteCommands() })
}

func (b telebotBot) restrictOne(ctx context.Context, o occasion) error {
	return b.handled(ctx, o, func(c tele.Context) error {
		return c.Bot().Restrict(c.Chat(), &tele.ChatMember{User: &tele.User{ID: o.user}, Rights: tele.NoRights()})
	})
}

type goTG struct{ *tg.Client }

func openGoTG(tb testing.TB, t *tghook.ReplyTransport, server *tghooktest.Server) caller {
	tb.Helper()
	return goTG{tg.New(server.Token, tg.WithClientServerURL(server.URL), tg.WithClientDoer(&http.Client{Transport: t}))}
}

func (b goTG) press(ctx context.Context, o occasion) error {
	return b.AnswerCallbackQuery(o.query).Text("<&>").DoVoid(ctx)
}

func (b goTG) remove(ctx context.Context, o occasion) error {
	return b.DeleteMessage(tg.ChatID(o.chat), o.message).DoVoid(ctx)
}

func (b goTG) say(ctx context.Context, o occasion) (int, error) {
	m, err := b.SendMessage(tg.ChatID(o.chat), "hi").Do(ctx)
	return m.ID, err
}

// Its SetChatPhoto encodes the file as JSON.
func (b goTG) setPhoto(ctx context.Context, o occasion) error {
	var ok bool
	call := tg.NewRequest("setChatPhoto").ChatID("chat_id", tg.ChatID(o.chat)).InputFile("photo", tg.NewInputFile("photo.jpg", photo()))
	err := b.Do(ctx, call, &ok)
	return isTrue(ok, err)
}

func (b goTG) editInline(ctx context.Context, o occasion) error {
	return b.EditMessageTextInline(o.inline, "hi").DoVoid(ctx)
}

func (b goTG) copyOne(ctx context.Context, o occasion) error {
	_, err := b.CopyMessage(tg.ChatID(o.chat), tg.ChatID(o.chat), o.message).Do(ctx)
	return err
}

func (b goTG) setNothing(ctx context.Context, _ occasion) error {
	return b.DeleteMyCommands().DoVoid(ctx)
}

func (b goTG) restrictOne(ctx context.Context, o occasion) error {
	return b.RestrictChatMember(tg.ChatID(o.chat), tg.UserID(o.user), tg.ChatPermissions{CanSendMessages: true}).DoVoid(ctx)
}

type gotgbotBot struct{ *gotgbot.Bot }

func openGotgbot(tb testing.TB, t *tghook.ReplyTransport, server *tghooktest.Server) caller {
	tb.Helper()
	b, err := gotgbot.NewBot(server.Token, &gotgbot.BotOpts{BotClient: &gotgbot.BaseBotClient{
		Client: http.Client{Transport: t}, DefaultRequestOpts: &gotgbot.RequestOpts{APIURL: server.URL, Timeout: doortest.Patience},
	}})
	require.NoError(tb, err)
	return gotgbotBot{b}
}

func (b gotgbotBot) press(ctx context.Context, o occasion) error {
	return isTrue(b.AnswerCallbackQueryWithContext(ctx, o.query, &gotgbot.AnswerCallbackQueryOpts{Text: "<&>"}))
}

func (b gotgbotBot) remove(ctx context.Context, o occasion) error {
	return isTrue(b.DeleteMessageWithContext(ctx, o.chat, int64(o.message), nil))
}

func (b gotgbotBot) say(ctx context.Context, o occasion) (int, error) {
	m, err := b.SendMessageWithContext(ctx, o.chat, "hi", nil)
	if err != nil {
		return 0, err
	}
	return int(m.MessageId), nil
}

func (b gotgbotBot) setPhoto(ctx context.Context, o occasion) error {
	return isTrue(b.SetChatPhotoWithContext(ctx, o.chat, gotgbot.InputFileByReader("photo.jpg", photo()), nil))
}

func (b gotgbotBot) editInline(ctx context.Context, o occasion) error {
	_, _, err := b.EditMessageTextWithContext(ctx, &gotgbot.EditMessageTextOpts{InlineMessageId: o.inline, Text: "hi"})
	return err
}

func (b gotgbotBot) copyOne(ctx context.Context, o occasion) error {
	_, err := b.CopyMessageWithContext(ctx, o.chat, o.chat, int64(o.message), nil)
	return err
}

func (b gotgbotBot) setNothing(ctx context.Context, _ occasion) error {
	return isTrue(b.DeleteMyCommandsWithContext(ctx, nil))
}

func (b gotgbotBot) restrictOne(ctx context.Context, o occasion) error {
	return isTrue(b.RestrictChatMemberWithContext(ctx, o.chat, o.user, gotgbot.ChatPermissions{CanSendMessages: true}, nil))
}

package thirdparty_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"
	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
	"github.com/mymmrac/telego"
	tele "gopkg.in/telebot.v4"

	"github.com/tghook/tghook"
)

const (
	botToken   = "7244100913:AAH-stand_in_token_0123456789abcdef"
	otherToken = "7244100914:AAH-stand_in_token_0123456789abcdef"
)

// botAPI stands in for Telegram. It notes which methods are called, those of the
// other bot with a mark.
type botAPI struct {
	mu    sync.Mutex
	calls []string
}

func (a *botAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body.Close()
	method := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	call := method
	if strings.Contains(r.URL.Path, otherToken) {
		call = "another bot's " + call
	}
	if bytes.Contains(body, []byte("the photo")) {
		call += " with its file"
	}
	a.mu.Lock()
	a.calls = append(a.calls, call)
	a.mu.Unlock()
	answer := `{"ok":true,"result":true}`
	switch method {
	case "getMe":
		answer = `{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"b","username":"stand_in_bot"}}`
	case "sendMessage":
		answer = `{"ok":true,"result":{"message_id":33,"date":1,"chat":{"id":5,"type":"private"},"text":"hi"}}`
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer)),
		ContentLength: int64(len(answer)), Request: r,
	}, nil
}

// made are the calls since the last time, without the getMe that libraries begin
// with.
func (a *botAPI) made() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := slices.DeleteFunc(a.calls, func(call string) bool { return strings.HasSuffix(call, "getMe") })
	a.calls = nil
	return calls
}

// A caller makes calls by a bot library, in the handler of an update.
type caller interface {
	press(ctx context.Context) error       // answerCallbackQuery
	remove(ctx context.Context) error      // deleteMessage
	say(ctx context.Context) (int, error)  // sendMessage, which returns the message's id
	setPhoto(ctx context.Context) error    // setChatPhoto, with a file
	removeAs(ctx context.Context) error    // deleteMessage by another bot
	editInline(ctx context.Context) error  // editMessageText of an inline message
	copyOne(ctx context.Context) error     // copyMessage
	setNothing(ctx context.Context) error  // deleteMyCommands, which needs no parameters
	restrictOne(ctx context.Context) error // restrictChatMember, which has an object among its parameters
}

var replyLibraries = []struct {
	name string
	open func(tb testing.TB, t *tghook.ReplyTransport) caller
}{
	{"go-telegram/bot", openGoTelegram},
	{"telego", openTelego},
	{"telegram-bot-api", openTgbotapi},
	{"telebot", openTelebot},
}

// replyHook is a hook whose handler makes calls by a library.
func replyHook(tb testing.TB, open func(testing.TB, *tghook.ReplyTransport) caller, t *tghook.ReplyTransport, h func(ctx context.Context, c caller) error) (*tghook.Webhook, *botAPI) {
	tb.Helper()
	client, err := tghook.NewClient(botToken, tghook.ClientConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	api := &botAPI{}
	t.Base, t.Client = api, client
	c := open(tb, t)
	api.made()
	return newHook(tb, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		return tghook.NoReply, h(ctx, c)
	}, func(cfg *tghook.Config) { cfg.Dispatch.Bot = client.Bot() }), api
}

// inHandler delivers one update to a handler that does h, over net/http, and
// returns the answer with what was called.
func inHandler(t *testing.T, open func(testing.TB, *tghook.ReplyTransport) caller, transport *tghook.ReplyTransport, h func(ctx context.Context, c caller) error) (answer string, calls []string) {
	t.Helper()
	hook, api := replyHook(t, open, transport, h)
	answer = post(t, client(t, "tcp", serve(t, hook)), "/", message(5))
	return answer, api.made()
}

// carries checks that an answer is a call of a method.
func carries(t *testing.T, answer, method string) {
	t.Helper()
	json := strings.HasPrefix(answer, "200 application/json {\"method\":\""+method+"\"")
	form := strings.HasPrefix(answer, "200 multipart/form-data; boundary=") && strings.Contains(answer, "name=\"method\"\r\n\r\n"+method+"\r\n")
	if !json && !form {
		t.Errorf("answered %q, want a call of %s", answer, method)
	}
}

func none(t *testing.T, calls []string) {
	t.Helper()
	if len(calls) > 0 {
		t.Errorf("calls %q, want none", calls)
	}
}

func TestASingleCallOfALibraryRidesTheResponse(t *testing.T) {
	t.Parallel()
	for _, lib := range replyLibraries {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			for method, do := range map[string]func(caller, context.Context) error{
				"answerCallbackQuery": caller.press,
				"deleteMessage":       caller.remove,
				"setChatPhoto":        caller.setPhoto,
				"restrictChatMember":  caller.restrictOne,
			} {
				answer, calls := inHandler(t, lib.open, &tghook.ReplyTransport{}, func(ctx context.Context, c caller) error {
					return do(c, ctx)
				})
				carries(t, answer, method)
				none(t, calls)
				if method == "setChatPhoto" && !strings.Contains(answer, "the photo") {
					t.Errorf("the file is not in the answer %q", answer)
				}
			}
		})
	}
}

// A call without parameters may be sent in a form that cannot ride; it is made then.
func TestACallWithoutParametersOfALibraryIsNotLost(t *testing.T) {
	t.Parallel()
	for _, lib := range replyLibraries {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			answer, calls := inHandler(t, lib.open, &tghook.ReplyTransport{}, func(ctx context.Context, c caller) error {
				return c.setNothing(ctx)
			})
			if answer == "200" && slices.Equal(calls, []string{"deleteMyCommands"}) {
				return
			}
			carries(t, answer, "deleteMyCommands")
			none(t, calls)
		})
	}
}

func TestOfTwoCallsOfALibraryTheFirstLeavesBeforeTheSecond(t *testing.T) {
	t.Parallel()
	for _, lib := range replyLibraries {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			answer, calls := inHandler(t, lib.open, &tghook.ReplyTransport{}, func(ctx context.Context, c caller) error {
				return errors.Join(c.press(ctx), c.remove(ctx))
			})
			carries(t, answer, "deleteMessage")
			if want := []string{"answerCallbackQuery"}; !slices.Equal(calls, want) {
				t.Errorf("calls %q, want %q", calls, want)
			}
			answer, calls = inHandler(t, lib.open, &tghook.ReplyTransport{}, func(ctx context.Context, c caller) error {
				err := c.setPhoto(ctx)
				id, sayErr := c.say(ctx)
				if id != 33 {
					t.Errorf("the message has the id %d, want Telegram's", id)
				}
				return errors.Join(err, sayErr)
			})
			if answer != "200" {
				t.Errorf("answered %q, want 200 alone", answer)
			}
			if want := []string{"setChatPhoto with its file", "sendMessage"}; !slices.Equal(calls, want) {
				t.Errorf("calls %q, want %q", calls, want)
			}
		})
	}
}

func TestAnotherBotsCallIsNeverHeld(t *testing.T) {
	t.Parallel()
	for _, lib := range replyLibraries {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			answer, calls := inHandler(t, lib.open, &tghook.ReplyTransport{}, func(ctx context.Context, c caller) error {
				return errors.Join(c.press(ctx), c.removeAs(ctx))
			})
			carries(t, answer, "answerCallbackQuery")
			if want := []string{"another bot's deleteMessage"}; !slices.Equal(calls, want) {
				t.Errorf("calls %q, want %q", calls, want)
			}
		})
	}
}

func TestAHandlersErrorDiscardsTheCallOfALibrary(t *testing.T) {
	t.Parallel()
	for _, lib := range replyLibraries {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			answer, calls := inHandler(t, lib.open, &tghook.ReplyTransport{}, func(ctx context.Context, c caller) error {
				return errors.Join(c.press(ctx), errors.New("no"))
			})
			if answer != "500" {
				t.Errorf("answered %q, want 500", answer)
			}
			none(t, calls)
		})
	}
}

// No library takes a message without an id for a failure.
func TestWithAllowNoResultALibraryGetsAMessageWithoutAnID(t *testing.T) {
	t.Parallel()
	for _, lib := range replyLibraries {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			for method, do := range map[string]func(caller, context.Context) error{
				"sendMessage": func(c caller, ctx context.Context) error {
					id, err := c.say(ctx)
					if id != 0 {
						t.Errorf("the message has the id %d, want none", id)
					}
					return err
				},
				"editMessageText": caller.editInline,
				"copyMessage":     caller.copyOne,
			} {
				answer, calls := inHandler(t, lib.open, &tghook.ReplyTransport{AllowNoResult: true}, func(ctx context.Context, c caller) error {
					return do(c, ctx)
				})
				carries(t, answer, method)
				none(t, calls)
			}
		})
	}
}

func TestALibraryIsToldWhatIsWrongWithTheTransportAtItsStart(t *testing.T) {
	t.Parallel()
	broken := &http.Client{Transport: &tghook.ReplyTransport{}}
	for name, start := range map[string]func() error{
		"go-telegram/bot": func() error { _, err := bot.New(botToken, bot.WithHTTPClient(time.Minute, broken)); return err },
		"telebot": func() error {
			_, err := tele.NewBot(tele.Settings{Token: botToken, Client: broken})
			return err
		},
		"telegram-bot-api": func() error {
			_, err := tgbotapi.NewBotAPIWithClient(botToken, tgbotapi.APIEndpoint, broken)
			return err
		},
	} {
		if err := start(); err == nil || !strings.Contains(err.Error(), "tghook: ReplyTransport.Client: is nil") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

type goTelegram struct{ own, other *bot.Bot }

func openGoTelegram(tb testing.TB, t *tghook.ReplyTransport) caller {
	tb.Helper()
	open := func(token string) *bot.Bot {
		b, err := bot.New(token, bot.WithHTTPClient(time.Minute, &http.Client{Transport: t}), bot.WithNotAsyncHandlers())
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	return goTelegram{open(botToken), open(otherToken)}
}

// isTrue is what a library returned for a method that answers True.
func isTrue(ok bool, err error) error {
	if err == nil && !ok {
		return errors.New("the library did not get True")
	}
	return err
}

func (b goTelegram) press(ctx context.Context) error {
	return isTrue(b.own.AnswerCallbackQuery(ctx, &bot.AnswerCallbackQueryParams{CallbackQueryID: "5", Text: "<&>"}))
}

func (b goTelegram) remove(ctx context.Context) error {
	return isTrue(b.own.DeleteMessage(ctx, &bot.DeleteMessageParams{ChatID: 5, MessageID: 1}))
}

func (b goTelegram) removeAs(ctx context.Context) error {
	return isTrue(b.other.DeleteMessage(ctx, &bot.DeleteMessageParams{ChatID: 5, MessageID: 1}))
}

func (b goTelegram) say(ctx context.Context) (int, error) {
	m, err := b.own.SendMessage(ctx, &bot.SendMessageParams{ChatID: 5, Text: "hi"})
	if err != nil {
		return 0, err
	}
	return m.ID, nil
}

func (b goTelegram) setPhoto(ctx context.Context) error {
	return isTrue(b.own.SetChatPhoto(ctx, &bot.SetChatPhotoParams{
		ChatID: 5, Photo: &models.InputFileUpload{Filename: "photo.jpg", Data: strings.NewReader("the photo")},
	}))
}

func (b goTelegram) editInline(ctx context.Context) error {
	_, err := b.own.EditMessageText(ctx, &bot.EditMessageTextParams{InlineMessageID: "8", Text: "hi"})
	return err
}

func (b goTelegram) copyOne(ctx context.Context) error {
	_, err := b.own.CopyMessage(ctx, &bot.CopyMessageParams{ChatID: 5, FromChatID: 6, MessageID: 7})
	return err
}

func (b goTelegram) setNothing(ctx context.Context) error {
	return isTrue(b.own.DeleteMyCommands(ctx, &bot.DeleteMyCommandsParams{}))
}

func (b goTelegram) restrictOne(ctx context.Context) error {
	return isTrue(b.own.RestrictChatMember(ctx, &bot.RestrictChatMemberParams{ChatID: 5, UserID: 6, Permissions: &models.ChatPermissions{CanSendMessages: true}}))
}

type telegoBot struct{ own, other *telego.Bot }

// telego's default caller is fasthttp's: WithHTTPClient is the switch.
func openTelego(tb testing.TB, t *tghook.ReplyTransport) caller {
	tb.Helper()
	open := func(token string) *telego.Bot {
		b, err := telego.NewBot(token, telego.WithHTTPClient(&http.Client{Transport: t}), telego.WithDiscardLogger())
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	return telegoBot{open(botToken), open(otherToken)}
}

var telegoChat = telego.ChatID{ID: 5}

func (b telegoBot) press(ctx context.Context) error {
	return b.own.AnswerCallbackQuery(ctx, &telego.AnswerCallbackQueryParams{CallbackQueryID: "5", Text: "<&>"})
}

func (b telegoBot) remove(ctx context.Context) error {
	return b.own.DeleteMessage(ctx, &telego.DeleteMessageParams{ChatID: telegoChat, MessageID: 1})
}

func (b telegoBot) removeAs(ctx context.Context) error {
	return b.other.DeleteMessage(ctx, &telego.DeleteMessageParams{ChatID: telegoChat, MessageID: 1})
}

func (b telegoBot) say(ctx context.Context) (int, error) {
	m, err := b.own.SendMessage(ctx, &telego.SendMessageParams{ChatID: telegoChat, Text: "hi"})
	if err != nil {
		return 0, err
	}
	return m.MessageID, nil
}

// upload is a file with a name.
type upload struct{ *strings.Reader }

func (upload) Name() string { return "photo.jpg" }

func photo() upload { return upload{strings.NewReader("the photo")} }

func (b telegoBot) setPhoto(ctx context.Context) error {
	return b.own.SetChatPhoto(ctx, &telego.SetChatPhotoParams{ChatID: telegoChat, Photo: telego.InputFile{File: photo()}})
}

func (b telegoBot) editInline(ctx context.Context) error {
	_, err := b.own.EditMessageText(ctx, &telego.EditMessageTextParams{InlineMessageID: "8", Text: "hi"})
	return err
}

func (b telegoBot) copyOne(ctx context.Context) error {
	_, err := b.own.CopyMessage(ctx, &telego.CopyMessageParams{ChatID: telegoChat, FromChatID: telegoChat, MessageID: 7})
	return err
}

func (b telegoBot) setNothing(ctx context.Context) error {
	return b.own.DeleteMyCommands(ctx, &telego.DeleteMyCommandsParams{})
}

func (b telegoBot) restrictOne(ctx context.Context) error {
	return b.own.RestrictChatMember(ctx, &telego.RestrictChatMemberParams{ChatID: telegoChat, UserID: 6})
}

// telegram-bot-api takes no ctx: a copy of the bot, for each update, has a client
// that belongs to it.
type tgbotapiBot struct {
	own, other *tgbotapi.BotAPI
	transport  *tghook.ReplyTransport
}

func openTgbotapi(tb testing.TB, t *tghook.ReplyTransport) caller {
	tb.Helper()
	open := func(token string) *tgbotapi.BotAPI {
		b, err := tgbotapi.NewBotAPIWithClient(token, tgbotapi.APIEndpoint, &http.Client{Transport: t})
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	return tgbotapiBot{open(botToken), open(otherToken), t}
}

func (b tgbotapiBot) with(ctx context.Context, shared *tgbotapi.BotAPI) *tgbotapi.BotAPI {
	own := *shared
	own.Client = b.transport.With(ctx)
	return &own
}

func (b tgbotapiBot) request(ctx context.Context, c tgbotapi.Chattable) error {
	res, err := b.with(ctx, b.own).Request(c)
	if err != nil {
		return err
	}
	return isTrue(string(res.Result) == "true", nil)
}

func (b tgbotapiBot) press(ctx context.Context) error {
	return b.request(ctx, tgbotapi.NewCallback("5", "<&>"))
}

func (b tgbotapiBot) remove(ctx context.Context) error {
	return b.request(ctx, tgbotapi.NewDeleteMessage(5, 1))
}

func (b tgbotapiBot) removeAs(ctx context.Context) error {
	_, err := b.with(ctx, b.other).Request(tgbotapi.NewDeleteMessage(5, 1))
	return err
}

func (b tgbotapiBot) say(ctx context.Context) (int, error) {
	m, err := b.with(ctx, b.own).Send(tgbotapi.NewMessage(5, "hi"))
	return m.MessageID, err
}

func (b tgbotapiBot) setPhoto(ctx context.Context) error {
	return b.request(ctx, tgbotapi.NewChatPhoto(5, tgbotapi.FileReader{Name: "photo.jpg", Reader: photo()}))
}

func (b tgbotapiBot) editInline(ctx context.Context) error {
	_, err := b.with(ctx, b.own).Send(tgbotapi.EditMessageTextConfig{BaseEdit: tgbotapi.BaseEdit{InlineMessageID: "8"}, Text: "hi"})
	return err
}

func (b tgbotapiBot) copyOne(ctx context.Context) error {
	_, err := b.with(ctx, b.own).CopyMessage(tgbotapi.NewCopyMessage(5, 6, 7))
	return err
}

func (b tgbotapiBot) setNothing(ctx context.Context) error {
	return b.request(ctx, tgbotapi.NewDeleteMyCommands())
}

func (b tgbotapiBot) restrictOne(ctx context.Context) error {
	return b.request(ctx, tgbotapi.RestrictChatMemberConfig{
		ChatMemberConfig: tgbotapi.ChatMemberConfig{ChatID: 5, UserID: 6}, Permissions: &tgbotapi.ChatPermissions{CanSendMessages: true},
	})
}

// telebot takes no ctx either: a bot of each update's own makes the calls, in the
// telebot.Context that the bot with the handlers processes.
type telebotBot struct {
	handlers  *tele.Bot
	transport *tghook.ReplyTransport
}

func openTelebot(tb testing.TB, t *tghook.ReplyTransport) caller {
	tb.Helper()
	b, err := tele.NewBot(tele.Settings{Token: botToken, Client: &http.Client{Transport: t}, Synchronous: true})
	if err != nil {
		tb.Fatal(err)
	}
	return telebotBot{b, t}
}

// handled calls do in a handler of telebot's, and returns its error.
func (b telebotBot) handled(ctx context.Context, token string, do func(c tele.Context) error) error {
	own, err := tele.NewBot(tele.Settings{Token: token, Client: b.transport.With(ctx), Offline: true, Updates: 1})
	if err != nil {
		return err
	}
	var result error
	b.handlers.Handle(tele.OnText, func(c tele.Context) error { result = do(c); return result })
	b.handlers.ProcessContext(tele.NewContext(own, tele.Update{ID: 5, Message: &tele.Message{ID: 1, Text: "hi", Chat: &tele.Chat{ID: 5}}}))
	return result
}

func (b telebotBot) press(ctx context.Context) error {
	return b.handled(ctx, botToken, func(c tele.Context) error {
		return c.Bot().Respond(&tele.Callback{ID: "5"}, &tele.CallbackResponse{Text: "<&>"})
	})
}

func (b telebotBot) remove(ctx context.Context) error {
	return b.handled(ctx, botToken, func(c tele.Context) error { return c.Delete() })
}

func (b telebotBot) removeAs(ctx context.Context) error {
	return b.handled(ctx, otherToken, func(c tele.Context) error { return c.Delete() })
}

func (b telebotBot) say(ctx context.Context) (id int, err error) {
	err = b.handled(ctx, botToken, func(c tele.Context) error {
		m, err := c.Bot().Send(c.Chat(), "hi")
		if err == nil {
			id = m.ID
		}
		return err
	})
	return id, err
}

func (b telebotBot) setPhoto(ctx context.Context) error {
	return b.handled(ctx, botToken, func(c tele.Context) error {
		return c.Bot().(*tele.Bot).SetGroupPhoto(c.Chat(), &tele.Photo{File: tele.FromReader(photo())})
	})
}

func (b telebotBot) editInline(ctx context.Context) error {
	return b.handled(ctx, botToken, func(c tele.Context) error {
		_, err := c.Bot().Edit(&tele.InlineResult{MessageID: "8"}, "hi")
		return err
	})
}

func (b telebotBot) copyOne(ctx context.Context) error {
	return b.handled(ctx, botToken, func(c tele.Context) error {
		_, err := c.Bot().Copy(c.Chat(), c.Message())
		return err
	})
}

func (b telebotBot) setNothing(ctx context.Context) error {
	return b.handled(ctx, botToken, func(c tele.Context) error { return c.Bot().DeleteCommands() })
}

func (b telebotBot) restrictOne(ctx context.Context) error {
	return b.handled(ctx, botToken, func(c tele.Context) error {
		return c.Bot().Restrict(c.Chat(), &tele.ChatMember{User: &tele.User{ID: 6}, Rights: tele.NoRights()})
	})
}

package export_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/export"
	"github.com/tghook/tghook/tghooktest"
)

// TestMain is also the bot that the exported tests start: the same program with another
// environment.
func TestMain(m *testing.M) {
	if os.Getenv("EXPORT_TEST_BOT") == "" {
		status := m.Run()
		if path, err := buildTghook(); err == nil {
			_ = os.RemoveAll(filepath.Dir(path)) // in the system's directory for such files
		}
		os.Exit(status)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := tghook.FromEnv()
	if err != nil {
		panic(err)
	}
	cfg.AllowedUpdates = kinds
	bot, err := tghook.NewClient(cfg.Token, cfg.Client)
	if err != nil {
		panic(err)
	}
	if err := tghook.Run(ctx, sample{bot, os.Getenv("EXPORT_TEST_BREAK")}, cfg); err != nil {
		panic(err)
	}
}

// botCommand starts this program as the bot.
func botCommand(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return "EXPORT_TEST_BOT=1 exec " + self
}

// sample is a bot that does a bit of everything.
type sample struct {
	bot    tghook.Caller
	broken string // what it does wrong
}

// kinds are what the bot asks for.
var kinds = []string{
	"message", "edited_message", "callback_query", "inline_query", "chosen_inline_result", "shipping_query", "pre_checkout_query", "poll", "poll_answer",
	"message_reaction", "my_chat_member", "chat_member",
}

type params map[string]any

func (s sample) HandleUpdate(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	var about struct {
		Message struct {
			ID   int64  `json:"message_id"`
			Text string `json:"text"`
			From struct {
				FirstName string `json:"first_name"`
			}
			Photo []struct {
				ID string `json:"file_id"`
			}
			Paid *struct{} `json:"successful_payment"`
		}
		Press struct {
			ID      string `json:"id"`
			Data    string `json:"data"`
			Message struct {
				ID int64 `json:"message_id"`
			}
		} `json:"callback_query"`
		Query struct {
			ID string `json:"id"`
		} `json:"inline_query"`
		Shipping struct {
			ID string `json:"id"`
		} `json:"shipping_query"`
		Checkout struct {
			ID string `json:"id"`
		} `json:"pre_checkout_query"`
	}
	if err := u.Decode(&about); err != nil {
		return tghook.NoReply, err
	}
	m := about.Message
	switch u.Kind {
	case tghook.KindMessage:
		switch {
		case m.Paid != nil:
			return s.say(u, "Thanks for the money.")
		case len(m.Photo) > 0:
			return tghook.Reply{Method: "sendPhoto", Params: params{"chat_id": u.ChatID, "photo": m.Photo[0].ID, "caption": "Yours"}}, nil
		case m.Text == "/start":
			if s.broken == "more" {
				_ = s.bot.Call(ctx, "sendMessage", params{"chat_id": u.ChatID, "text": "One more thing"}, nil)
			}
			return tghook.Reply{Method: "sendMessage", Params: params{
				"chat_id": u.ChatID, "text": "<b>Hello</b>, " + m.From.FirstName + "!", "parse_mode": "HTML",
				"reply_markup": params{"inline_keyboard": [][]params{{{"text": "Tea \"green\"", "callback_data": "tea"}, {"text": "Milk", "callback_data": "milk"}}}},
			}}, nil
		case m.Text == "/pay":
			return tghook.Reply{Method: "sendInvoice", Params: params{
				"chat_id": u.ChatID, "title": "Tea", "description": "A cup", "payload": "tea-1", "provider_token": "x", "currency": "EUR",
				"prices": []params{{"label": "Tea", "amount": 250}}, "is_flexible": true, "need_name": true, "need_shipping_address": true,
			}}, nil
		case m.Text == "/poll":
			return tghook.Reply{Method: "sendPoll", Params: params{"chat_id": u.ChatID, "question": "Lunch?", "options": []params{{"text": "Pho"}, {"text": "Pie"}}, "is_anonymous": false}}, nil
		case m.Text == "/wrong":
			err := s.bot.Call(ctx, "sendMessage", params{"chat_id": 1, "text": "nobody"}, nil)
			return s.say(u, fmt.Sprint("It failed: ", err != nil))
		case m.Text == "/gone":
			return tghook.Reply{Method: "deleteMessage", Params: params{"chat_id": u.ChatID, "message_id": m.ID}}, nil
		}
		return s.say(u, "You said "+m.Text)
	case tghook.KindEditedMessage:
		return s.say(u, "You changed it")
	case tghook.KindCallbackQuery:
		if s.broken != "answer" {
			if err := s.bot.Call(ctx, "answerCallbackQuery", params{"callback_query_id": about.Press.ID, "text": "OK, " + about.Press.Data}, nil); err != nil {
				return tghook.NoReply, err
			}
		}
		return tghook.Reply{Method: "editMessageText", Params: params{"chat_id": u.ChatID, "message_id": about.Press.Message.ID, "text": "Your " + about.Press.Data}}, nil
	case tghook.KindInlineQuery:
		return tghook.Reply{Method: "answerInlineQuery", Params: params{"inline_query_id": about.Query.ID, "results": []params{
			{"type": "article", "id": "a", "title": "A", "input_message_content": params{"message_text": "The letter A"}},
			{"type": "article", "id": "b", "title": "B", "input_message_content": params{"message_text": "The letter B"}},
		}}}, nil
	case tghook.KindShippingQuery:
		return tghook.Reply{Method: "answerShippingQuery", Params: params{"shipping_query_id": about.Shipping.ID, "ok": true, "shipping_options": []params{
			{"id": "post", "title": "Post", "prices": []params{{"label": "Post", "amount": 100}}},
			{"id": "bike", "title": "Bike", "prices": []params{{"label": "Bike", "amount": 300}}},
		}}}, nil
	case tghook.KindPreCheckoutQuery:
		return tghook.Reply{Method: "answerPreCheckoutQuery", Params: params{"pre_checkout_query_id": about.Checkout.ID, "ok": true}}, nil
	case tghook.KindPollAnswer:
		return tghook.Reply{Method: "sendMessage", Params: params{"chat_id": u.UserID, "text": "You have voted"}}, nil
	case tghook.KindMessageReaction:
		return s.say(u, "You like it")
	}
	return tghook.NoReply, nil
}

// say answers with a text.
func (s sample) say(u *tghook.Update, text string) (tghook.Reply, error) {
	if s.broken == "text" {
		text += "?"
	}
	answer := params{"chat_id": u.ChatID, "text": text}
	if u.ThreadID != 0 {
		answer["message_thread_id"] = u.ThreadID
	}
	return tghook.Reply{Method: "sendMessage", Params: answer}, nil
}

// A recorder keeps the updates that the bot gets.
type recorder struct {
	mu      sync.Mutex
	now     func() time.Time
	updates []export.Update
}

func (r *recorder) middleware(next tghook.Handler) tghook.Handler {
	return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		r.mu.Lock()
		r.updates = append(r.updates, export.Update{Body: u.Raw, At: r.now()})
		r.mu.Unlock()
		return next.HandleUpdate(ctx, u)
	})
}

// session has users act with the sample bot, and returns what happened.
func session(t *testing.T, act func(t *testing.T, tg *tghooktest.Server)) export.Session {
	t.Helper()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Username: "sample_bot", Patience: time.Minute})
	r := &recorder{now: tg.Now}
	hook, err := tghook.New(tghook.Chain(sample{bot: tg.Bot(t)}, r.middleware), tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Caller: tg.Bot(t)}})
	require.NoError(t, err)
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s", AllowedUpdates: kinds})
	act(t, tg)
	tg.WaitDelivered(t)
	s := export.Session{Username: "sample_bot", Updates: r.updates, Command: botCommand(t), File: func(id string) (tghooktest.File, bool) {
		f, err := tg.File(id)
		return f, err == nil
	}}
	for _, c := range tg.Calls() {
		s.Calls = append(s.Calls, export.Call{Call: c, Fault: c.Err != nil && c.Err.Description == "Bad Request: chat is odd"})
	}
	return s
}

// encode returns the value in JSON.
func encode(value any) []byte {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return encoded
}

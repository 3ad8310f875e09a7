// Package demo is a small bot that shows what bots can do. It gets its updates by long poll.
package demo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/tghook/tghook"
)

// Token is the token of the bot. It is made up.
const Token = "7000000002:tghook-demo-bot--a-made-up-token-00"

// Run runs the bot until ctx ends.
func Run(ctx context.Context, client *tghook.Client) error {
	b := &bot{client: client, writing: map[int64]context.CancelFunc{}}
	if err := b.introduce(ctx); err != nil {
		return fmt.Errorf("the demo bot cannot call the Bot API: %w", err)
	}
	return tghook.Poll(ctx, client, tghook.Typed(b.handle), tghook.PollConfig{Dispatch: tghook.DispatchConfig{Lane: lane}})
}

// lane is the chat, save for a press of Stop. It must not wait until the answer that it
// stops is written.
func lane(u *tghook.Update) string {
	switch {
	case u.Kind == tghook.KindStoppedMessageGeneration:
		return ""
	case u.ChatID != 0:
		return strconv.FormatInt(u.ChatID, 10)
	}
	return fmt.Sprint("user ", u.UserID)
}

// params are the parameters of a method of the Bot API.
type params = map[string]any

// bot is the demo bot.
type bot struct {
	client *tghook.Client

	mu      sync.Mutex
	writing map[int64]context.CancelFunc // ends the answer that is written in a chat
}

// update is what the bot reads of an update.
type update struct {
	Message       *message
	CallbackQuery *press               `json:"callback_query"`
	InlineQuery   *query               `json:"inline_query"`
	Shipping      *shipping            `json:"shipping_query"`
	PreCheckout   *query               `json:"pre_checkout_query"`
	PollAnswer    *pollAnswer          `json:"poll_answer"`
	Stopped       *struct{ Chat chat } `json:"stopped_message_generation"`
}

type chat struct {
	ID   int64
	Type string
}

type person struct {
	ID        int64
	FirstName string `json:"first_name"`
}

type message struct {
	ID      int64 `json:"message_id"`
	Chat    chat
	From    person
	Text    string
	Contact *struct {
		Phone string `json:"phone_number"`
	}
	Location   *struct{ Latitude, Longitude float64 }
	Dice       *dice
	Payment    *payment `json:"successful_payment"`
	NewMembers []person `json:"new_chat_members"`
	Photo      []any
	Document   *struct {
		Name string `json:"file_name"`
	}
	Voice   *struct{ Duration int }
	Sticker *struct{ Emoji string }
}

type dice struct {
	Emoji string
	Value int
}

type payment struct {
	Currency string
	Total    int64  `json:"total_amount"`
	Shipping string `json:"shipping_option_id"`
}

type press struct {
	ID      string
	Data    string
	From    person
	Message message
}

type query struct {
	ID    string
	Query string
}

type shipping struct {
	ID      string
	Address struct {
		Country string `json:"country_code"`
	} `json:"shipping_address"`
}

type pollAnswer struct {
	User    person
	Options []int `json:"option_ids"`
}

// commands are what the bot's menu has, with what they do.
var commands = []struct {
	name, description string
	run               func(*bot, context.Context, message) error
}{
	{"start", "what this bot can do", (*bot).menu},
	{"photo", "a photo with a caption", (*bot).photo},
	{"album", "three photos as an album", (*bot).album},
	{"pay", "an invoice, with shipping", (*bot).invoice},
	{"poll", "a poll", (*bot).poll},
	{"stream", "an answer that is written bit by bit", (*bot).stream},
	{"keyboard", "a keyboard in place of the letters", (*bot).keyboard},
	{"dice", "throw a dice", (*bot).dice},
}

// introduce sets what users see of the bot before they write.
func (b *bot) introduce(ctx context.Context) error {
	menu := make([]params, 0, len(commands))
	for _, c := range commands {
		menu = append(menu, params{"command": c.name, "description": c.description})
	}
	for method, p := range map[string]params{
		"setMyName":        {"name": "Demo bot"},
		"setMyDescription": {"description": "A bot that shows what bots can do. It runs inside tghook dev --demo."},
		"setMyCommands":    {"commands": menu},
	} {
		if err := b.client.Call(ctx, method, p, nil); err != nil {
			return err
		}
	}
	return nil
}

func (b *bot) handle(ctx context.Context, u *update) (tghook.Reply, error) {
	switch {
	case u.Message != nil:
		return tghook.NoReply, b.message(ctx, *u.Message)
	case u.CallbackQuery != nil:
		return tghook.NoReply, b.press(ctx, u.CallbackQuery)
	case u.InlineQuery != nil:
		return tghook.Reply{Method: "answerInlineQuery", Params: answers(u.InlineQuery)}, nil
	case u.Shipping != nil:
		return tghook.Reply{Method: "answerShippingQuery", Params: ship(u.Shipping)}, nil
	case u.PreCheckout != nil:
		return tghook.Reply{Method: "answerPreCheckoutQuery", Params: params{"pre_checkout_query_id": u.PreCheckout.ID, "ok": true}}, nil
	case u.PollAnswer != nil:
		return voted(u.PollAnswer), nil
	case u.Stopped != nil:
		b.stopWriting(u.Stopped.Chat.ID)
	}
	return tghook.NoReply, nil
}

func (b *bot) message(ctx context.Context, m message) error {
	if name, ok := strings.CutPrefix(m.Text, "/"); ok {
		name, _, _ = strings.Cut(name, " ")
		name, _, _ = strings.Cut(name, "@")
		for _, c := range commands {
			if c.name == name {
				return c.run(b, ctx, m)
			}
		}
		return b.say(ctx, m.Chat.ID, "There is no command /"+escape(name)+". The menu beside the text field has those that there are.")
	}
	if text := describe(m); text != "" {
		return b.say(ctx, m.Chat.ID, text)
	}
	if m.Text == "" || m.Chat.Type != "private" {
		return nil
	}
	return b.client.Call(ctx, "sendMessage", params{
		"chat_id": m.Chat.ID, "parse_mode": "HTML", "reply_parameters": params{"message_id": m.ID},
		"text": fmt.Sprintf("You said <b>%s</b>. Send /start for what else I can do.", escape(m.Text)),
	}, nil)
}

// describe says what a message is that is no text. It returns "" for other messages.
func describe(m message) string {
	switch {
	case m.Payment != nil:
		return fmt.Sprintf("✅ Thank you! You have paid %s, and the parcel goes by <i>%s</i>. No money has moved.", money(m.Payment.Total, m.Payment.Currency), escape(m.Payment.Shipping))
	case m.Contact != nil:
		return "☎️ Your number is <code>" + escape(m.Contact.Phone) + "</code>."
	case m.Location != nil:
		return fmt.Sprintf("📍 You are at <code>%.4f, %.4f</code>.", m.Location.Latitude, m.Location.Longitude)
	case m.Dice != nil:
		return fmt.Sprintf("%s shows %d.", m.Dice.Emoji, m.Dice.Value)
	case m.Photo != nil:
		return "🖼 A photo! I have looked at it."
	case m.Document != nil:
		return "📄 I have got the file <code>" + escape(m.Document.Name) + "</code>."
	case m.Voice != nil:
		return fmt.Sprintf("🎙 I have listened for %d seconds.", m.Voice.Duration)
	case m.Sticker != nil:
		return "A sticker: " + escape(m.Sticker.Emoji)
	case len(m.NewMembers) > 0:
		return "👋 Welcome, " + escape(m.NewMembers[0].FirstName) + "!"
	}
	return ""
}

// say sends a text in HTML.
func (b *bot) say(ctx context.Context, chat int64, html string) error {
	return b.client.Call(ctx, "sendMessage", params{"chat_id": chat, "parse_mode": "HTML", "text": html}, nil)
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func money(cents int64, currency string) string {
	return fmt.Sprintf("%d.%02d %s", cents/100, cents%100, currency)
}

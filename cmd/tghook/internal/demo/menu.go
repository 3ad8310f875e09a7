package demo

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/tghook/tghook"
)

func button(text, key, value string) params { return params{"text": text, key: value} }

// menu greets, and offers a button for each thing that the bot can do.
func (b *bot) menu(ctx context.Context, m message) error {
	return b.client.Call(ctx, "sendMessage", params{
		"chat_id": m.Chat.ID, "parse_mode": "HTML",
		"text": fmt.Sprintf("Hello, <b>%s</b>! I am a bot, and this is a <i>simulated</i> Telegram. Press something:", escape(m.From.FirstName)),
		"reply_markup": params{"inline_keyboard": [][]params{
			{button("✏️ Edit", "callback_data", "edit 1"), button("🔔 Alert", "callback_data", "alert")},
			{button("🖼 Photo", "callback_data", "photo"), button("🗂 Album", "callback_data", "album")},
			{button("📊 Poll", "callback_data", "poll"), button("💶 Payment", "callback_data", "pay")},
			{button("⌨️ Keyboard", "callback_data", "keyboard"), button("🎲 Dice", "callback_data", "dice")},
			{button("💬 Streamed answer", "callback_data", "stream")},
			{button("🔎 Inline mode", "switch_inline_query_current_chat", ""), button("🌐 A link", "url", "https://core.telegram.org/bots/api")},
		}},
	}, nil)
}

// press does what a button of the menu says, and answers the press.
func (b *bot) press(ctx context.Context, p *press) error {
	answer := params{"callback_query_id": p.ID}
	m := p.Message
	m.From = p.From // the person who has pressed, not the bot
	what, argument, _ := strings.Cut(p.Data, " ")
	switch what {
	case "edit":
		if err := b.edit(ctx, m, argument); err != nil {
			return err
		}
	case "alert":
		answer["text"], answer["show_alert"] = "An alert waits until it is closed. Other answers disappear by themselves.", true
	case "again":
		if err := b.menu(ctx, m); err != nil {
			return err
		}
	default:
		for _, c := range commands {
			if c.name != what {
				continue
			}
			if err := c.run(b, ctx, m); err != nil {
				return err
			}
		}
	}
	return b.client.Call(ctx, "answerCallbackQuery", answer, nil)
}

// edit replaces the message with the button.
func (b *bot) edit(ctx context.Context, m message, argument string) error {
	times, _ := strconv.Atoi(argument) // what the bot has written itself
	return b.client.Call(ctx, "editMessageText", params{
		"chat_id": m.Chat.ID, "message_id": m.ID, "parse_mode": "HTML",
		"text": fmt.Sprintf("This message was edited <b>%d</b> times.\n<tg-spoiler>A spoiler</tg-spoiler>, <code>code</code>, <u>underlined</u>.", times),
		"reply_markup": params{"inline_keyboard": [][]params{
			{button("✏️ Once more", "callback_data", fmt.Sprint("edit ", times+1)), button("↩️ Menu", "callback_data", "again")},
		}},
	}, nil)
}

func (b *bot) photo(ctx context.Context, m message) error {
	return b.client.Call(ctx, "sendPhoto", params{
		"chat_id": m.Chat.ID, "photo": tghook.File{Name: "evening.jpg", Body: picture(evening)},
		"caption": "An *evening*, painted by the bot", "parse_mode": "MarkdownV2",
	}, nil)
}

func (b *bot) album(ctx context.Context, m message) error {
	return b.client.Call(ctx, "sendMediaGroup", params{"chat_id": m.Chat.ID, "media": []params{
		{"type": "photo", "media": tghook.File{Name: "morning.jpg", Body: picture(morning)}, "caption": "Three times of the day"},
		{"type": "photo", "media": tghook.File{Name: "noon.jpg", Body: picture(noon)}},
		{"type": "photo", "media": tghook.File{Name: "evening.jpg", Body: picture(evening)}},
	}}, nil)
}

func (b *bot) poll(ctx context.Context, m message) error {
	return b.client.Call(ctx, "sendPoll", params{
		"chat_id": m.Chat.ID, "question": "How do you get updates?", "is_anonymous": false,
		"options": []params{{"text": "By webhook"}, {"text": "By long poll"}, {"text": "By carrier pigeon"}},
	}, nil)
}

// voted answers a vote in the private chat with the voter.
func voted(a *pollAnswer) tghook.Reply {
	if len(a.Options) == 0 {
		return tghook.NoReply // the vote was taken back
	}
	text := "Thank you for your vote!"
	if a.Options[0] == 2 {
		text = "🐦 A pigeon has better latency than some networks."
	}
	return tghook.Reply{Method: "sendMessage", Params: params{"chat_id": a.User.ID, "text": text}}
}

func (b *bot) keyboard(ctx context.Context, m message) error {
	return b.client.Call(ctx, "sendMessage", params{
		"chat_id": m.Chat.ID, "text": "These keys send something about you:",
		"reply_markup": params{
			"keyboard": [][]params{
				{{"text": "☎️ My number", "request_contact": true}, {"text": "📍 My place", "request_location": true}},
				{{"text": "/start"}, {"text": "/dice"}},
			},
			"resize_keyboard": true, "one_time_keyboard": true, "input_field_placeholder": "Press a key",
		},
	}, nil)
}

func (b *bot) dice(ctx context.Context, m message) error {
	var sent message
	if err := b.client.Call(ctx, "sendDice", params{"chat_id": m.Chat.ID}, &sent); err != nil {
		return err
	}
	return b.say(ctx, m.Chat.ID, describe(sent))
}

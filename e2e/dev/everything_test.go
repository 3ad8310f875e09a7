package dev

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// everything sends one message of each kind to You.
func everything(t *testing.T, c *command, b *bot) {
	t.Helper()
	chat := c.you()
	id := strconv.FormatInt(chat, 10)
	b.must("setMyCommands", object{"commands": []object{{"command": "start", "description": "Begin"}, {"command": "order", "description": "Order a pizza"}}})
	b.must("sendMessage", object{"chat_id": chat, "parse_mode": "HTML", "text": "<b>Bold</b>, <i>italic</i>, <u>underline</u>, <s>strike</s>, <tg-spoiler>spoiler</tg-spoiler>, <code>code()</code>, https://example.org, #tag, /order\n<blockquote>A quote</blockquote>\n<pre><code class=\"language-python\">print(1)</code></pre>"})
	b.upload("sendPhoto", map[string]string{"chat_id": id, "caption": "A photo"}, map[string]part{"photo": {"a.png", picture(t, 300, 200, 90)}})
	media, err := json.Marshal([]object{{"type": "photo", "media": "attach://a"}, {"type": "photo", "media": "attach://b"}, {"type": "photo", "media": "attach://c"}})
	require.NoError(t, err)
	b.upload("sendMediaGroup", map[string]string{"chat_id": id, "media": string(media)}, map[string]part{"a": {"a.png", picture(t, 200, 200, 0)}, "b": {"b.png", picture(t, 200, 200, 120)}, "c": {"c.png", picture(t, 200, 200, 240)}})
	b.upload("sendDocument", map[string]string{"chat_id": id}, map[string]part{"document": {"menu.pdf", []byte("%PDF-1.4 ")}})
	b.upload("sendVoice", map[string]string{"chat_id": id, "duration": "7"}, map[string]part{"voice": {"v.ogg", []byte("OggS    ")}})
	b.upload("sendVideo", map[string]string{"chat_id": id, "duration": "7", "width": "320", "height": "180"}, map[string]part{"video": {"v.mp4", []byte("\x00\x00\x00\x18ftypmp42")}})
	b.must("sendLocation", object{"chat_id": chat, "latitude": 52.52, "longitude": 13.405})
	b.must("sendVenue", object{"chat_id": chat, "latitude": 52.52, "longitude": 13.405, "title": "Pizzeria", "address": "Main street 1"})
	b.must("sendContact", object{"chat_id": chat, "phone_number": "+15550100", "first_name": "Ada"})
	b.must("sendPoll", object{"chat_id": chat, "question": "Best topping?", "options": []string{"Olives", "Basil"}, "is_anonymous": false})
	b.must("sendPoll", object{"chat_id": chat, "question": "2 + 2?", "options": []string{"4", "5"}, "type": "quiz", "correct_option_id": 0, "explanation": "Count"})
	b.must("sendDice", object{"chat_id": chat})
	b.must("sendInvoice", object{"chat_id": chat, "title": "Lamp", "description": "It glows", "payload": "lamp", "provider_token": "1:TEST:a", "currency": "EUR", "prices": []object{{"label": "Lamp", "amount": 1999}}, "need_shipping_address": true, "is_flexible": true, "need_name": true})
	b.must("sendMessage", object{"chat_id": chat, "text": "Choose a size", "reply_markup": object{"inline_keyboard": [][]object{{{"text": "Small", "callback_data": "s"}, {"text": "Large", "callback_data": "l"}}, {{"text": "Menu", "url": "https://example.org"}, {"text": "Copy", "copy_text": object{"text": "X"}}}}}})
	b.must("sendMessage", object{"chat_id": chat, "text": "That was all.", "reply_markup": object{"keyboard": [][]object{{{"text": "Order"}, {"text": "My number", "request_contact": true}}}, "resize_keyboard": true}})
}

package world

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMarkupsAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	for markup, want := range map[string]string{
		`{`:                                    "can't parse reply keyboard markup JSON object",
		`[]`:                                   "object expected as reply markup",
		`"x"`:                                  "object expected as reply markup",
		`{"inline_keyboard":1}`:                `field "inline_keyboard" must be of type Array`,
		`{"inline_keyboard":[1]}`:              `field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays`,
		`{"inline_keyboard":[["x"]]}`:          "can't parse inline keyboard button: InlineKeyboardButton must be an Object",
		`{"inline_keyboard":[[{}]]}`:           `can't parse inline keyboard button: Can't find field "text"`,
		`{"inline_keyboard":[[{"text":{}}]]}`:  `can't parse inline keyboard button: Field "text" must be of type String`,
		`{"inline_keyboard":[[{"text":"x"}]]}`: "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
		`{"inline_keyboard":[[{"text":"x","callback_data":""}]]}`:                                           "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
		`{"inline_keyboard":[[{"text":"x","url":"http://localhost"}]]}`:                                     "inline keyboard button URL 'http://localhost' is invalid: Wrong HTTP URL",
		`{"inline_keyboard":[[{"text":"x","web_app":{"url":"http://a.b"}}]]}`:                               "inline keyboard button Web App URL 'http://a.b' is invalid: Only HTTPS links are allowed",
		fmt.Sprintf(`{"inline_keyboard":[[{"text":"x","callback_data":%q}]]}`, strings.Repeat("é", 32)+"x"): "BUTTON_DATA_INVALID",
		`{"keyboard":[1]}`:    `field "keyboard" must be an Array of Arrays`,
		`{"keyboard":[[1]]}`:  "can't parse keyboard button: KeyboardButton must be a String or an Object",
		`{"keyboard":[[{}]]}`: `can't parse keyboard button: Can't find field "text"`,
	} {
		assert.Equal(t, "400 Bad Request: "+want, s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_markup", markup), markup)
	}
}

func TestButtonsDoWhatTheirFirstFieldSays(t *testing.T) {
	t.Parallel()
	s := set(t)
	for button, want := range map[string]string{
		`{"callback_data":"d","text":"x","url":""}`:                             `{"text":"x","callback_data":"d"}`,
		fmt.Sprintf(`{"text":"x","callback_data":%q}`, strings.Repeat("é", 32)): fmt.Sprintf(`{"text":"x","callback_data":%q}`, strings.Repeat("é", 32)),
		`{"text":"x","callback_data":"d","url":"https://a.b/c"}`:                `{"text":"x","url":"https://a.b/c"}`,
		`{"text":"x","switch_inline_query":""}`:                                 `{"text":"x","switch_inline_query":""}`,
		`{"text":"x","switch_inline_query_current_chat":"q"}`:                   `{"text":"x","switch_inline_query_current_chat":"q"}`,
		`{"text":"x","pay":true}`:                                               `{"text":"x","pay":true}`,
		`{"text":"x","callback_game":{}}`:                                       `{"text":"x","callback_game":{}}`,
		`{"text":"x","copy_text":{"text":"y"},"style":"danger"}`:                `{"text":"x","style":"danger","copy_text":{"text":"y"}}`,
		`{"text":"x","web_app":{"url":"https://a.b"}}`:                          `{"text":"x","web_app":{"url":"https://a.b"}}`,
		`{"text":"x","login_url":{"url":"https://a.b"}}`:                        `{"text":"x","login_url":{"url":"https://a.b"}}`,
	} {
		assert.Contains(t, s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_markup", `{"inline_keyboard":[[`+button+`]]}`),
			`"reply_markup":{"inline_keyboard":[[`+want+`]]}`, button)
	}
	assert.NotContains(t, s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_markup", `{}`), "reply_markup")
	assert.NotContains(t, s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_markup", `{"inline_keyboard":[[]]}`), "reply_markup")
}

func TestKeyboardsAreShownToThoseWhomTheyAreFor(t *testing.T) {
	t.Parallel()
	s := set(t)
	keys := func(chat, user int64) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return string(s.chats[chat].keyboards[user])
	}
	const yes, no = `{"keyboard":[["yes"]]}`, `{"keyboard":[["no"]],"selective":true}`

	s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_markup", yes)
	assert.JSONEq(t, yes, keys(s.zoe.ID, s.zoe.ID))
	s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_markup", `{"inline_keyboard":[[{"text":"x","pay":true}]]}`)
	assert.JSONEq(t, yes, keys(s.zoe.ID, s.zoe.ID), "an inline keyboard replaces none")
	s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_markup", `{"remove_keyboard":true}`)
	assert.Empty(t, keys(s.zoe.ID, s.zoe.ID))

	s.call("sendMessage", "chat_id", "team", "text", "hi", "reply_markup", yes)
	assert.JSONEq(t, yes, keys(s.team.ID, s.zoe.ID))
	assert.JSONEq(t, yes, keys(s.team.ID, s.ben.ID))
	s.call("sendMessage", "chat_id", "team", "text", "hi", "reply_markup", no, "reply_to_message_id", "2")
	assert.JSONEq(t, yes, keys(s.team.ID, s.zoe.ID))
	assert.JSONEq(t, no, keys(s.team.ID, s.ben.ID), "message 2 is Ben's")
}

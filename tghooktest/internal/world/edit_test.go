package world

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

const notModified = `400 Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message`

func TestWhatTheBotSentCanBeEdited(t *testing.T) {
	t.Parallel()
	s := set(t)
	const keyboard = `{"inline_keyboard":[[{"text":"x","callback_data":"y"}]]}`
	edit := func(params ...string) []string {
		return append([]string{"chat_id", "zoe", "message_id", "2"}, params...)
	}
	s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_to_message_id", "1")
	s.play([]act{
		{"editMessageText", edit("text", "hi"), notModified},
		{"editMessageText", edit("text", strings.Repeat("x", 4097)), `400 Bad Request: MESSAGE_TOO_LONG`},
		{"editMessageText", edit("text", "*hi*", "parse_mode", "Markdown"), `{"message_id":2,"from":BOT,"chat":PRIVATE,"date":1795000000,"edit_date":1795000000,` +
			`"text":"hi","entities":[{"offset":0,"length":2,"type":"bold"}]}`},
		{"editMessageText", edit("text", "ho", "reply_markup", keyboard), `{"message_id":2,"from":BOT,"chat":PRIVATE,"date":1795000000,"edit_date":1795000000,` +
			`"text":"ho","reply_markup":` + keyboard + `}`},
		{"editMessageText", edit("text", "ho", "reply_markup", keyboard), notModified},
		{"editMessageReplyMarkup", edit("reply_markup", keyboard), notModified},
		{"editMessageText", edit("text", "ho"), `{"message_id":2,"from":BOT,"chat":PRIVATE,"date":1795000000,"edit_date":1795000000,"text":"ho"}`},
		{"editMessageReplyMarkup", edit(), notModified},
		{"editMessageReplyMarkup", edit("reply_markup", keyboard), `{"message_id":2,"from":BOT,"chat":PRIVATE,"date":1795000000,"edit_date":1795000000,` +
			`"text":"ho","reply_markup":` + keyboard + `}`},
		{"editMessageReplyMarkup", edit("reply_markup", `{"force_reply":true}`), `400 Bad Request: inline keyboard expected`},
		{"editMessageText", edit("text", ""), `400 Bad Request: message text is empty`},
		{"editMessageCaption", edit("caption", "x"), `400 Bad Request: there is no caption in the message to edit`},
		{"editMessageMedia", edit(), `400 Bad Request: parameter "media" is required`},
		{"editMessageMedia", edit("media", `{`), `400 Bad Request: can't parse input media JSON object`},
		{"editMessageMedia", edit("media", `{"type":"x"}`), `400 Bad Request: can't parse InputMedia: type "x" is unsupported`},
		{"editMessageText", []string{"chat_id", "zoe", "message_id", "1", "text", "x"}, `400 Bad Request: message can't be edited`},
		{"editMessageText", []string{"chat_id", "zoe", "message_id", "9", "text", "x"}, `400 Bad Request: message to edit not found`},
		{"editMessageText", []string{"chat_id", "zoe", "text", "x"}, `400 Bad Request: message to edit not found`},
		{"editMessageText", []string{"message_id", "2", "text", "x"}, `400 Bad Request: chat_id is empty`},
		{"editMessageText", []string{"text", "x"}, `400 Bad Request: message identifier is not specified`},
		{"editMessageText", []string{"inline_message_id", "x", "text", "x"}, `400 Bad Request: MESSAGE_ID_INVALID`},
	})
	assert.Equal(t, "ho", s.Messages(s.zoe.ID)[1].Text)
	assert.Equal(t, []Said{{Text: "hi"}, {Text: "hi", Edit: true}, {Text: "ho", Edit: true}, {Text: "ho", Edit: true}, {Text: "ho", Edit: true}}, s.Said(s.zoe.ID))
}

func TestCaptionsAndMediaCanBeEdited(t *testing.T) {
	t.Parallel()
	s := set(t)
	edit := func(params ...string) []string {
		return append([]string{"chat_id", "zoe", "message_id", "2"}, params...)
	}
	files := map[string]botapi.File{"new": {Name: "b.txt", Content: []byte("b")}}
	s.callWith(map[string]botapi.File{"document": {Name: "a.txt", Content: []byte("a")}}, "sendDocument", "chat_id", "zoe", "caption", "A")

	m := got(t, s.call("editMessageCaption", edit("caption", "B")...))
	assert.Equal(t, "B a.txt", m.Caption+" "+m.Document.Name)
	m = got(t, s.callWith(files, "editMessageMedia", edit("media", `{"type":"document","media":"attach://new","caption":"C"}`)...))
	assert.Equal(t, "C b.txt", m.Caption+" "+m.Document.Name)
	m = got(t, s.call("editMessageCaption", edit()...))
	assert.Equal(t, " b.txt", m.Caption+" "+m.Document.Name, "no caption is an empty one")
	s.expect(`400 Bad Request: there is no text in the message to edit`, s.call("editMessageText", edit("text", "x")...))
	m = got(t, s.call("editMessageMedia", edit("media", `{"type":"photo","media":"https://example.org/x.jpg"}`)...))
	assert.Nil(t, m.Document)
	assert.NotEmpty(t, m.Photo)

	s.call("sendDice", "chat_id", "zoe")
	s.expect(`400 Bad Request: there is no media in the message to edit`,
		s.call("editMessageMedia", "chat_id", "zoe", "message_id", "3", "media", `{"type":"photo","media":"https://example.org/x.jpg"}`))
}

func TestALiveLocationMovesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	s := set(t)
	at := func(params ...string) []string {
		return append([]string{"chat_id", "zoe", "message_id", "2"}, params...)
	}
	s.call("sendLocation", "chat_id", "zoe", "latitude", "1", "longitude", "1", "live_period", "60")
	s.play([]act{
		{"editMessageLiveLocation", at("latitude", "2", "longitude", "3"), `{"message_id":2,"from":BOT,"chat":PRIVATE,"date":1795000000,"edit_date":1795000000,` +
			`"location":{"latitude":2,"longitude":3,"live_period":60}}`},
		{"stopMessageLiveLocation", at(), `{"message_id":2,"from":BOT,"chat":PRIVATE,"date":1795000000,"edit_date":1795000000,"location":{"latitude":2,"longitude":3}}`},
		{"stopMessageLiveLocation", at(), `400 Bad Request: there is no live location in the message to edit`},
		{"editMessageLiveLocation", at("latitude", "2", "longitude", "3"), `400 Bad Request: there is no live location in the message to edit`},
	})
}

func TestAMessageOfAnInlineResultIsEditedByItsOwnID(t *testing.T) {
	t.Parallel()
	s := set(t)
	query := s.Inline(s.zoe.ID, "q")
	s.call("answerInlineQuery", "inline_query_id", query, "results",
		`[{"type":"article","id":"1","title":"T","input_message_content":{"message_text":"one"},"reply_markup":{"inline_keyboard":[[{"text":"x","callback_data":"y"}]]}}]`)
	m, err := s.Choose(s.zoe.ID, query, 0)
	require.NoError(t, err)
	s.mu.Lock()
	id := s.chats[s.zoe.ID].message(m.ID).inlineID
	s.mu.Unlock()
	s.play([]act{
		{"editMessageText", []string{"inline_message_id", id, "text", "two"}, `true`},
		{"editMessageText", []string{"inline_message_id", id, "text", "two"}, notModified},
		{"setGameScore", []string{"inline_message_id", id, "user_id", "zoe", "score", "1"}, `400 Bad Request: MESSAGE_ID_INVALID`},
	})
	assert.Equal(t, "two", s.Messages(s.zoe.ID)[1].Text)
}

func TestMessagesAreDeletedAsFarAsTheBotMay(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.call("sendMessage", "chat_id", "zoe", "text", "hi")
	s.play([]act{
		{"deleteMessage", nil, `400 Bad Request: chat identifier is not specified`},
		{"deleteMessage", []string{"chat_id", "zoe"}, `400 Bad Request: message identifier is not specified`},
		{"deleteMessage", []string{"chat_id", "zoe", "message_id", "9"}, `400 Bad Request: message to delete not found`},
		{"deleteMessage", []string{"chat_id", "zoe", "message_id", "1"}, `true`},
		{"deleteMessage", []string{"chat_id", "zoe", "message_id", "1"}, `400 Bad Request: message to delete not found`},
		{"editMessageText", []string{"chat_id", "zoe", "message_id", "1", "text", "x"}, `400 Bad Request: message to edit not found`},
		{"deleteMessages", []string{"chat_id", "zoe"}, `400 Bad Request: message identifiers are not specified`},
		{"deleteMessages", []string{"chat_id", "zoe", "message_ids", "["}, `400 Bad Request: can't parse message_ids JSON object`},
		{"deleteMessages", []string{"chat_id", "zoe", "message_ids", "1"}, `400 Bad Request: expected an Array of message identifiers`},
		{"deleteMessages", []string{"chat_id", "zoe", "message_ids", `[0]`}, `400 Bad Request: invalid message identifier specified`},
		{"deleteMessages", []string{"chat_id", "zoe", "message_ids", `[1,2,"3"]`}, `true`},
		{"deleteMessage", []string{"chat_id", "team", "message_id", "1"}, `true`}, // the bot is an administrator of the group
	})
	assert.Empty(t, s.Messages(s.zoe.ID))

	s.mu.Lock()
	s.team.members[s.bot.ID].Status = "member"
	s.mu.Unlock()
	s.call("sendMessage", "chat_id", "team", "text", "hi")
	s.play([]act{
		{"deleteMessage", []string{"chat_id", "team", "message_id", "2"}, `400 Bad Request: message can't be deleted`},
		{"deleteMessage", []string{"chat_id", "team", "message_id", "3"}, `true`},
	})

	s.call("sendMessage", "chat_id", "zoe", "text", "old")
	s.mu.Lock()
	s.chats[s.zoe.ID].message(3).Date -= deletable
	s.mu.Unlock()
	s.expect(`400 Bad Request: message can't be deleted for everyone`, s.call("deleteMessage", "chat_id", "zoe", "message_id", "3"))
}

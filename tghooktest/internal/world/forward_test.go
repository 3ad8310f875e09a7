package world

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMessagesAreForwardedAndCopied(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.play([]act{
		{
			"forwardMessage",
			[]string{"chat_id", "team", "from_chat_id", "zoe", "message_id", "1"},
			`{"message_id":3,"from":BOT,"chat":GROUP,"date":1795000000,"forward_origin":{"type":"user","sender_user":ZOE,"date":1795000000},` +
				`"forward_from":ZOE,"forward_date":1795000000,"text":"hello bot"}`,
		},
		{
			"forwardMessage",
			[]string{"chat_id", "zoe", "from_chat_id", "team", "message_id", "3"},
			`{"message_id":2,"from":BOT,"chat":PRIVATE,"date":1795000000,"forward_origin":{"type":"user","sender_user":ZOE,"date":1795000000},` +
				`"forward_from":ZOE,"forward_date":1795000000,"text":"hello bot"}`,
		},
		{"editMessageText", []string{"chat_id", "zoe", "message_id", "2", "text", "x"}, `400 Bad Request: message can't be edited`},
		{"copyMessage", []string{"chat_id", "team", "from_chat_id", "zoe", "message_id", "2", "reply_markup", `{"inline_keyboard":[[{"text":"x","pay":true}]]}`}, `{"message_id":4}`},
		{"copyMessages", []string{"chat_id", "zoe", "from_chat_id", "team", "message_ids", `[99,4,1,3]`}, `[{"message_id":3},{"message_id":4}]`},
		{"forwardMessages", []string{"chat_id", "zoe", "from_chat_id", "team", "message_ids", `[3]`}, `[{"message_id":5}]`},
		{"forwardMessages", []string{"chat_id", "zoe", "from_chat_id", "team", "message_ids", `[99]`}, `400 Bad Request: messages can't be forwarded`},
		{"forwardMessage", []string{"chat_id", "zoe", "message_id", "1"}, `400 Bad Request: parameter "from_chat_id" is required`},
		{"forwardMessage", []string{"chat_id", "zoe", "from_chat_id", "1", "message_id", "1"}, `400 Bad Request: chat not found`},
		{"forwardMessage", []string{"chat_id", "zoe", "from_chat_id", "team", "message_id", "99"}, `400 Bad Request: message to forward not found`},
		{"copyMessage", []string{"chat_id", "zoe", "from_chat_id", "team", "message_id", "99"}, `400 Bad Request: message to copy not found`},
		{"forwardMessage", []string{"chat_id", "zoe", "from_chat_id", "team", "message_id", "1"}, `400 Bad Request: message can't be forwarded`},
		{"copyMessage", []string{"chat_id", "zoe", "from_chat_id", "team", "message_id", "1"}, `400 Bad Request: message can't be copied`},
	})
	assert.JSONEq(t, s.full(`{"message_id":4,"from":BOT,"chat":GROUP,"date":1795000000,"text":"hello bot","reply_markup":{"inline_keyboard":[[{"text":"x","pay":true}]]}}`),
		string(s.Messages(s.team.ID)[3].JSON))

	s.call("sendMessage", "chat_id", "zoe", "text", "mine", "protect_content", "true")
	s.expect(`400 Bad Request: message can't be forwarded`, s.call("forwardMessage", "chat_id", "team", "from_chat_id", "zoe", "message_id", "6"))
}

func TestCopiesOfAlbumsAreAlbums(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.call("sendMediaGroup", "chat_id", "zoe", "media", `[{"type":"photo","media":"http://a.b/c","caption":"A"},{"type":"photo","media":"http://a.b/d"}]`)
	s.expect(`[{"message_id":4},{"message_id":5},{"message_id":6}]`, s.call("copyMessages", "chat_id", "zoe", "from_chat_id", "zoe", "message_ids", "[1,2,3]", "remove_caption", "true"))
	all := make([]Message, 6)
	for i, seen := range s.Messages(s.zoe.ID) {
		require.NoError(t, json.Unmarshal(seen.JSON, &all[i]))
	}
	assert.Empty(t, all[3].AlbumID)
	assert.NotEmpty(t, all[4].AlbumID)
	assert.Equal(t, all[4].AlbumID, all[5].AlbumID)
	assert.NotEqual(t, all[1].AlbumID, all[4].AlbumID)
	assert.Equal(t, all[1].Photo, all[4].Photo)
	assert.Empty(t, all[4].Caption)
	assert.Equal(t, "A", all[1].Caption)

	s.expect(`{"message_id":7}`, s.call("copyMessage", "chat_id", "zoe", "from_chat_id", "zoe", "message_id", "2", "caption", "_B_", "parse_mode", "Markdown"))
	assert.Equal(t, "B", s.Messages(s.zoe.ID)[6].Text)
}

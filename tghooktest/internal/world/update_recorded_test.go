package world

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorded returns the object of a recorded update, by the name of its file.
func recorded(t *testing.T, name string) (kind string, object []byte) {
	t.Helper()
	update, err := os.ReadFile(filepath.Join("..", "..", "updates", name+".json"))
	require.NoError(t, err)
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(update, &members))
	for kind, object = range members {
		if kind != "update_id" {
			return kind, object
		}
	}
	return "", nil
}

func TestWhatARecordedUpdateIsAboutCanBeAnswered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		update string
		acts   []act
	}{
		{"message", []act{
			{"sendMessage", []string{"chat_id", "7244100913", "text", "hi", "reply_to_message_id", "1401"}, `{"message_id":1402,`},
			{"setMessageReaction", []string{"chat_id", "7244100913", "message_id", "1401"}, `true`},
			{"deleteMessage", []string{"chat_id", "7244100913", "message_id", "1401"}, `true`},
		}},
		{"callback_query", []act{
			{"answerCallbackQuery", []string{"callback_query_id", "31113170099183247"}, `true`},
			{"editMessageText", []string{"chat_id", "-1002147483649", "message_id", "78", "text", "Shipped"}, `{"message_id":78,"from":BOT`},
			{"sendMessage", []string{"chat_id", "-1002147483649", "text", "hi"}, `{"message_id":79,`},
			{"getChatMember", []string{"chat_id", "-1002147483649", "user_id", "5012345678901"}, `{"user":{"id":5012345678901,`},
		}},
		{"inline_query", []act{{"answerInlineQuery", []string{"inline_query_id", "31113170099183246", "results", "[]"}, `true`}}},
		{"my_chat_member", nil},
		{"chat_member", nil},
		{"channel_post", nil},
		{"message_large", nil},
	} {
		s := set(t)
		s.Meet(recorded(t, c.update))
		for _, a := range c.acts {
			answer := s.call(a.method, a.params...)
			assert.True(t, strings.HasPrefix(answer, s.full(a.want)), "%s: %s %q: %s", c.update, a.method, a.params, answer)
		}
	}
}

func TestAnInlineMessageThatIsMetCanBeEdited(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.Meet("callback_query", []byte(`{"id":"5","from":{"id":9,"first_name":"Ada"},"inline_message_id":"abc","data":"x"}`))
	s.Meet("chosen_inline_result", []byte(`{"from":{"id":9,"first_name":"Ada"},"inline_message_id":"def","query":"","result_id":"1"}`))
	s.play([]act{
		{"answerCallbackQuery", []string{"callback_query_id", "5"}, `true`},
		{"editMessageText", []string{"inline_message_id", "abc", "text", "hi"}, `true`},
		{"editMessageText", []string{"inline_message_id", "def", "text", "hi"}, `true`},
		{"sendMessage", []string{"chat_id", "9", "text", "hi"}, `{"message_id":2,"from":BOT,"chat":{"id":9,"first_name":"Ada","type":"private"},"date":1795000000,"text":"hi"}`},
	})
}

func TestMembershipsAreMet(t *testing.T) {
	t.Parallel()
	s := set(t)
	const group = `{"chat":{"id":-100500,"title":"Crew","type":"supergroup"},"from":{"id":9,"first_name":"Ada"},"date":1,`
	s.Meet("chat_member", []byte(group+`"new_chat_member":{"user":{"id":10,"first_name":"Bob"},"status":"kicked"}}`))
	s.expect(`{"user":{"id":10,"is_bot":false,"first_name":"Bob"},"status":"kicked","until_date":0}`, s.call("getChatMember", "chat_id", "-100500", "user_id", "10"))
	s.Meet("my_chat_member", []byte(group+`"new_chat_member":{"user":{"id":1,"first_name":"Bot"},"status":"left"}}`))
	s.expect(`403 Forbidden: bot is not a member of the supergroup chat`, s.call("sendMessage", "chat_id", "-100500", "text", "hi"))
	const private = `{"chat":{"id":9,"first_name":"Ada","type":"private"},"from":{"id":9,"first_name":"Ada"},"date":1,`
	s.Meet("my_chat_member", []byte(private+`"new_chat_member":{"user":{"id":1,"first_name":"Bot"},"status":"kicked"}}`))
	s.expect(`403 Forbidden: bot was blocked by the user`, s.call("sendMessage", "chat_id", "9", "text", "hi"))
}

func TestWhatIsKnownStaysAsItIs(t *testing.T) {
	t.Parallel()
	s := set(t)
	before := s.Messages(s.zoe.ID)
	s.Meet("message", bytes.Replace(before[0].JSON, []byte("hello bot"), []byte("other"), 1))
	assert.Equal(t, before, s.Messages(s.zoe.ID))
	query := s.Inline(s.zoe.ID, "q")
	s.expect("true", s.call("answerInlineQuery", "inline_query_id", query))
	s.Meet("inline_query", []byte(`{"id":"`+query+`","from":{"id":9,"first_name":"Ada"},"query":"other"}`))
	assert.True(t, s.Query(query).Answered)
	s.Meet("brand_new", []byte(`{"chat":5,"id":7}`))
	s.Meet("message", []byte(`[]`))
}

func TestWhatIsOldCanBeDeletedAndWhatCannotBeSeenIsNotThere(t *testing.T) {
	t.Parallel()
	s := set(t)
	const chat = `"chat":{"id":9,"first_name":"Ada","type":"private"},`
	s.Meet("message", []byte(`{"message_id":50,"from":{"id":9,"first_name":"Ada"},`+chat+`"date":1,"text":"old"}`))
	s.Meet("callback_query", []byte(`{"id":"5","from":{"id":9,"first_name":"Ada"},"message":{`+chat+`"message_id":40,"date":0}}`))
	s.play([]act{
		{"deleteMessage", []string{"chat_id", "9", "message_id", "50"}, `true`},
		{"editMessageText", []string{"chat_id", "9", "message_id", "40", "text", "x"}, `400 Bad Request: message to edit not found`},
	})
}

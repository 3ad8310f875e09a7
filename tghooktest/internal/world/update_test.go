package world_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/world"
)

// The bot can answer updates from outside like those of the World's users.
func TestTheBotCanAnswerWhoIsMet(t *testing.T) {
	t.Parallel()
	w := world.New(world.Config{Now: time.Now, BotID: 7, Username: "stand_in_bot", Emit: func(string, []byte) bool { return true }})
	call := func(method string, values map[string]string) string {
		t.Helper()
		result, err := w.Call(botapi.Params{Method: method, Values: values}, 0)
		if err != nil {
			return err.Description
		}
		var m struct {
			ID   json.Number `json:"message_id"`
			Text string      `json:"text"`
		}
		_ = json.Unmarshal(result, &m)
		return m.ID.String() + m.Text
	}
	say := func(chat string) map[string]string { return map[string]string{"chat_id": chat, "text": "hi"} }
	assert.Equal(t, "Bad Request: chat not found", call("sendMessage", say("42")))
	w.Meet("message", []byte(`{"message_id":9,"from":{"id":42,"is_bot":false,"first_name":"Zoë"},"chat":{"id":42,"first_name":"Zoë","type":"private"},"date":1,"text":"hello"}`))
	assert.Equal(t, "10hi", call("sendMessage", say("42")))
	assert.Equal(t, "11hello", call("forwardMessage", map[string]string{"chat_id": "42", "from_chat_id": "42", "message_id": "9"}))
	w.Meet("message_reaction", []byte(`{"chat":{"id":-1001234567890,"title":"Team","type":"supergroup"},"message_id":5,"user":{"id":43,"is_bot":false,"first_name":"Ben"},"date":1}`))
	assert.Equal(t, "1hi", call("sendMessage", say("-1001234567890")))
	answer := map[string]string{"callback_query_id": "4382"}
	assert.NotEmpty(t, call("answerCallbackQuery", answer), "a query that nobody has made was answered")
	w.Meet("callback_query", []byte(`{"id":"4382","from":{"id":44,"is_bot":false,"first_name":"Ada"},"message":{"message_id":20,"chat":{"id":42,"type":"private"},"date":0},"data":"yes"}`))
	assert.Empty(t, call("answerCallbackQuery", answer))
	w.Meet("callback_query", []byte(`{"id":7}`))
	w.Meet("message", []byte(`{"chat":{"id":"text"}}`))
}

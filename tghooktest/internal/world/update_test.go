package world_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/world"
)

// The bot can answer updates from outside like those of the World's users.
func TestTheBotCanAnswerWhoIsMet(t *testing.T) {
	t.Parallel()
	w := world.New(world.Config{Now: time.Now, BotID: 7, Username: "stand_in_bot", Emit: func(string, []byte) bool { return true }})
	call := func(method string, values map[string]string) string {
		t.Helper()
		result, err := w.Call(botapi.Params{Method: method, Values: values})
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
	if got := call("sendMessage", say("42")); got != "Bad Request: chat not found" {
		t.Errorf("to a stranger: %s", got)
	}
	w.Meet("message", []byte(`{"message_id":9,"from":{"id":42,"is_bot":false,"first_name":"Zoë"},"chat":{"id":42,"first_name":"Zoë","type":"private"},"date":1,"text":"hello"}`))
	if got := call("sendMessage", say("42")); got != "10hi" {
		t.Errorf("to who has written: %s, want message 10", got)
	}
	if got := call("forwardMessage", map[string]string{"chat_id": "42", "from_chat_id": "42", "message_id": "9"}); got != "11hello" {
		t.Errorf("what was written is forwarded as %s", got)
	}
	w.Meet("message_reaction", []byte(`{"chat":{"id":-1001234567890,"title":"Team","type":"supergroup"},"message_id":5,"user":{"id":43,"is_bot":false,"first_name":"Ben"},"date":1}`))
	if got := call("sendMessage", say("-1001234567890")); got != "1hi" {
		t.Errorf("to a group: %s", got)
	}
	answer := map[string]string{"callback_query_id": "4382"}
	if got := call("answerCallbackQuery", answer); got == "" {
		t.Error("a query that nobody has made was answered")
	}
	w.Meet("callback_query", []byte(`{"id":"4382","from":{"id":44,"is_bot":false,"first_name":"Ada"},"message":{"message_id":20,"chat":{"id":42,"type":"private"},"date":0},"data":"yes"}`))
	if got := call("answerCallbackQuery", answer); got != "" {
		t.Errorf("a press is answered: %s", got)
	}
	w.Meet("callback_query", []byte(`{"id":7}`))
	w.Meet("message", []byte(`{"chat":{"id":"text"}}`))
}

package desk_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const waitPath = "/api/bots/123456/wait"

func TestWaitFindsWhatTheBotSaidSinceTheLastAct(t *testing.T) {
	r := start(t)
	n := 0
	r.webhook(func(update object) any {
		n++
		m := update["message"].(object)
		return object{"method": "sendMessage", "chat_id": m["chat"].(object)["id"], "text": "echo " + m["text"].(string)}
	})
	r.say("one")
	first := r.post(waitPath, object{"chat": r.you, "text": " echo one "})
	again := r.post(waitPath, object{"chat": r.you, "text": "echo one"}) // what was said before the wait counts
	require.Equal(t, first["seq"], again["seq"])
	r.say("two")
	r.post(waitPath, object{"contains": "two"})
	text := r.refused(http.MethodPost, waitPath, object{"chat": r.you, "text": "echo one", "timeout": "100ms"}, http.StatusGatewayTimeout, "timeout")
	require.Equal(t, `the bot did not say "echo one" within 100ms; instead it said: "echo two"`, text)
	old := r.post(waitPath, object{"text": "echo one", "after": first["seq"].(float64) - 1})
	require.Equal(t, first["seq"], old["seq"])
	r.post(waitPath, object{"matches": "^echo t.o$"})
	require.Equal(t, 2, n)
}

func TestWaitSaysWhyNothingCame(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	r.say("hi")
	text := r.refused(http.MethodPost, waitPath, object{"chat": r.you, "text": "hello", "timeout": "50ms"}, http.StatusGatewayTimeout, "timeout")
	require.Equal(t, `the bot did not say "hello" within 50ms; it said nothing in this chat; 1 update waits for it: it has set no webhook and has not polled`, text)

	r.webhook(func(object) any { return http.StatusInternalServerError })
	r.someRows("?failed=1", 1)
	text = r.refused(http.MethodPost, waitPath, object{"chat": r.you, "text": "hello", "timeout": "300ms"}, http.StatusGatewayTimeout, "timeout")
	require.Contains(t, text, "Wrong response from the webhook: 500 Internal Server Error")
	r.tryCall("sendMessage", object{"chat_id": 5, "text": "x"})
	text = r.refused(http.MethodPost, waitPath, object{"text": "hello", "timeout": "300ms"}, http.StatusGatewayTimeout, "timeout")
	require.Contains(t, text, "these of its calls failed: sendMessage (400 Bad Request: chat not found)")
}

func TestWaitForOtherThanMessages(t *testing.T) {
	r := start(t)
	r.webhook(func(object) any { return nil })
	m := r.say("hi")
	r.post(waitPath, object{"kind": "delivery"})
	go func() { // while the wait lasts
		time.Sleep(20 * time.Millisecond)
		r.tryCall("sendChatAction", object{"chat_id": r.you, "action": "typing"})
		r.tryCall("deleteMessage", object{"chat_id": r.you, "message_id": m})
		r.tryCall("sendMessageDraft", object{"chat_id": r.you, "draft_id": 1, "text": "Once"})
	}()
	row := r.post(waitPath, object{"method": "SENDCHATACTION"})["row"].(object)
	require.Equal(t, "sendChatAction", row["method"])
	r.post(waitPath, object{"kind": "action", "text": "typing"})
	require.Equal(t, "delete", r.post(waitPath, object{"kind": "delete", "chat": r.you})["event"].(object)["kind"])
	r.post(waitPath, object{"kind": "draft", "contains": "Once"})
	r.post(waitPath, object{"kind": "idle"})
}

func TestWaitUntilIdleWaitsForTheHandler(t *testing.T) {
	r := start(t)
	release := make(chan struct{})
	r.webhook(func(object) any { <-release; return nil })
	r.say("hi")
	require.Contains(t, r.refused(http.MethodPost, waitPath, object{"kind": "idle", "timeout": "400ms"}, http.StatusGatewayTimeout, "timeout"), "the bot was not idle")
	close(release)
	r.post(waitPath, object{"kind": "idle"})
}

func TestWaitChecksItsFields(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	for _, wrong := range []object{{}, {"kind": "dance"}, {"matches": "("}, {"text": "x", "timeout": "1h"}, {"text": "x", "timeout": "soon"}} {
		r.refused(http.MethodPost, waitPath, wrong, http.StatusBadRequest, "invalid_request")
	}
	r.refused(http.MethodPost, waitPath, object{"text": "x", "after": 1}, http.StatusGone, "events_gone")
}
